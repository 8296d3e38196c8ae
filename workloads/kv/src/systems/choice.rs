//! Which combinations of system, I/O and wakeup are legal, and why the others are not.

use serde::{Deserialize, Serialize};

use super::wires::{self, WireRefusal};
use super::{Design, SystemKind, with_design};

/// How a server's threads exchange packets with the kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IoKind {
    /// Kernel UDP sockets.
    Udp,
    /// AF_XDP sockets: kernel bypass.
    AfXdp,
    /// Memory that the client writes requests into: no packets.
    Memory,
}

/// How a thread learns that another thread has handed it work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Wakeup {
    /// An eventfd write for each message whose receiver sleeps.
    Eventfd,
    /// Threads never sleep.
    Spin,
    /// One eventfd write per receive batch and receiver.
    Batched,
}

/// Which hash of the flow chooses, where the choice is a program's.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum FlowHash {
    /// The one that a NIC has ([`steering::flow::toeplitz_hash`]).
    Toeplitz,
    /// The one that keys are hashed by ([`steering::flow::mix_hash`]).
    #[default]
    Mix,
}

/// What keeps the items of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EngineKind {
    /// Size classes, as memcached has them, behind an exact index.
    Slab,
    /// MICA's circular log behind a lossy index.
    Log,
}

/// One system with everything that its legality depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SystemChoice {
    /// The system.
    pub system: SystemKind,
    /// Its packet I/O.
    pub io: IoKind,
    /// How its threads wake one another.
    pub wakeup: Wakeup,
    /// What keeps its items.
    pub engine: EngineKind,
    /// Owners: one thread each.
    pub owners: u32,
    /// Clusters that the owners form, where they do.
    pub clusters: u32,
    /// Of them, those that serve large requests, where there are such.
    pub large_owners: u32,
    /// Receive queues of the interface; only AF_XDP cares.
    pub queues: u32,
    /// First UDP port.
    pub port: u16,
    /// Whether TCP clients are served too.
    pub tcp: bool,
    /// Keys whose gets are spread over all owners while they are hot.
    pub hot_keys: u32,
    /// Whether requests are sealed.
    pub sealed: bool,
    /// Whether requests are calls.
    pub rpc: bool,
    /// Whether each owner has a CPU to itself.
    pub cpu_per_owner: bool,
}

/// Why a combination cannot be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Steering to sockets of owners happens in XDP, before any kernel socket exists for the packet.
    #[error(
        "{0} redirects into AF_XDP sockets: it has no form over kernel UDP sockets; use io: af_xdp"
    )]
    SteeringNeedsAfXdp(SystemKind),
    /// It places requests with kernel sockets, which AF_XDP has none of.
    #[error("{0} steers requests to kernel UDP sockets, which io: af_xdp bypasses; use io: udp")]
    SteersToKernelSockets(SystemKind),
    /// There is nothing to batch.
    #[error(
        "{0} hands nothing from thread to thread, so there is no wakeup to batch; use wakeup: eventfd (sleep) or spin"
    )]
    NothingToBatch(SystemKind),
    /// The preset is defined by polling.
    #[error(
        "seastar is the polling preset of software steering; use sphinx for wakeup: eventfd or batched"
    )]
    SeastarPolls,
    /// The design is another with another engine.
    #[error("{0} keeps its items in the other engine; leave `engine` out")]
    OtherEngine(SystemKind),
    /// Replies are due to the microsecond.
    #[error(
        "synthetic releases each reply when it is due, which a sleeping thread cannot; use wakeup: spin"
    )]
    SyntheticPolls,
    /// Several threads would not keep the order of arrivals; virtual servers need none.
    #[error("synthetic has one owner and as many `servers` as wanted, not {0} owners")]
    SyntheticHasOneOwner(u32),
    /// There is nothing behind the queue.
    #[error("synthetic answers gets and sets over UDP and keeps nothing: it serves no TCP")]
    SyntheticHasNoStore,
    /// AF_XDP bypasses the kernel's TCP.
    #[error("TCP needs the kernel's stack and its sockets; use io: udp, or switch tcp off")]
    TcpNeedsKernelSockets,
    /// It does not serve such datagrams.
    #[error(transparent)]
    Wire(#[from] WireRefusal),
    /// Some owner would never receive anything.
    #[error(
        "{system} over af_xdp steers by receive queue: {owners} owners need at least as many queues, and there are {queues}"
    )]
    TooFewQueues {
        /// The system.
        system: SystemKind,
        /// Owners asked for.
        owners: u32,
        /// Queues of the interface.
        queues: u32,
    },
    /// Requests are written into its memory.
    #[error("clients of {0} write requests into its memory; use io: memory")]
    RequestsComeByMemory(SystemKind),
    /// Nothing else reads there.
    #[error("requests to {0} are packets, which io: memory has none of; use io: udp or af_xdp")]
    RequestsComeByPackets(SystemKind),
    /// Its dispatcher polls rings of packets.
    #[error("the dispatcher of {0} looks into the receive rings of AF_XDP; use io: af_xdp")]
    DispatcherNeedsRings(SystemKind),
    /// Who wakes whom is what the design is about.
    #[error("the dispatcher of {0} wakes its owners, by eventfd; leave `wakeup` out")]
    DispatcherWakes(SystemKind),
    /// Without it nobody would ever run.
    #[error("{0} needs a dispatcher; name one in the configuration")]
    DispatcherMissing(SystemKind),
    /// Nobody would wait for it.
    #[error("{0} has no dispatcher; leave it out of the configuration")]
    NoDispatcher(SystemKind),
    /// It polls without pause.
    #[error("the dispatcher needs a CPU to itself, and an owner has the same; give it another")]
    DispatcherNeedsCpu,
    /// A kernel socket gets the datagrams of one queue.
    #[error(
        "the small cores of minos read every receive queue, which kernel sockets do not offer; use \
         io: af_xdp"
    )]
    SmallCoresReadAllQueues,
    /// Both kinds are needed.
    #[error("of {owners} owners {large} serve large requests: there must be some of either kind")]
    NoSmallOrNoLargeOwner {
        /// Owners asked for.
        owners: u32,
        /// Of them, those for large requests.
        large: u32,
    },
    /// Clusters of unequal size would not be comparable.
    #[error(
        "{owners} owners do not form {clusters} clusters of one size; choose a divisor of {owners}"
    )]
    UnevenClusters {
        /// Owners asked for.
        owners: u32,
        /// Clusters asked for.
        clusters: u32,
    },
    /// Some member of a cluster would never receive anything.
    #[error(
        "a cluster's requests are spread by receive queue: its {members} members need at least as \
         many queues, and there are {queues}"
    )]
    TooFewQueuesForCluster {
        /// Members of each cluster.
        members: u32,
        /// Queues of the interface.
        queues: u32,
    },
    /// No owner, or more than the partition table can name.
    #[error("a server has 1 to {max} owners, not {asked}")]
    OwnerCount {
        /// What was asked for.
        asked: u32,
        /// The most that the partition table can spread keys over.
        max: u32,
    },
    /// The ports of the partitions would not fit.
    #[error("{owners} partitions from port {port} on do not fit below port 65536")]
    PortsOverflow {
        /// First port.
        port: u16,
        /// Partitions.
        owners: u32,
    },
    /// There is nothing to split by, or nobody that it is to be gathered from.
    #[error(
        "a key of {0} is served by several threads, so that a get of several keys has no one owner for each to be split \
         by or copied to; leave `multi_key` out"
    )]
    KeysHaveSeveral(SystemKind),
    /// The copies of a request would all arrive at one thread.
    #[error(
        "requests to {0} are not steered by key, so that no copy would reach the other owners; use multi_key: split"
    )]
    CopiesReachNobody(SystemKind),
    /// No program gives them to all owners in turn.
    #[error(
        "scans are balanced by the program of xdp_steered, and {0} has another, or none; use multi_key: split"
    )]
    NobodyBalances(SystemKind),
    /// The program tells scans by their function, and all else goes to the owner of its key's hash.
    #[error(
        "what is balanced are scans, calls among calls that are steered by their key; serve such, or use \
         multi_key: split"
    )]
    OnlyScansAreBalanced,
    /// Nothing spreads them, or there is nobody to spread them over.
    #[error(
        "hot keys are spread by the program of xdp_steered, over at least 2 owners; {system} has \
         {owners}"
    )]
    NoHotKeys {
        /// The system.
        system: SystemKind,
        /// Owners asked for.
        owners: u32,
    },
    /// Two spinning threads on one CPU wait for one another's time slices.
    #[error("spinning threads need a CPU each: there are fewer CPUs than owners")]
    SpinNeedsCpus,
}

/// Whether the combination is legal.
///
/// # Errors
/// The first reason against it.
pub fn validate(choice: &SystemChoice) -> Result<(), Refusal> {
    let max = u32::try_from(steering::table::SLOTS).unwrap_or(u32::MAX);
    if choice.owners == 0 || choice.owners > max {
        return Err(Refusal::OwnerCount {
            asked: choice.owners,
            max,
        });
    }
    if choice.wakeup == Wakeup::Spin && !choice.cpu_per_owner {
        return Err(Refusal::SpinNeedsCpus);
    }
    match choice.io {
        IoKind::Udp => {}
        IoKind::AfXdp | IoKind::Memory if choice.tcp => {
            return Err(Refusal::TcpNeedsKernelSockets);
        }
        IoKind::AfXdp | IoKind::Memory => {}
    }
    let memory = with_design!(choice.system, D => D::MEMORY);
    if memory && choice.io != IoKind::Memory {
        return Err(Refusal::RequestsComeByMemory(choice.system));
    }
    if !memory && choice.io == IoKind::Memory {
        return Err(Refusal::RequestsComeByPackets(choice.system));
    }
    wires::serves(choice)?;
    if !choice.system.engines().contains(&choice.engine) {
        return Err(Refusal::OtherEngine(choice.system));
    }
    if choice.hot_keys > 0 && (!choice.system.spreads_hot_keys() || choice.owners < 2) {
        return Err(Refusal::NoHotKeys {
            system: choice.system,
            owners: choice.owners,
        });
    }
    with_design!(choice.system, D => D::check(choice))
}

/// For designs whose threads hand nothing to each other.
pub(super) const fn hands_nothing_over(choice: &SystemChoice) -> Result<(), Refusal> {
    match choice.wakeup {
        Wakeup::Batched => Err(Refusal::NothingToBatch(choice.system)),
        Wakeup::Eventfd | Wakeup::Spin => Ok(()),
    }
}

/// For designs whose threads never sleep; `reason` says why.
pub(super) const fn polls(choice: &SystemChoice, reason: Refusal) -> Result<(), Refusal> {
    match choice.wakeup {
        Wakeup::Spin => Ok(()),
        Wakeup::Eventfd | Wakeup::Batched => Err(reason),
    }
}

/// For designs in which an owner serves the packets of its own receive queue.
pub(super) const fn queue_per_owner(choice: &SystemChoice) -> Result<(), Refusal> {
    match choice.io {
        IoKind::AfXdp if choice.queues < choice.owners => Err(Refusal::TooFewQueues {
            system: choice.system,
            owners: choice.owners,
            queues: choice.queues,
        }),
        IoKind::AfXdp | IoKind::Udp | IoKind::Memory => Ok(()),
    }
}

/// For designs whose owners form clusters, among whose members the receive queue decides.
pub(super) const fn members_have_queues(choice: &SystemChoice) -> Result<(), Refusal> {
    let (owners, clusters, queues) = (choice.owners, choice.clusters, choice.queues);
    match owners.checked_rem(clusters) {
        Some(0) => {}
        Some(_) | None => return Err(Refusal::UnevenClusters { owners, clusters }),
    }
    let members = owners / clusters;
    if queues < members {
        return Err(Refusal::TooFewQueuesForCluster { members, queues });
    }
    Ok(())
}

/// For designs that steer to kernel sockets.
pub(super) const fn kernel_sockets(choice: &SystemChoice) -> Result<(), Refusal> {
    match choice.io {
        IoKind::Udp => Ok(()),
        IoKind::AfXdp | IoKind::Memory => Err(Refusal::SteersToKernelSockets(choice.system)),
    }
}

/// For designs in which each owner has a UDP port.
pub(super) fn port_per_owner(choice: &SystemChoice) -> Result<(), Refusal> {
    if u32::from(choice.port) + choice.owners - 1 > u32::from(u16::MAX) {
        return Err(Refusal::PortsOverflow {
            port: choice.port,
            owners: choice.owners,
        });
    }
    Ok(())
}

#[cfg(test)]
#[path = "choice_tests.rs"]
mod tests;
