//! Packet systems: what runs between sender and receiver in a trial, from load to stop, for every design that is compared.
//!
//! The control thread (an agent) leads it through the phases of the agents' protocol: [`System::load`] ->
//! [`attach`](System::attach) -> [`start`](System::start), reads its [`counters`](System::counters) at any time, and
//! [`stop`](System::stop)s it; all from within the network namespace that it forwards in. One file a design says what the phases
//! mean for it. The choice of design, processor and I/O is made once at start, by matches that lead into generic code: nothing is
//! dispatched per packet.
//!
//! | design | receives and sends by | its ledger begins at |
//! |---|---|---|
//! | `netslice` | AF_XDP, a slice a queue | the program on each device |
//! | `kernel_forward` | the kernel | IP statistics of the namespace |
//! | `xdp_forward` | the program on each device | the program on each device, IP statistics for what it leaves to the kernel |
//! | `kernel_ipsec` | the kernel | IP and XFRM statistics of the namespace |
//! | `raw_socket`, `raw_parallel`, `pcap`, `pcap_mmap`, `packet_mmap_v3`, `dispatch_threads` | packet sockets | the sockets |
//!
//! **CPUs.** The kernel's part of a queue runs on its k-peer. `netslice` sees to that itself (NAPI threads or interrupts, RPS, XPS,
//! RSS), as the paper's kernel module does when it is loaded; a harness that has pinned the NAPI threads to the same CPUs before loses
//! nothing, for doing it twice changes nothing. For the other designs it is the harness' part, since nothing of them says
//! where a queue's packets are handled.
//!
//! **Settings.** A system whose frames reach user space switches the namespace's own forwarding off, or frames would
//! leave twice; one in the kernel switches it on, and so does one that asks the kernel's tables ([`Routing::Kernel`]), whose
//! programs leave the kernel nothing to forward. Both are put back. Offloads are the harness' part: no device may join
//! frames or leave large ones to be split ([`sys::ethtool::single_frames`]); and where no XDP program is attached
//! ([`Design::has_program`]) GRO must be on, which gives a veth NAPI and merges no UDP of routed flows. It must be switched on
//! while the device is up: only then does Linux (6.18) let XDP redirect to the veth's other end, and else drops what it sends there.

mod config;
mod counters;
mod crew;
mod dispatch_threads;
mod forwarding;
mod hands;
mod ip_statistics;
pub mod isolated;
mod kernel_forward;
mod kernel_ipsec;
mod machine;
mod netslice;
mod packet_mmap_v3;
mod pcap;
mod pcap_mmap;
mod processor;
mod raw_parallel;
mod raw_socket;
mod silence;
mod sockets;
mod xdp_forward;

use std::fmt;
use std::io;
use std::thread;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use sys::link;

use hands::Hands;
use machine::Machine;
use sockets::Sockets;

pub use config::{Design, ProcessorConfig, Routing, SystemConfig};
pub use counters::{Counter, Counters, Loss};
pub use processor::NEXT_LINKS_DISAGREED;

/// How long frames may go on moving in a system that nothing is sent to.
const QUIET_LIMIT: Duration = Duration::from_secs(10);
/// For how long nothing may be counted before a system is quiet: a NAPI thread that shares its CPU waits for some milliseconds.
const STILL: Duration = Duration::from_millis(20);

/// Why a system cannot be had, or broke.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no such system.
    #[error("{0}")]
    Config(String),
    /// This machine cannot run it; the sentence says what is missing.
    #[error("{design} cannot run here: {reason}")]
    Refused {
        /// The design.
        design: &'static str,
        /// What is missing, and the remedy.
        reason: String,
    },
    /// The devices cannot be sliced.
    #[error(transparent)]
    Slices(#[from] crate::slice::Error),
    /// A program could not be loaded or attached, or its counters not be read.
    #[error(transparent)]
    Program(#[from] loader::Error),
    /// A device, socket, ring, thread or setting could not be had.
    #[error("{what}: {source}")]
    Io {
        /// What was attempted.
        what: String,
        /// What the system said.
        source: io::Error,
    },
    /// A thread of the system has failed.
    #[error("{name}: {reason}")]
    Thread {
        /// The thread.
        name: String,
        /// Why.
        reason: String,
    },
    /// Frames are still in it.
    #[error("frames are still in the system after {0:?}")]
    NotQuiet(Duration),
}

impl Error {
    fn config(error: impl fmt::Display) -> Self {
        Self::Config(error.to_string())
    }

    fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source }
    }
}

/// A thread of the system, for CPU accounting and for what the user is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ThreadInfo {
    /// Its name (`slice-0`, `worker-1`, `reader`).
    pub name: String,
    /// Its thread id.
    pub tid: u32,
    /// The CPU it is pinned to, if it is.
    pub cpu: Option<u32>,
}

/// A packet system. Dropping it stops it and puts back what it changed.
pub struct System {
    design: Design,
    machine: Box<dyn Machine>,
}

impl fmt::Debug for System {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("System")
            .field("design", &self.design)
            .finish_non_exhaustive()
    }
}

impl System {
    /// Checks that the machine can run it, and loads what it needs. Call it, and everything else, inside the network namespace to
    /// forward in.
    ///
    /// # Errors
    /// When there is no such system, or the machine lacks what it needs, with the remedy.
    pub fn load(config: &SystemConfig) -> Result<Self, Error> {
        config.check()?;
        Ok(Self {
            design: config.design,
            machine: machine(config)?,
        })
    }

    /// Attaches programs, opens sockets, sets forwarding. From now on frames wait for the threads, or are forwarded by the
    /// kernel. Once.
    ///
    /// # Errors
    /// When a device, a socket or a setting cannot be had.
    pub fn attach(&mut self) -> Result<(), Error> {
        self.machine.attach()
    }

    /// Starts the threads, where there are any; each is on its CPU when this returns. Once, and behind
    /// [`attach`](Self::attach).
    ///
    /// # Errors
    /// When a thread cannot be had, or not on its CPU.
    pub fn start(&mut self) -> Result<(), Error> {
        self.machine.start()
    }

    /// The threads, for CPU accounting; empty before [`start`](Self::start) and for designs in the kernel.
    #[must_use]
    pub fn threads(&self) -> Vec<ThreadInfo> {
        self.machine.hands().map_or_else(Vec::new, Hands::threads)
    }

    /// What was had, as opposed to what was asked, by name: modes, sizes of rings, placement. Complete after
    /// [`attach`](Self::attach).
    #[must_use]
    pub fn obtained(&self) -> Vec<(String, String)> {
        self.machine.obtained()
    }

    /// Waits until no frame is in it: none in its sockets, rings or threads, and nothing counted by the kernel for
    /// a while. New arrivals keep it waiting.
    ///
    /// # Errors
    /// [`Error::NotQuiet`] after 10 s; when a thread has failed.
    pub fn quiesce(&mut self) -> Result<(), Error> {
        let deadline = Instant::now() + QUIET_LIMIT;
        loop {
            let before = self.counters()?;
            thread::sleep(STILL);
            let quiet = self.machine.hands().map_or(Ok(true), Hands::is_quiet)?;
            if quiet && self.counters()? == before {
                return Ok(());
            }
            if Instant::now() >= deadline {
                return Err(Error::NotQuiet(QUIET_LIMIT));
            }
        }
    }

    /// The counters, at any time; exact after [`quiesce`](Self::quiesce). Threads that sleep are heard when they wake, some 20 ms
    /// later.
    ///
    /// # Errors
    /// When the kernel does not tell its part, or a thread has failed: a ledger must not be closed on a guess.
    pub fn counters(&self) -> Result<Counters, Error> {
        let mut counters = Counters::default();
        self.machine.count(&mut counters)?;
        Ok(counters)
    }

    /// Stops the threads, detaches everything and puts the settings back.
    ///
    /// # Errors
    /// The first failure of a thread.
    pub fn stop(mut self) -> Result<(), Error> {
        match self.machine.hands_mut() {
            Some(hands) => hands.crew.dismiss(),
            None => Ok(()),
        }
    }
}

/// The one match over the designs.
fn machine(config: &SystemConfig) -> Result<Box<dyn Machine>, Error> {
    Ok(match config.design {
        Design::Netslice => Box::new(netslice::Netslice::load(config)?),
        Design::KernelForward => Box::new(kernel_forward::KernelForward::load(config)?),
        Design::XdpForward => Box::new(xdp_forward::XdpForward::load(config)?),
        Design::KernelIpsec => Box::new(kernel_ipsec::KernelIpsec::load(config)?),
        Design::RawSocket => Box::new(Sockets::load(config, raw_socket::RawSocket)?),
        Design::RawParallel { filters } => Box::new(Sockets::load(
            config,
            raw_parallel::RawParallel { filters },
        )?),
        Design::Pcap => Box::new(Sockets::load(config, pcap::Pcap)?),
        Design::PcapMmap => Box::new(Sockets::load(config, pcap_mmap::PcapMmap)?),
        Design::PacketMmapV3 => Box::new(Sockets::load(config, packet_mmap_v3::PacketMmapV3)?),
        Design::DispatchThreads => Box::new(dispatch_threads::DispatchThreads::load(config)?),
    })
}

/// The kernel's numbers of the devices.
fn port_numbers(config: &SystemConfig) -> Result<[u32; 2], Error> {
    let number = |device: &String| {
        link::ifindex(device).map_err(Error::io(format!("find the device {device}")))
    };
    let [first, second] = &config.devices;
    Ok([number(first)?, number(second)?])
}
