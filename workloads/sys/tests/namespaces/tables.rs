//! The kernel's forwarding tables: what is read, what is told, and that losses are admitted.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use steerbench_sys::link::{self, MacAddress, Peer};
use steerbench_sys::netns;
use steerbench_sys::tables::{
    self, Change, Heard, Monitor, Neighbour, NeighbourState, NextHop, Route, RouteKind, Standing,
    Table,
};

use super::links::spec;

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// A pair in this namespace; the number of its end `server`.
fn pair() -> u32 {
    netns::unshare_here().unwrap();
    link::create_veth(&spec(1, Peer::Here)).unwrap();
    link::set_up("client").unwrap();
    link::set_up("server").unwrap();
    link::await_running("server", Duration::from_secs(5)).unwrap();
    link::add_address("server", address("198.18.0.1"), 24).unwrap();
    link::ifindex("server").unwrap()
}

fn route(device: u32, to: &str, prefix_len: u8, gateways: &[&str]) -> Route {
    let hops = gateways.iter().zip(1..).map(|(gateway, weight)| NextHop {
        device,
        gateway: Some(address(gateway)),
        weight,
    });
    Route {
        table: Table::Main,
        destination: address(to),
        prefix_len,
        priority: 7,
        kind: RouteKind::Unicast,
        hops: hops.collect(),
    }
}

/// Hears until this change was told.
fn hears(monitor: &mut Monitor, expected: &Change) {
    let deadline = Instant::now() + Duration::from_secs(5);
    let mut told = Vec::new();
    while !told.contains(expected) {
        assert!(Instant::now() < deadline, "{expected:?} is not in {told:?}");
        monitor.wait(Duration::from_millis(100)).unwrap();
        assert_eq!(monitor.hear(&mut told).unwrap(), Heard::All);
    }
}

/// Hears until it was told that this link is down.
fn hears_of_link(monitor: &mut Monitor, device: u32) {
    let deadline = Instant::now() + Duration::from_secs(5);
    let mut told = Vec::new();
    let is =
        |change: &Change| matches!(change, Change::Link(link) if link.index == device && !link.up);
    while !told.iter().any(is) {
        assert!(Instant::now() < deadline, "{told:?}");
        monitor.wait(Duration::from_millis(100)).unwrap();
        monitor.hear(&mut told).unwrap();
    }
}

pub(crate) fn told() {
    let device = pair();
    let mut monitor = Monitor::open(1 << 20).unwrap();
    assert!(!monitor.wait(Duration::ZERO).unwrap());
    let one = route(device, "203.0.113.0", 24, &["198.18.0.7"]);
    let two = route(device, "203.0.113.0", 24, &["198.18.0.7", "198.18.0.8"]);
    tables::add_route(&one).unwrap();
    hears(&mut monitor, &Change::Route(one, Standing::Beside));
    tables::add_route(&two).unwrap();
    let two = Change::Route(two, Standing::InPlace);
    hears(&mut monitor, &two);
    let neighbour = address("198.18.0.7");
    let mac = MacAddress([2, 0, 0, 0, 0, 7]);
    link::add_neighbour("server", neighbour, mac).unwrap();
    let known = Change::Neighbour(Neighbour {
        device,
        address: neighbour,
        state: NeighbourState::Resolved(mac),
    });
    hears(&mut monitor, &known);
    let all = tables::read().unwrap();
    let Change::Route(two, _) = two else {
        unreachable!("it was made above")
    };
    assert!(all.contains(&known) && all.contains(&Change::Route(two.clone(), Standing::Beside)));
    for (to, table) in [("198.18.0.1", Table::Local), ("198.18.0.0", Table::Main)] {
        let is = |change: &Change| {
            matches!(change, Change::Route(route, _)
                if route.table == table && route.destination == address(to))
        };
        assert!(all.iter().any(is), "{to} is not in {all:?}");
    }
    tables::remove_route(&two).unwrap();
    hears(&mut monitor, &Change::NoRoute(two));
    tables::remove_neighbour(device, neighbour).unwrap();
    let address = neighbour;
    hears(&mut monitor, &Change::NoNeighbour { device, address });
    link::set_down("server").unwrap();
    hears_of_link(&mut monitor, device);
}

pub(crate) fn lost() {
    let device = pair();
    // The least that the kernel gives a socket: a handful of reports.
    let mut monitor = Monitor::open(0).unwrap();
    for net in 0..100 {
        let to = format!("100.64.{net}.0");
        tables::add_route(&route(device, &to, 24, &["198.18.0.7"])).unwrap();
    }
    let mut changes = Vec::new();
    let mut heard = Vec::new();
    for _ in 0..3 {
        heard.push(monitor.hear(&mut changes).unwrap());
    }
    assert!(heard.contains(&Heard::Lost), "{heard:?}");
    assert_eq!(heard.last(), Some(&Heard::All), "{heard:?}");
    assert!(changes.len() < 100);
    let is_ours =
        |change: &&Change| matches!(change, Change::Route(route, _) if route.priority == 7);
    assert_eq!(tables::read().unwrap().iter().filter(is_ours).count(), 100);
}
