//! Which packet system is to run, on which devices, threads and CPUs; and what cannot be had.

use serde::{Deserialize, Serialize};

use crate::gateway::GatewayConfig;
use crate::proxy::ProxyConfig;

use super::Error;

/// A packet system. Port 0 is the device towards the sender, port 1 the one towards the receiver.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SystemConfig {
    /// What moves the frames.
    pub design: Design,
    /// What is done to them.
    pub processor: ProcessorConfig,
    /// The devices, of the calling thread's network namespace.
    pub devices: [String; 2],
    /// Slices or worker threads; 0 for designs in the kernel. Slices use as many queues of each device.
    pub workers: u16,
    /// The CPU of the kernel's part (the NAPI thread, or the interrupt) of each queue. `netslice` puts it there itself; of the others
    /// it is only told.
    pub k_peers: Vec<u32>,
    /// The CPU of each worker; of `dispatch_threads` the reader's comes behind the workers'. Empty: wherever the scheduler puts
    /// them.
    pub u_peers: Vec<u32>,
    /// Frames that are received, processed and pushed out together, 1 to 256, where the design leaves that open: `netslice`,
    /// and the packet sockets without a ring.
    pub batch: u32,
    /// Who looks routes up. Only a router of `netslice` has the choice; the kernel's own designs have their tables, all others a
    /// mirror of them.
    pub routing: Routing,
    /// Whether what packet sockets send goes to the device's driver without a queueing discipline (PACKET_QDISC_BYPASS).
    pub qdisc_bypass: bool,
}

/// Who looks up where a frame goes, of those that a slice gets.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Routing {
    /// The slice, in a mirror of the kernel's tables.
    #[default]
    Mirror,
    /// The kernel, on the k-peer, which tells the slice; what it does not forward is looked up in the mirror.
    Kernel,
}

/// What moves frames between the devices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Design {
    /// Slices: AF_XDP sockets of queue i of both devices, a thread each.
    Netslice,
    /// The kernel's own forwarding.
    KernelForward,
    /// A program in the driver that forwards by the kernel's tables.
    XdpForward,
    /// The kernel's own IPsec (XFRM).
    KernelIpsec,
    /// One raw packet socket a device, and one thread.
    RawSocket,
    /// Raw packet sockets for each of several threads.
    RawParallel {
        /// Whether filters divide the frames among them; else each socket gets a copy of every frame.
        filters: bool,
    },
    /// As libpcap without a ring, and one thread.
    Pcap,
    /// As libpcap with a ring of TPACKET_V2, and one thread.
    PcapMmap,
    /// Rings of TPACKET_V3 in both directions, the threads by fanout.
    PacketMmapV3,
    /// One thread that reads, and workers that process and send.
    DispatchThreads,
}

/// What is done to each frame.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProcessorConfig {
    /// It is routed by the kernel's tables.
    Router,
    /// It is searched for patterns and leaves by the other port.
    Inspect {
        /// What is looked for.
        patterns: Vec<String>,
    },
    /// It goes through a tunnel between two gateways, of which this is one.
    Ipsec(GatewayConfig),
    /// It goes over a link between two proxies, of which this is one, that recovers what is lost there.
    Maelstrom(ProxyConfig),
}

/// How many threads a design has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Threads {
    /// None of its own.
    None,
    /// One that sees everything.
    One,
    /// As many as are asked for, at least one.
    Any,
    /// As [`Any`](Self::Any), and one that reads for them.
    AnyAndReader,
}

impl Design {
    /// The name that specs and result files use.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Netslice => "netslice",
            Self::KernelForward => "kernel_forward",
            Self::XdpForward => "xdp_forward",
            Self::KernelIpsec => "kernel_ipsec",
            Self::RawSocket => "raw_socket",
            Self::RawParallel { .. } => "raw_parallel",
            Self::Pcap => "pcap",
            Self::PcapMmap => "pcap_mmap",
            Self::PacketMmapV3 => "packet_mmap_v3",
            Self::DispatchThreads => "dispatch_threads",
        }
    }

    /// Whether the kernel does all the work, without a thread of this process.
    #[must_use]
    pub const fn is_in_kernel(self) -> bool {
        matches!(self.threads(), Threads::None)
    }

    /// Whether an XDP program in the driver takes the frames. The others need something else that gives a veth its NAPI threads:
    /// GRO (`rx-gro`).
    #[must_use]
    pub const fn has_program(self) -> bool {
        match self {
            Self::Netslice | Self::XdpForward => true,
            Self::KernelForward
            | Self::KernelIpsec
            | Self::RawSocket
            | Self::RawParallel { .. }
            | Self::Pcap
            | Self::PcapMmap
            | Self::PacketMmapV3
            | Self::DispatchThreads => false,
        }
    }

    const fn threads(self) -> Threads {
        match self {
            Self::KernelForward | Self::XdpForward | Self::KernelIpsec => Threads::None,
            Self::RawSocket | Self::Pcap | Self::PcapMmap => Threads::One,
            Self::Netslice | Self::RawParallel { .. } | Self::PacketMmapV3 => Threads::Any,
            Self::DispatchThreads => Threads::AnyAndReader,
        }
    }

    /// Why a proxy would not get what the other proxy's worker of the same number has sent.
    const fn spoils_streams(self, workers: u16) -> Option<&'static str> {
        match self {
            Self::Pcap | Self::PcapMmap | Self::DispatchThreads => {
                Some("its filter lets nothing in but IP, which proxies do not speak")
            }
            Self::RawParallel { .. } | Self::PacketMmapV3 if workers > 1 => {
                Some("it divides frames among its workers by itself")
            }
            Self::Netslice
            | Self::KernelForward
            | Self::XdpForward
            | Self::KernelIpsec
            | Self::RawSocket
            | Self::RawParallel { .. }
            | Self::PacketMmapV3 => None,
        }
    }

    /// Whether it can do that to frames.
    const fn can(self, processor: &ProcessorConfig) -> bool {
        match self {
            Self::KernelForward | Self::XdpForward => matches!(processor, ProcessorConfig::Router),
            Self::KernelIpsec => matches!(processor, ProcessorConfig::Ipsec(_)),
            Self::Netslice
            | Self::RawSocket
            | Self::RawParallel { .. }
            | Self::Pcap
            | Self::PcapMmap
            | Self::PacketMmapV3
            | Self::DispatchThreads => true,
        }
    }
}

impl Routing {
    /// The name that specs and result files use.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Mirror => "mirror",
            Self::Kernel => "kernel",
        }
    }
}

impl ProcessorConfig {
    /// The name that specs and result files use.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Router => "router",
            Self::Inspect { .. } => "inspect",
            Self::Ipsec(_) => "ipsec",
            Self::Maelstrom(_) => "maelstrom",
        }
    }
}

impl SystemConfig {
    /// Whether such a system can be, on any machine.
    pub(super) fn check(&self) -> Result<(), Error> {
        let (design, workers) = (self.design.name(), usize::from(self.workers));
        let refuse = |what: String| Err(Error::Config(format!("{design}: {what}")));
        if !self.design.can(&self.processor) {
            return refuse(format!(
                "what it does to frames is not '{}': choose a system whose frames reach user space, netslice or one over packet \
                 sockets",
                self.processor.name()
            ));
        }
        if let ProcessorConfig::Maelstrom(_) = &self.processor
            && let Some(why) = self.design.spoils_streams(self.workers)
        {
            return refuse(format!(
                "{why}, and proxies need every frame of a stream at one worker: choose netslice, raw_socket, or raw_parallel \
                 or packet_mmap_v3 with one worker"
            ));
        }
        if self.devices[0] == self.devices[1] {
            return refuse(format!(
                "it forwards between two devices, and both are {}",
                self.devices[0]
            ));
        }
        if !(1..=256).contains(&self.batch) {
            return refuse(format!("a batch has 1 to 256 frames, not {}", self.batch));
        }
        let most = match self.design.threads() {
            Threads::None if workers > 0 => {
                return refuse(format!("it has no threads, and {workers} are asked for"));
            }
            Threads::One if workers != 1 => {
                return refuse(format!(
                    "it has one thread for all queues, and {workers} are asked for; raw_parallel, packet_mmap_v3 and \
                     dispatch_threads have several"
                ));
            }
            Threads::Any | Threads::AnyAndReader if workers == 0 => {
                return refuse("it needs at least one thread".to_owned());
            }
            Threads::None | Threads::One | Threads::Any => workers,
            Threads::AnyAndReader => workers + 1,
        };
        let placed = self.u_peers.len();
        if placed != 0 && placed != workers && placed != most {
            return refuse(format!(
                "CPUs are told for {placed} of {most} threads: tell all, or none"
            ));
        }
        let asks = self.routing == Routing::Kernel;
        if asks && (self.design, &self.processor) != (Design::Netslice, &ProcessorConfig::Router) {
            return refuse(format!(
                "nobody of it, with '{}', would hear where the kernel sends a frame: choose a router over netslice, or routing by \
                 the mirror",
                self.processor.name()
            ));
        }
        if self.design == Design::Netslice && self.k_peers.len() != workers {
            return refuse(format!(
                "{workers} slices need a k-peer each, and {} are told",
                self.k_peers.len()
            ));
        }
        Ok(())
    }

    /// The CPU of a thread, where it is told.
    pub(super) fn cpu(&self, thread: usize) -> Option<u32> {
        self.u_peers.get(thread).copied()
    }
}

#[cfg(test)]
#[path = "config_tests.rs"]
mod tests;
