//! A router between two links, for tests: its tables, and frames for it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use packet::checksum;
use sys::link::{Link, LinkStatistics, MacAddress};
use sys::tables::{
    Address, Change, Neighbour, NeighbourState, NextHop, Route, RouteKind, Standing, Table,
};

use super::{Fib, Model, TableLimits};

pub(crate) const INSIDE: [u8; 6] = [2, 0, 0, 0, 0, 1];
pub(crate) const OUTSIDE: [u8; 6] = [2, 0, 0, 0, 0, 2];
/// The sender of all frames, which is on port 0.
pub(crate) const SENDER: [u8; 6] = [2, 0, 0, 0, 1, 1];
/// A host on port 1, and a router there.
pub(crate) const HOST: [u8; 6] = [2, 0, 0, 0, 2, 9];
pub(crate) const GATEWAY: [u8; 6] = [2, 0, 0, 0, 2, 254];
/// The MTU of port 1; port 0 has 1500.
pub(crate) const NARROW: u32 = 1400;

pub(crate) fn address(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

pub(crate) fn link(index: u32, mac: [u8; 6], mtu: u32) -> Change {
    Change::Link(Link {
        index,
        name: format!("port{index}"),
        mac: Some(MacAddress(mac)),
        up: true,
        running: true,
        mtu,
        tx_queues: 1,
        rx_queues: 1,
        xdp: None,
        statistics: LinkStatistics::default(),
    })
}

pub(crate) fn own(device: u32, text: &str, prefix_len: u8) -> Change {
    Change::Address(Address {
        device,
        address: address(text),
        prefix_len,
    })
}

pub(crate) fn route(
    to: &str,
    prefix_len: u8,
    kind: RouteKind,
    hop: Option<(u32, Option<&str>)>,
) -> Change {
    let hops = hop.map(|(device, gateway)| NextHop {
        device,
        gateway: gateway.map(address),
        weight: 1,
    });
    let route = Route {
        table: Table::Main,
        destination: address(to),
        prefix_len,
        priority: 0,
        kind,
        hops: hops.into_iter().collect(),
    };
    Change::Route(route, Standing::Beside)
}

pub(crate) fn neighbour(device: u32, text: &str, state: NeighbourState) -> Change {
    Change::Neighbour(Neighbour {
        device,
        address: address(text),
        state,
    })
}

/// Device 1 is port 0, device 2 is port 1, device 3 is none. Of each documentation prefix some part has a fate
/// of its own.
pub(crate) fn fib() -> Fib {
    use NeighbourState::{Failed, Resolved};
    use RouteKind::{Blackhole, Broadcast, Local, Prohibit, Unicast, Unreachable};
    let changes = [
        link(1, INSIDE, 1500),
        link(2, OUTSIDE, NARROW),
        own(1, "10.0.0.1", 24),
        own(2, "192.0.2.1", 24),
        own(1, "2001:db8:a::1", 64),
        own(2, "2001:db8:b::1", 64),
        route("10.0.0.1", 32, Local, None),
        route("10.0.0.255", 32, Broadcast, None),
        route("192.0.2.1", 32, Local, None),
        route("192.0.2.255", 32, Broadcast, None),
        route("2001:db8:a::1", 128, Local, None),
        route("10.0.0.0", 24, Unicast, Some((1, None))),
        route("192.0.2.0", 24, Unicast, Some((2, None))),
        route("198.51.100.0", 24, Unicast, Some((2, Some("192.0.2.254")))),
        route("203.0.113.0", 26, Blackhole, None),
        route("203.0.113.64", 26, Unreachable, None),
        route("203.0.113.128", 26, Prohibit, None),
        route("203.0.113.192", 26, Unicast, Some((3, None))),
        route("2001:db8:b::", 64, Unicast, Some((2, None))),
        route("2001:db8:c::", 48, Unicast, Some((2, Some("fe80::254")))),
        neighbour(2, "192.0.2.9", Resolved(MacAddress(HOST))),
        neighbour(2, "192.0.2.254", Resolved(MacAddress(GATEWAY))),
        neighbour(2, "192.0.2.7", Failed),
        neighbour(2, "2001:db8:b::9", Resolved(MacAddress(HOST))),
        neighbour(2, "2001:db8:b::7", Failed),
        neighbour(2, "fe80::254", Resolved(MacAddress(GATEWAY))),
    ];
    tables(changes)
}

/// Device 1 is port 0, device 2 is port 1.
pub(crate) fn tables(changes: impl IntoIterator<Item = Change>) -> Fib {
    let limits = TableLimits {
        v4: 4 << 20,
        v6: 4 << 20,
    };
    let mut model = Model::new(vec![1, 2], limits);
    for change in changes {
        model.apply(change).expect("there is room");
    }
    model.fib()
}

fn link_header(ethertype: u16) -> Vec<u8> {
    [&INSIDE[..], &SENDER, &ethertype.to_be_bytes()].concat()
}

/// An IPv4 packet from 10.0.0.9 in its frame; what is to be different is changed in its header, before it is summed.
pub(crate) fn v4(
    to: &str,
    protocol: u8,
    payload: &[u8],
    change: impl FnOnce(&mut [u8]),
) -> Vec<u8> {
    let to: Ipv4Addr = to.parse().expect("an address");
    let mut header = [
        0x45, 0, 0, 0, 0, 7, 0x40, 0, 64, protocol, 0, 0, 10, 0, 0, 9, 0, 0, 0, 0,
    ];
    header[2..4].copy_from_slice(&(20 + payload.len() as u16).to_be_bytes());
    header[16..].copy_from_slice(&to.octets());
    change(&mut header);
    header[10..12].fill(0);
    let sum = checksum::ipv4_header(&header);
    header[10..12].copy_from_slice(&sum.to_be_bytes());
    [&link_header(0x0800), &header[..], payload].concat()
}

/// An IPv6 packet from 2001:db8:a::9 in its frame.
pub(crate) fn v6(to: &str, next: u8, payload: &[u8], change: impl FnOnce(&mut [u8])) -> Vec<u8> {
    let to: Ipv6Addr = to.parse().expect("an address");
    let from = Ipv6Addr::new(0x2001, 0xdb8, 0xa, 0, 0, 0, 0, 9);
    let mut header = [0; 40];
    header[0] = 0x60;
    header[4..6].copy_from_slice(&(payload.len() as u16).to_be_bytes());
    header[6..8].copy_from_slice(&[next, 64]);
    header[8..24].copy_from_slice(&from.octets());
    header[24..].copy_from_slice(&to.octets());
    change(&mut header);
    [&link_header(0x86dd), &header[..], payload].concat()
}
