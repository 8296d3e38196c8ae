//! The systems under test: named, complete server designs from papers, one file each.
//!
//! A system is a policy (packet to owner), the place where it executes, a store and a way of
//! waking threads. What they share (worker loop, protocol, handoff) is shared code, so that two
//! systems differ by what their papers differ in. [`SystemKind`] is matched once at start
//! ([`crate::server`]) and leads into code generic over a `Design`: nothing is dynamic per packet.

mod choice;
pub mod herd;
pub mod mica_crcw;
pub mod mica_crew;
pub mod mica_erew;
pub mod minos;
pub mod multi_key;
pub mod programmable_rss;
pub mod reuseport_ebpf;
pub mod rss_shared;
pub mod seastar;
pub mod shared_something;
pub mod shenango;
pub mod sphinx;
pub mod synthetic;
mod wires;
pub mod xdp_cpumap;
pub mod xdp_posix;
pub mod xdp_steered;

pub use wires::WireRefusal;

pub use choice::{EngineKind, FlowHash, IoKind, Refusal, SystemChoice, Wakeup, validate};
pub use multi_key::MultiKey;

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::handoff::mesh::Notify;
use crate::server::dispatch::Dispatch;
use crate::server::stores::Stores;

/// A system under test that runs in this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SystemKind {
    /// See [`rss_shared`].
    RssShared,
    /// See [`sphinx`].
    Sphinx,
    /// See [`seastar`].
    Seastar,
    /// See [`mica_erew`].
    MicaErew,
    /// See [`mica_crew`].
    MicaCrew,
    /// See [`mica_crcw`].
    MicaCrcw,
    /// See [`herd`].
    Herd,
    /// See [`minos`].
    Minos,
    /// See [`shenango`].
    Shenango,
    /// See [`xdp_steered`].
    XdpSteered,
    /// See [`shared_something`].
    SharedSomething,
    /// See [`reuseport_ebpf`].
    ReuseportEbpf,
    /// See [`xdp_posix`].
    XdpPosix,
    /// See [`xdp_cpumap`].
    XdpCpumap,
    /// See [`programmable_rss`].
    ProgrammableRss,
    /// See [`synthetic`].
    Synthetic,
}

/// Who chose the thread that a request arrived at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Addressing {
    /// Nobody who knows keys: the flow decides (RSS). Arriving elsewhere than at the owner is
    /// the normal case.
    Flow,
    /// The client or the NIC, from the key: arriving elsewhere than at the owner is a misroute.
    Key,
}

/// Which threads serve a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// Its owner alone: exclusive read, exclusive write, no lock.
    Partitioned,
    /// Its owner alone writes it; any thread reads it.
    ReadAnywhere,
    /// Any: one store, striped locks. Requests never change threads.
    Shared,
    /// Any of the cluster that owns it: a store with striped locks for each cluster.
    Clustered,
}

/// Whom the clients of a system send a request to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clients {
    /// The server, without choosing a thread.
    Server,
    /// The owner of its key, by port.
    Owner,
    /// Writes to the owner of their key, reads to any thread, by port.
    WritesToOwner,
    /// Any thread, by port.
    Anyone,
}

/// How the XDP program of a system places packets, over AF_XDP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Steering {
    /// By receive queue.
    Queue,
    /// By key hash and partition table to a cluster, by receive queue to one of its owners.
    Cluster,
    /// By UDP destination port.
    Port,
    /// By key hash and partition table.
    Key,
    /// By a hash of the flow, computed in the program, and the table.
    Flow,
}

/// What places requests with the owners' kernel sockets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Placement {
    /// The kernel, as a NIC with RSS would have it, or the client.
    Kernel,
    /// A program of the sockets' group.
    Reuseport,
    /// XDP that writes the port of the owner's socket.
    Port,
    /// XDP that moves a packet to the owner's CPU, and a program of the sockets' group there.
    Cpu,
}

/// What the code that serves requests needs to know of a system, at compile time.
pub(crate) trait Design: Send + Sync + 'static {
    /// How messages travel when threads spin.
    type Polling: Notify;
    /// Who executes a request among the threads that serve its key.
    type Dispatch: Dispatch;
    /// How its threads share out the store.
    type Stores: Stores;
    /// Which threads serve a key.
    const LAYOUT: Layout = <Self::Stores as Stores>::LAYOUT;
    /// It has a form over kernel sockets.
    const UDP: bool = true;
    /// It has a form over AF_XDP.
    const AF_XDP: bool = true;
    /// Its clients write into its memory, and it has no other form.
    const MEMORY: bool = false;
    /// How often a thread that sleeps looks for requests, where nobody wakes it for one.
    const LOOKS_EVERY: Option<Duration> = None;
    /// Its threads may sleep.
    const SLEEPS: bool = true;
    /// Its threads hand requests to each other, so that there is something to batch.
    const BATCHES: bool = true;
    /// A thread of its own gives cores to the owners, and may steer for them.
    const DISPATCHED: bool = false;
    /// There is no store: replies are held until virtual departure times.
    const HOLDS_REPLIES: bool = false;
    /// It serves sealed requests and calls: what steers them can be exchanged, or reads none of them.
    const OTHER_WIRES: bool = false;
    /// Who chose the arrival thread.
    const ADDRESSING: Addressing;
    /// The XDP policy, over AF_XDP.
    const STEERING: Steering;
    /// What places requests, over kernel sockets.
    const PLACEMENT: Placement = Placement::Kernel;
    /// Its XDP program can spread gets of hot keys over all owners.
    const SPREADS_HOT_KEYS: bool = false;
    /// Its XDP program can give scans to all owners in turn.
    const BALANCES_SCANS: bool = false;
    /// What can keep its items, the usual one first.
    const ENGINES: &'static [EngineKind] = &[EngineKind::Slab, EngineKind::Log];
    /// The name in a spec.
    const NAME: &str;

    /// What of `choice` this design cannot be.
    ///
    /// # Errors
    /// The first reason against it.
    fn check(choice: &SystemChoice) -> Result<(), Refusal>;
}

/// The one match over systems: `$body` with `$design` as the [`Design`] behind `$kind`.
macro_rules! with_design {
    ($kind:expr, $design:ident => $body:expr) => {
        with_design!(@ $kind, $design, $body,
            RssShared: rss_shared, Sphinx: sphinx, Seastar: seastar, MicaErew: mica_erew,
            MicaCrew: mica_crew, MicaCrcw: mica_crcw, Herd: herd, Minos: minos, Shenango: shenango,
            XdpSteered: xdp_steered,
            SharedSomething: shared_something, ReuseportEbpf: reuseport_ebpf, XdpPosix: xdp_posix,
            XdpCpumap: xdp_cpumap, ProgrammableRss: programmable_rss, Synthetic: synthetic)
    };
    (@ $kind:expr, $design:ident, $body:expr, $($name:ident: $module:ident),+) => {
        match $kind {
            $($crate::systems::SystemKind::$name => {
                type $design = $crate::systems::$module::$name;
                $body
            })+
        }
    };
}
pub(crate) use with_design;

impl SystemKind {
    /// Every system, in the order in which they are listed.
    pub const ALL: [Self; 16] = [
        Self::RssShared,
        Self::Sphinx,
        Self::Seastar,
        Self::MicaErew,
        Self::MicaCrew,
        Self::MicaCrcw,
        Self::Herd,
        Self::Minos,
        Self::Shenango,
        Self::XdpSteered,
        Self::SharedSomething,
        Self::ReuseportEbpf,
        Self::XdpPosix,
        Self::XdpCpumap,
        Self::ProgrammableRss,
        Self::Synthetic,
    ];

    /// The name in a spec.
    pub const fn name(self) -> &'static str {
        with_design!(self, D => D::NAME)
    }

    /// What can keep its items, the usual one first.
    pub const fn engines(self) -> &'static [EngineKind] {
        with_design!(self, D => D::ENGINES)
    }

    /// Whom clients send to.
    pub const fn clients(self) -> Clients {
        match (self.client_addresses_partition(), self.layout()) {
            (false, _) => Clients::Server,
            (true, Layout::Partitioned | Layout::Clustered) => Clients::Owner,
            (true, Layout::ReadAnywhere) => Clients::WritesToOwner,
            (true, Layout::Shared) => Clients::Anyone,
        }
    }

    /// Whether clients address partition `p` by the UDP port `base + p`.
    pub const fn client_addresses_partition(self) -> bool {
        with_design!(self, D => matches!(D::STEERING, Steering::Port))
    }

    /// What places its requests with kernel sockets.
    pub const fn placement(self) -> Placement {
        with_design!(self, D => D::PLACEMENT)
    }

    /// Whether its XDP program can spread gets of hot keys over all owners.
    pub const fn spreads_hot_keys(self) -> bool {
        with_design!(self, D => D::SPREADS_HOT_KEYS)
    }

    /// Whether requests change threads by design, so that handoffs mean something.
    pub const fn hands_over(self) -> bool {
        match self.layout() {
            Layout::Partitioned | Layout::ReadAnywhere | Layout::Clustered => true,
            Layout::Shared => with_design!(self, D => <D as Design>::Dispatch::HANDS_OVER),
        }
    }

    /// Whether a key has an owner, so that a misroute means something.
    pub const fn has_owners(self) -> bool {
        match self.layout() {
            Layout::Partitioned | Layout::ReadAnywhere | Layout::Clustered => true,
            Layout::Shared => false,
        }
    }

    /// Which threads serve a key.
    pub const fn layout(self) -> Layout {
        with_design!(self, D => D::LAYOUT)
    }
}

impl std::fmt::Display for SystemKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_are_what_serde_reads() {
        let mut names: Vec<_> = SystemKind::ALL.iter().map(|kind| kind.name()).collect();
        for kind in SystemKind::ALL {
            let json = serde_json::to_string(&kind).unwrap();
            assert_eq!(json, format!("\"{}\"", kind.name()));
        }
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), SystemKind::ALL.len());
    }
}
