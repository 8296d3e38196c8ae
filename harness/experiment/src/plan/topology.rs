//! The veth topology as steps per host. Pure.
//!
//! A host is a network namespace. The pair is created from the server's side into the client's
//! namespace; each host then makes its own end ready.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::action::Action;
use super::placement::Placement;

/// One end of the pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct End {
    /// Name of the device, in its own namespace.
    pub(crate) device: &'static str,
    /// Hardware address (locally administered).
    pub(crate) mac: [u8; 6],
    /// IPv4 address, in the range that RFC 2544 sets apart for benchmarks.
    pub(crate) v4: Ipv4Addr,
    /// IPv6 address (RFC 4193, unique local).
    pub(crate) v6: Ipv6Addr,
}

/// The server's end.
pub(crate) const SERVER: End = End {
    device: "server0",
    mac: [0x02, 0x53, 0x42, 0, 0, 1],
    v4: Ipv4Addr::new(198, 18, 0, 1),
    v6: Ipv6Addr::new(0xfd53, 0x42, 0, 0, 0, 0, 0, 1),
};

/// The client's end.
pub(crate) const CLIENT: End = End {
    device: "client0",
    mac: [0x02, 0x53, 0x42, 0, 0, 2],
    v4: Ipv4Addr::new(198, 18, 0, 2),
    v6: Ipv6Addr::new(0xfd53, 0x42, 0, 0, 0, 0, 0, 2),
};

/// A device without an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Port {
    /// Its name, in its own namespace.
    pub(crate) device: &'static str,
    /// Hardware address (locally administered).
    pub(crate) mac: [u8; 6],
}

/// The switch's ports towards the clients and towards the server.
pub(crate) const PORTS: [Port; 2] = [
    Port {
        device: "switch0",
        mac: [0x02, 0x53, 0x42, 0, 0, 3],
    },
    Port {
        device: "switch1",
        mac: [0x02, 0x53, 0x42, 0, 0, 4],
    },
];

impl End {
    /// The device alone.
    pub(super) const fn port(self) -> Port {
        Port {
            device: self.device,
            mac: self.mac,
        }
    }
}

/// Offloads that must be off: merged packets are none that XDP or AF_XDP could handle. Transmit
/// checksums are finished in software, since XDP would see them unfinished.
const OFFLOADS: [&str; 4] = [
    "tx-checksum-ip-generic",
    "tx-generic-segmentation",
    "tx-tcp-segmentation",
    "tx-udp-segmentation",
];
/// On an end without XDP, GRO is what gives veth its NAPI, and with it threads that can be pinned.
/// It merges no UDP for sockets that did not ask. (An XDP program that passes everything would do it
/// too, but charges each packet a conversion that no NIC makes.)
const GRO: &str = "rx-gro";

/// The steps of one host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HostPlan {
    /// Before any program is attached.
    pub(crate) before: Vec<Action>,
    /// Once XDP is attached at both ends.
    pub(crate) after_attach: Vec<Action>,
}

/// What receives at an end of the pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Receiver {
    /// An XDP program.
    Xdp,
    /// The kernel's stack alone.
    Kernel,
}

/// The server's and the client's steps; `receivers` in the same order.
pub(crate) fn veth(
    queues: u16,
    mtu: u16,
    placement: &Placement,
    receivers: [Receiver; 2],
) -> [HostPlan; 2] {
    let [mut server, client] = ends(placement, receivers);
    server
        .before
        .insert(0, joined(SERVER.port(), CLIENT.port(), queues, mtu));
    [server, client]
}

/// The server's and the client's steps, but for what joins them.
pub(super) fn ends(placement: &Placement, receivers: [Receiver; 2]) -> [HostPlan; 2] {
    let end = |own: End, peer: End, napi: &[u32], receiver: Receiver| {
        let mut plan = device(own.device, napi, receiver);
        plan.before.extend(addresses(own, peer));
        plan
    };
    [
        end(SERVER, CLIENT, &placement.server_napi, receivers[0]),
        end(CLIENT, SERVER, &placement.client_napi, receivers[1]),
    ]
}

/// The pair of devices between two hosts, made from the near one.
pub(super) fn joined(near: Port, far: Port, queues: u16, mtu: u16) -> Action {
    Action::CreateVeth {
        device: near.device.to_owned(),
        peer: far.device.to_owned(),
        queues,
        mtu,
        macs: [near.mac, far.mac],
    }
}

/// A switch's port, which receives by XDP.
pub(super) fn port(own: Port, napi: &[u32]) -> HostPlan {
    device(own.device, napi, Receiver::Xdp)
}

fn addresses(own: End, peer: End) -> impl Iterator<Item = Action> {
    let device = move || own.device.to_owned();
    let addresses: [(IpAddr, u8); 2] = [(own.v4.into(), 24), (own.v6.into(), 64)];
    let addresses = addresses.map(|(address, prefix)| Action::Address {
        device: device(),
        address,
        prefix,
    });
    let peers: [IpAddr; 2] = [peer.v4.into(), peer.v6.into()];
    let peers = peers.map(|address| Action::Neighbour {
        device: device(),
        address,
        mac: peer.mac,
    });
    addresses.into_iter().chain(peers)
}

/// What makes a device ready, but for its addresses.
pub(super) fn device(name: &str, napi: &[u32], receiver: Receiver) -> HostPlan {
    let device = || name.to_owned();
    let mut off: Vec<String> = OFFLOADS.iter().map(|&feature| feature.to_owned()).collect();
    let mut on = Vec::new();
    match receiver {
        Receiver::Xdp => off.push(GRO.to_owned()),
        Receiver::Kernel => on.push(GRO.to_owned()),
    }
    let before = vec![
        Action::Quiet { device: device() },
        Action::Offloads {
            device: device(),
            off,
            on,
        },
        Action::Up { device: device() },
    ];
    let after_attach = vec![
        Action::AwaitCarrier { device: device() },
        Action::PinNapi {
            device: device(),
            cpus: napi.to_vec(),
        },
    ];
    HostPlan {
        before,
        after_attach,
    }
}
