//! What the tables say after what was told.

use std::net::{Ipv4Addr, Ipv6Addr};

use sys::link::{Link, LinkStatistics, MacAddress};
use sys::tables::{Neighbour, Route, RouteKind, Standing, Table};

use super::super::fib::Deadend;
use super::super::outcome::Host;
use super::*;

const INSIDE: u32 = 11;
const OUTSIDE: u32 = 12;
const ELSEWHERE: u32 = 13;

fn address(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

fn link(index: u32, up: bool) -> Change {
    Change::Link(Link {
        index,
        name: format!("port{index}"),
        mac: Some(MacAddress([2, 0, 0, 0, 0, index as u8])),
        up,
        running: up,
        mtu: 1500,
        tx_queues: 1,
        rx_queues: 1,
        xdp: None,
        statistics: LinkStatistics::default(),
    })
}

fn hop(device: u32, gateway: Option<&str>) -> NextHop {
    NextHop {
        device,
        gateway: gateway.map(address),
        weight: 1,
    }
}

fn route(to: &str, prefix_len: u8, hops: &[NextHop]) -> Route {
    Route {
        table: Table::Main,
        destination: address(to),
        prefix_len,
        priority: 0,
        kind: RouteKind::Unicast,
        hops: hops.to_vec(),
    }
}

fn model() -> Model {
    let limits = TableLimits {
        v4: 4 << 20,
        v6: 4 << 20,
    };
    let mut model = Model::new(vec![INSIDE, OUTSIDE], limits);
    for device in [INSIDE, OUTSIDE, ELSEWHERE] {
        model.apply(link(device, true)).unwrap();
    }
    model
}

fn tell(model: &mut Model, change: Change) -> Effect {
    model.apply(change).unwrap()
}

fn add(model: &mut Model, route: &Route) {
    assert!(tell(model, Change::Route(route.clone(), Standing::Beside)).changed);
    // The same told again, as after a reading that overlaps with reports.
    assert!(!tell(model, Change::Route(route.clone(), Standing::Beside)).changed);
}

fn port_to(model: &Model, to: &str) -> Result<Option<u16>, Deadend> {
    let fib = model.fib();
    let way = match address(to) {
        IpAddr::V4(to) => fib.route_v4(1, to.to_bits()),
        IpAddr::V6(to) => fib.route_v6(1, to.to_bits()),
    };
    way.map(|way| way.port.map(|port| port.0))
}

#[test]
fn the_longest_prefix_the_local_table_and_the_least_priority_win() {
    let mut model = model();
    assert_eq!(port_to(&model, "10.1.1.1"), Err(Deadend::NoRoute));
    add(&mut model, &route("10.0.0.0", 8, &[hop(INSIDE, None)]));
    let mut worse = route("10.1.0.0", 16, &[hop(INSIDE, None)]);
    worse.priority = 100;
    add(&mut model, &worse);
    let better = route("10.1.0.0", 16, &[hop(OUTSIDE, Some("192.0.2.1"))]);
    add(&mut model, &better);
    assert_eq!(port_to(&model, "10.1.1.1"), Ok(Some(1)));
    assert_eq!(port_to(&model, "10.2.1.1"), Ok(Some(0)));
    let mut own = route("10.1.1.1", 32, &[]);
    (own.table, own.kind, own.priority) = (Table::Local, RouteKind::Local, 7);
    add(&mut model, &own);
    add(&mut model, &route("10.1.1.1", 32, &[hop(ELSEWHERE, None)]));
    assert_eq!(port_to(&model, "10.1.1.1"), Err(Deadend::Host(Host::Local)));
    assert!(tell(&mut model, Change::NoRoute(own)).changed);
    assert_eq!(port_to(&model, "10.1.1.1"), Ok(None));
    assert!(tell(&mut model, Change::NoRoute(better.clone())).changed);
    assert!(!tell(&mut model, Change::NoRoute(better)).changed);
    assert_eq!(port_to(&model, "10.1.1.2"), Ok(Some(0)));
    let mut black = route("10.1.0.0", 16, &[]);
    black.kind = RouteKind::Blackhole;
    add(&mut model, &black);
    assert_eq!(port_to(&model, "10.1.1.2"), Err(Deadend::Blackhole));
    assert!(tell(&mut model, Change::NoRoute(black)).changed);
}

#[test]
fn a_route_takes_the_place_of_another() {
    let mut model = model();
    let old = route("2001:db8::", 32, &[hop(INSIDE, Some("fe80::1"))]);
    let new = route("2001:db8::", 32, &[hop(OUTSIDE, Some("fe80::2"))]);
    add(&mut model, &old);
    assert!(tell(&mut model, Change::Route(new.clone(), Standing::InPlace)).changed);
    assert_eq!(port_to(&model, "2001:db8::7"), Ok(Some(1)));
    assert!(tell(&mut model, Change::NoRoute(new)).changed);
    assert_eq!(port_to(&model, "2001:db8::7"), Err(Deadend::NoRoute));
    // Also of one that is reached otherwise, where there is none of its kind.
    let mut black = route("2001:db8::", 32, &[]);
    black.kind = RouteKind::Blackhole;
    add(&mut model, &black);
    assert!(tell(&mut model, Change::Route(old, Standing::InPlace)).changed);
    assert_eq!(port_to(&model, "2001:db8::7"), Ok(Some(0)));
    // On two links at once, as link-local prefixes are.
    add(&mut model, &route("fe80::", 64, &[hop(INSIDE, None)]));
    let other = route("fe80::", 64, &[hop(OUTSIDE, None)]);
    add(&mut model, &other);
    assert!(tell(&mut model, Change::NoRoute(other)).changed);
    assert_eq!(port_to(&model, "fe80::9"), Ok(Some(0)));
}

#[test]
fn ways_of_ipv6_come_together_and_go_one_by_one() {
    let mut model = model();
    let ways = [hop(INSIDE, Some("fe80::1")), hop(OUTSIDE, Some("fe80::2"))];
    add(&mut model, &route("2001:db8::", 32, &ways[..1]));
    add(&mut model, &route("2001:db8::", 32, &ways));
    let ports = |model: &Model| {
        let fib = model.fib();
        let to = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1).to_bits();
        let mut ports: Vec<_> = (0..64)
            .map(|src| fib.route_v6(src, to).unwrap().port.unwrap().0)
            .collect();
        assert_eq!(fib.route_v6(7, to), fib.route_v6(7, to));
        ports.sort_unstable();
        ports.dedup();
        ports
    };
    assert_eq!(ports(&model), [0, 1]);
    let gone = Change::NoRoute(route("2001:db8::", 32, &ways[..1]));
    assert!(tell(&mut model, gone).changed);
    assert_eq!(ports(&model), [1]);
}

#[test]
fn ways_get_their_share() {
    let mut model = model();
    let mut ways = [hop(INSIDE, None), hop(OUTSIDE, None)];
    ways[1].weight = 3;
    add(&mut model, &route("10.0.0.0", 8, &ways));
    let fib = model.fib();
    let to = Ipv4Addr::new(10, 0, 0, 1).to_bits();
    let outside = (0..4000)
        .filter(|src| fib.route_v4(*src, to).unwrap().port == Some(Port(1)))
        .count();
    assert!((2800..3200).contains(&outside), "{outside}");
}

#[test]
fn neighbours_are_known_by_port_and_told_to_gateways() {
    let mut model = model();
    add(
        &mut model,
        &route("10.0.0.0", 8, &[hop(OUTSIDE, Some("192.0.2.1"))]),
    );
    let neighbour = |state| Neighbour {
        device: OUTSIDE,
        address: address("192.0.2.1"),
        state,
    };
    let resolution = |model: &Model| {
        let fib = model.fib();
        let way = *fib.route_v4(1, 0x0a00_0001).unwrap();
        let (_, of_way) = way.gateway.unwrap();
        assert_eq!(fib.neighbour(Port(1), address("192.0.2.1")), of_way);
        assert_eq!(
            fib.neighbour(Port(0), address("192.0.2.1")),
            Resolution::Unknown
        );
        of_way
    };
    assert_eq!(resolution(&model), Resolution::Unknown);
    let mac = [2, 0, 0, 0, 0, 9];
    let resolved = Change::Neighbour(neighbour(NeighbourState::Resolved(MacAddress(mac))));
    assert!(tell(&mut model, resolved.clone()).changed);
    assert!(!tell(&mut model, resolved).changed);
    assert_eq!(resolution(&model), Resolution::Known(mac));
    tell(
        &mut model,
        Change::Neighbour(neighbour(NeighbourState::Failed)),
    );
    assert_eq!(resolution(&model), Resolution::Failed);
    let (device, address) = (OUTSIDE, address("192.0.2.1"));
    assert!(tell(&mut model, Change::NoNeighbour { device, address }).changed);
    assert_eq!(resolution(&model), Resolution::Unknown);
}

#[test]
fn links_and_addresses_make_ports_and_ask_for_another_reading() {
    let mut model = model();
    let own = |text: &str| Address {
        device: INSIDE,
        address: address(text),
        prefix_len: 24,
    };
    for text in ["fe80::1", "10.0.0.1", "2001:db8::1", "10.0.0.2"] {
        assert!(tell(&mut model, Change::Address(own(text))).changed);
    }
    let fib = model.fib();
    let port = fib.port(Port(0)).unwrap();
    assert_eq!((port.device, port.mtu, port.mac[5]), (INSIDE, 1500, 11));
    assert_eq!(port.v4.map(IpAddr::V4), Some(address("10.0.0.1")));
    assert_eq!(port.v6.map(IpAddr::V6), Some(address("2001:db8::1")));
    assert_eq!(port.link_local.map(IpAddr::V6), Some(address("fe80::1")));
    assert!(fib.is_own(0x0a00_0002) && !fib.is_own(0x0a00_0003));
    let both = Effect {
        changed: true,
        read_again: true,
    };
    assert_eq!(tell(&mut model, Change::NoAddress(own("10.0.0.1"))), both);
    assert_eq!(tell(&mut model, link(INSIDE, true)), Effect::default());
    assert_eq!(tell(&mut model, link(INSIDE, false)), both);
    assert_eq!(model.fib().port(Port(0)), None);
    assert_eq!(tell(&mut model, Change::NoLink(OUTSIDE)), both);
    assert_eq!(model.fib().port(Port(1)), None);
}

#[test]
fn another_reading_leaves_nothing_of_what_was() {
    let mut model = model();
    for net in 0..9 {
        let to = format!("10.{net}.0.0");
        add(&mut model, &route(&to, 16, &[hop(INSIDE, None)]));
    }
    let stays = route("10.3.0.0", 16, &[hop(OUTSIDE, None)]);
    let all = vec![link(OUTSIDE, true), Change::Route(stays, Standing::Beside)];
    model.replace(all).unwrap();
    assert_eq!(port_to(&model, "10.3.0.1"), Ok(Some(1)));
    assert_eq!(port_to(&model, "10.4.0.1"), Err(Deadend::NoRoute));
    assert_eq!(model.fib().port(Port(0)), None);
    assert_eq!(model.hops.targets().flatten().count(), 1);
}
