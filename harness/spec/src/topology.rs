//! Where the packets go: the `topology` section.

use garde::Validate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The kinds of topology.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum TopologyKind {
    /// Two namespaces joined by a veth pair with native XDP and pinned NAPI threads; needs root.
    Veth,
    /// 127.0.0.1 of this host: kernel sockets only, no privilege.
    Loopback,
    /// Memory that client and server of this host share: no packets, no privilege. For `herd` alone.
    Memory,
    /// A real network interface; understood by the spec, refused when planning.
    Nic,
    /// Sender, router and receiver, namespaces in a row joined by veth pairs with pinned NAPI threads; needs root. For
    /// `traffic` alone.
    Chain,
    /// As `chain`, with two hosts between sender and receiver, an egress and an ingress with a link of their own.
    Pair,
}

impl TopologyKind {
    /// The name that the spec uses.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Veth => "veth",
            Self::Loopback => "loopback",
            Self::Memory => "memory",
            Self::Nic => "nic",
            Self::Chain => "chain",
            Self::Pair => "pair",
        }
    }

    /// How far a result measured there may be generalised; the column `fidelity`.
    #[must_use]
    pub const fn fidelity(self) -> &'static str {
        match self {
            Self::Veth | Self::Chain | Self::Pair => Self::Veth.name(),
            Self::Loopback | Self::Memory | Self::Nic => self.name(),
        }
    }

    /// Whether frames are forwarded there, from a sender to a receiver, and no requests served.
    #[must_use]
    pub const fn forwards(self) -> bool {
        match self {
            Self::Chain | Self::Pair => true,
            Self::Veth | Self::Loopback | Self::Memory | Self::Nic => false,
        }
    }

    /// Whether XDP, and with it AF_XDP, exists there.
    #[must_use]
    pub const fn has_xdp(self) -> bool {
        match self {
            Self::Veth | Self::Nic | Self::Chain | Self::Pair => true,
            Self::Loopback | Self::Memory => false,
        }
    }
}

/// How the client sends and receives.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum ClientIo {
    /// AF_XDP sockets, one per queue: the client chooses the queue as the NIC would.
    AfXdp,
    /// Kernel UDP sockets; on veth a clsact program chooses the queue.
    Udp,
    /// Regions of memory, one for each owner: on `memory` alone.
    Memory,
}

/// The `topology` section as it is written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Validate, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TopologySpec {
    /// What joins client and server, or sender and receiver.
    #[garde(skip)]
    pub kind: TopologyKind,
    /// Receive and transmit queues of the server's device, or of every device of a router. Default: 2 (1 on loopback and memory).
    #[garde(inner(range(min = 1, max = 64)))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queues: Option<u16>,
    /// Largest packet in bytes, without the Ethernet header. Default: 1500.
    #[garde(inner(range(min = 576, max = 3498)))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mtu: Option<u16>,
    /// How the client sends. Default: `af_xdp` on veth, chain and pair, `udp` on loopback, `memory` on memory.
    #[garde(skip)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<ClientIo>,
    /// CPUs for the server's threads, owner i on the i-th. Default: the planner chooses.
    #[garde(inner(length(min = 1)))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server_cpus: Option<Vec<u32>>,
    /// CPUs for the client's threads. Default: the planner chooses.
    #[garde(inner(length(min = 1)))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_cpus: Option<Vec<u32>>,
}

/// A topology with nothing left to choose but placement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Topology {
    /// What joins client and server, or sender and receiver.
    pub kind: TopologyKind,
    /// Receive and transmit queues of the server's device, or of every device of a router.
    pub queues: u16,
    /// Largest packet in bytes, without the Ethernet header.
    pub mtu: u16,
    /// How the client sends and receives.
    pub client: ClientIo,
}

/// What the spec asks of the planner; no part of a trial's identity.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Placement {
    /// CPUs for the server's threads, owner i on the i-th.
    pub server_cpus: Option<Vec<u32>>,
    /// CPUs for the client's threads.
    pub client_cpus: Option<Vec<u32>>,
}

impl TopologySpec {
    /// The topology with its defaults filled in.
    #[must_use]
    pub fn resolve(&self) -> Topology {
        let (queues, client) = match self.kind {
            TopologyKind::Veth | TopologyKind::Nic | TopologyKind::Chain | TopologyKind::Pair => {
                (2, ClientIo::AfXdp)
            }
            TopologyKind::Loopback => (1, ClientIo::Udp),
            TopologyKind::Memory => (1, ClientIo::Memory),
        };
        Topology {
            kind: self.kind,
            queues: self.queues.unwrap_or(queues),
            mtu: self.mtu.unwrap_or(1500),
            client: self.client.unwrap_or(client),
        }
    }

    /// The placement asked for.
    #[must_use]
    pub fn placement(&self) -> Placement {
        Placement {
            server_cpus: self.server_cpus.clone(),
            client_cpus: self.client_cpus.clone(),
        }
    }
}
