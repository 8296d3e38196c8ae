//! What can go wrong, with the remedy where there is one.

use std::io;

use aya::EbpfError;
use aya::maps::MapError;
use aya::programs::ProgramError;

/// Result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a program could not be loaded, attached or spoken to.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The kernel must not be used with AF_XDP.
    #[error(
        "kernel {0} delivers AF_XDP frames to sockets of other queues (CVE-2024-39293): use a \
         kernel before 6.9 or from 6.9.5 on"
    )]
    BrokenKernel(crate::KernelVersion),
    /// The kernel's version could not be read.
    #[error("the kernel's version {0:?} is not understood")]
    UnknownKernel(String),
    /// A setting is out of range.
    #[error("{0}")]
    BadConfig(&'static str),
    /// Loading was refused for want of privilege.
    #[error(
        "loading eBPF programs needs the capabilities CAP_BPF and CAP_NET_ADMIN (and CAP_PERFMON): \
         run as root"
    )]
    NotPermitted,
    /// The object could not be loaded.
    #[error("loading the {program} program: {source}")]
    Load {
        /// The program's name.
        program: &'static str,
        /// aya's error.
        source: Box<EbpfError>,
    },
    /// The program was refused by the verifier, or could not be used.
    #[error("the {program} program: {source}")]
    Program {
        /// The program's name.
        program: &'static str,
        /// aya's error; it holds the verifier's log.
        source: Box<ProgramError>,
    },
    /// The device refused a native XDP program.
    #[error(
        "the device with index {ifindex} refuses native XDP ({reason}); use a driver that has it (veth \
         does), remove another XDP program from the device, and keep its MTU at 3498 or below: \
         generic XDP is no substitute, for it reports receive queue 0 for every frame"
    )]
    NoNativeXdp {
        /// The device.
        ifindex: u32,
        /// The kernel's word.
        reason: String,
    },
    /// The device runs no XDP program itself.
    #[error(
        "the device with index {ifindex} takes no XDP program to run itself ({reason}); it needs a NIC and a \
         driver with XDP offload: leave `xdp.mode: offload` out, and the program runs in the driver"
    )]
    NoOffload {
        /// The device.
        ifindex: u32,
        /// The kernel's word.
        reason: String,
    },
    /// The stack's hook of the device is not to be had.
    #[error(
        "the device with index {ifindex} takes no XDP program in its stack ({reason}): remove the one that it has"
    )]
    NoGenericXdp {
        /// The device.
        ifindex: u32,
        /// The kernel's word.
        reason: String,
    },
    /// A map operation failed.
    #[error("the map {map}: {source}")]
    Map {
        /// The map's name.
        map: &'static str,
        /// aya's error.
        source: Box<MapError>,
    },
    /// A part is not in the object: programs and loader do not belong together.
    #[error("the {program} program has no {part}")]
    Incomplete {
        /// The program's name.
        program: &'static str,
        /// The missing map or section.
        part: &'static str,
    },
    /// The kernel keeps no statistics of programs.
    #[error(
        "run-time statistics of eBPF programs: {0}; they need CAP_SYS_ADMIN and Linux 5.8: leave \
         `bpf_stats` out elsewhere"
    )]
    RunTimes(io::Error),
    /// The kernel cannot be asked to wait for programs that run.
    #[error("membarrier: {0}; it needs a kernel with CONFIG_MEMBARRIER and without nohz_full")]
    GracePeriod(io::Error),
    /// The clsact qdisc could not be added.
    #[error("the clsact qdisc of {device}: {source}")]
    Clsact {
        /// The device.
        device: String,
        /// The kernel's word.
        source: io::Error,
    },
}
