//! A pair of routers and the hosts at its ends, for tests.
//!
//! Sender 198.18.0.2 - egress - 198.18.128.0/24 - ingress - receiver 198.19.0.2, and the same with IPv6.

use std::net::{IpAddr, Ipv4Addr};

use packet::checksum;
use sys::link::MacAddress;
use sys::tables::{Change, NeighbourState, RouteKind};

use crate::memory::Memory;
use crate::pair::Side;
use crate::router::fixture::{link, neighbour, own, route, tables};
use crate::router::{Asker, ErrorLimit, Fib, Published, Router};

/// MTU of the hosts' links, and of the one between the routers.
pub(crate) const MTU: u16 = 1500;
pub(crate) const BETWEEN: u16 = 1628;
/// The ends of the link between the routers: the egress', the ingress'.
pub(crate) const ENDS: [Ipv4Addr; 2] = [
    Ipv4Addr::new(198, 18, 128, 1),
    Ipv4Addr::new(198, 18, 128, 2),
];
pub(crate) const UDP: u8 = 17;

/// Hardware addresses along the way from the sender: each link's two ends.
const LINKS: [[[u8; 6]; 2]; 3] = [
    [[2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2]],
    [[2, 0, 0, 0, 1, 1], [2, 0, 0, 0, 1, 2]],
    [[2, 0, 0, 0, 2, 1], [2, 0, 0, 0, 2, 2]],
];
/// The hosts' addresses, and the routers' towards them.
const HOSTS: [[&str; 2]; 2] = [["198.18.0.2", "fd53:1::2"], ["198.19.0.2", "fd53:2::2"]];
const ROUTERS: [[&str; 2]; 2] = [["198.18.0.1", "fd53:1::1"], ["198.19.0.1", "fd53:2::1"]];
const NETS: [[&str; 2]; 2] = [["198.18.0.0", "fd53:1::"], ["198.19.0.0", "fd53:2::"]];
const MIDDLE: [[&str; 2]; 2] = [["198.18.128.1", "fd53:3::1"], ["198.18.128.2", "fd53:3::2"]];
const PREFIXES: [u8; 2] = [24, 64];

const fn end(side: Side) -> usize {
    match side {
        Side::Egress => 0,
        Side::Ingress => 1,
    }
}

/// The tables of one router; with `known` it knows the other's hardware address.
pub(crate) fn fib(side: Side, known: bool) -> Fib {
    let (here, there) = (end(side), 1 - end(side));
    // Device 1 is port 0, which leads towards the sender.
    let (hosts, between) = (
        1 + u32::from(side.hosts().0),
        1 + u32::from(side.between().0),
    );
    let (own_link, host_link) = (LINKS[1], LINKS[2 * here]);
    let mut changes: Vec<Change> = vec![
        link(hosts, host_link[1 - here], MTU.into()),
        link(between, own_link[here], BETWEEN.into()),
    ];
    let resolved = |mac| NeighbourState::Resolved(MacAddress(mac));
    for (version, prefix) in PREFIXES.into_iter().enumerate() {
        let whole = [32, 128][version];
        changes.extend([
            own(hosts, ROUTERS[here][version], prefix),
            own(between, MIDDLE[here][version], prefix),
            route(ROUTERS[here][version], whole, RouteKind::Local, None),
            route(MIDDLE[here][version], whole, RouteKind::Local, None),
            route(
                NETS[here][version],
                prefix,
                RouteKind::Unicast,
                Some((hosts, None)),
            ),
            route(
                NETS[there][version],
                prefix,
                RouteKind::Unicast,
                Some((between, Some(MIDDLE[there][version]))),
            ),
            neighbour(hosts, HOSTS[here][version], resolved(host_link[here])),
        ]);
        if known {
            let mac = own_link[there];
            changes.push(neighbour(between, MIDDLE[there][version], resolved(mac)));
        }
    }
    changes.push(route(
        "198.18.128.0",
        24,
        RouteKind::Unicast,
        Some((between, None)),
    ));
    tables(changes)
}

/// A router by these tables, at the time 0.
pub(crate) fn router(fib: Fib) -> Router {
    let (asker, _) = Asker::new();
    let errors = ErrorLimit::default();
    Router::new(Published::new(fib).reader(), asker, errors, 0)
}

/// Which link of the way a frame is on.
#[derive(Debug, Clone, Copy)]
pub(crate) enum On {
    /// The one of the host that sent it.
    First,
    /// The one of the host that it is for.
    Last,
}

/// A packet of a host of `from`'s for one of the other side, over IPv4 or IPv6, as it is on its first link or its last one;
/// what is to be different is changed in its header, before it is summed.
pub(crate) fn packet(
    from: Side,
    on: On,
    v6: bool,
    payload: &[u8],
    change: impl FnOnce(&mut [u8]),
) -> Vec<u8> {
    let (here, there) = (end(from), 1 - end(from));
    let (link, hops) = match on {
        On::First => (LINKS[2 * here], 64),
        On::Last => (LINKS[2 * there], 62),
    };
    // A link's ends stand in the order of the way from the sender.
    let [source, destination] = match from {
        Side::Egress => link,
        Side::Ingress => [link[1], link[0]],
    };
    let ends = [HOSTS[here], HOSTS[there]].map(|host| host[usize::from(v6)]);
    let [source_ip, destination_ip]: [IpAddr; 2] =
        ends.map(|host| host.parse().expect("an address"));
    let mut header = match (source_ip, destination_ip) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            let mut header = vec![0x45, 0, 0, 0, 0, 7, 0x40, 0, hops, UDP, 0, 0];
            header[2..4].copy_from_slice(&(20 + payload.len() as u16).to_be_bytes());
            header.extend_from_slice(&source.octets());
            header.extend_from_slice(&destination.octets());
            header
        }
        (IpAddr::V6(source), IpAddr::V6(destination)) => {
            let mut header = vec![0x60, 0, 0, 0, 0, 0, UDP, hops];
            header[4..6].copy_from_slice(&(payload.len() as u16).to_be_bytes());
            header.extend_from_slice(&source.octets());
            header.extend_from_slice(&destination.octets());
            header
        }
        (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => {
            unreachable!("both hosts have both")
        }
    };
    change(&mut header);
    if !v6 {
        header[10..12].fill(0);
        let sum = checksum::ipv4_header(&header);
        header[10..12].copy_from_slice(&sum.to_be_bytes());
    }
    let ethertype = if v6 { [0x86, 0xdd] } else { [8, 0] };
    [&destination[..], &source, &ethertype, &header, payload].concat()
}

/// Brings what one router has sent by the link between them to the other, but what the link loses; returns how many
/// it did not.
pub(crate) fn carry(
    from: (&mut Memory, Side),
    to: (&mut Memory, Side),
    mut lost: impl FnMut(usize, &[u8]) -> bool,
) -> usize {
    let mut carried = 0;
    for (at, frame) in from.0.sent_by(from.1.between()).iter().enumerate() {
        if !lost(at, frame) {
            to.0.arrive(to.1.between(), frame);
            carried += 1;
        }
    }
    from.0.sent.retain(|(port, _)| *port != from.1.between());
    carried
}

/// What a router has sent to its hosts.
pub(crate) fn delivered(memory: &Memory, side: Side) -> Vec<Vec<u8>> {
    memory.sent_by(side.hosts())
}
