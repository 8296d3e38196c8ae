//! The mirror follows what is changed by netlink.

use std::collections::BTreeSet;
use std::net::IpAddr;

use slices::router::{Deadend, Host, Mirror, Reader, Resolution, TableLimits, Way};
use sys::link::{self, MacAddress};
use sys::tables::{self, RouteKind};

use crate::rig::{Rig, address, eventually, refusing, rig};

/// Where packets to this address go: the port and what is known of the next hop.
fn way(reader: &Reader, to: &str) -> Result<(Option<u16>, Resolution), Deadend> {
    let fib = reader.fib();
    let to = address(to);
    let way = match to {
        IpAddr::V4(to) => fib.route_v4(1, to.to_bits())?,
        IpAddr::V6(to) => fib.route_v6(1, to.to_bits())?,
    };
    let known = match (way.gateway, way.port) {
        (Some((_, known)), _) => known,
        (None, Some(port)) => fib.neighbour(port, to),
        (None, None) => Resolution::Unknown,
    };
    Ok((way.port.map(|port| port.0), known))
}

fn becomes(
    reader: &mut Reader,
    to: &str,
    expected: Result<(Option<u16>, Resolution), Deadend>,
) -> bool {
    eventually(|| {
        reader.refresh();
        way(reader, to) == expected
    })
}

#[test]
fn what_was_there_is_read_and_what_changes_is_followed() {
    let Some(rig) = rig() else { return };
    let receiver = Resolution::Known(crate::rig::RECEIVER);
    rig.at_router(|| {
        let early = rig.route("203.0.113.0", 24, Some("198.18.2.9"));
        tables::add_route(&early).unwrap();
    });
    let mirror = rig.mirror();
    let mut reader = mirror.reader();
    for to in ["203.0.113.7", "198.18.2.9", "fd53:2::9"] {
        assert_eq!(way(&reader, to), Ok((Some(1), receiver)), "{to}");
    }
    for own in ["198.18.1.1", "fd53:2::1"] {
        assert_eq!(way(&reader, own), Err(Deadend::Host(Host::Local)));
    }
    assert_eq!(
        way(&reader, "198.18.1.255"),
        Err(Deadend::Host(Host::Group))
    );
    for (to, prefix_len, gateway) in [
        ("100.64.0.0", 10, "198.18.2.9"),
        ("fd54::", 32, "fd53:2::9"),
    ] {
        let route = rig.route(to, prefix_len, Some(gateway));
        assert_eq!(way(&reader, to), Err(Deadend::NoRoute), "{to}");
        rig.at_router(|| tables::add_route(&route).unwrap());
        assert!(becomes(&mut reader, to, Ok((Some(1), receiver))), "{to}");
        let black = refusing(RouteKind::Blackhole, to, prefix_len);
        rig.at_router(|| tables::remove_route(&route).unwrap());
        assert!(becomes(&mut reader, to, Err(Deadend::NoRoute)), "{to}");
        rig.at_router(|| tables::add_route(&black).unwrap());
        assert!(becomes(&mut reader, to, Err(Deadend::Blackhole)), "{to}");
        // In its place, which is one report.
        rig.at_router(|| tables::add_route(&route).unwrap());
        assert!(becomes(&mut reader, to, Ok((Some(1), receiver))), "{to}");
    }
    for neighbour in ["198.18.2.9", "fd53:2::9"] {
        let device = rig.ports[1];
        rig.at_router(|| tables::remove_neighbour(device, address(neighbour)).unwrap());
        let unknown = Ok((Some(1), Resolution::Unknown));
        assert!(becomes(&mut reader, neighbour, unknown), "{neighbour}");
        let mac = [2, 0, 0, 0, 0, 77];
        rig.at_router(|| {
            link::add_neighbour("outside", address(neighbour), MacAddress(mac)).unwrap();
        });
        let known = Ok((Some(1), Resolution::Known(mac)));
        assert!(becomes(&mut reader, neighbour, known), "{neighbour}");
    }
    assert_eq!(mirror.failure(), None);
}

#[test]
fn what_goes_without_a_word_goes_here_too() {
    let Some(rig) = rig() else { return };
    let route = rig.route("203.0.113.0", 24, Some("198.18.2.9"));
    rig.at_router(|| tables::add_route(&route).unwrap());
    let mirror = rig.mirror();
    let mut reader = mirror.reader();
    assert!(way(&reader, "203.0.113.7").is_ok());
    rig.at_router(|| link::set_down("outside").unwrap());
    assert!(becomes(&mut reader, "203.0.113.7", Err(Deadend::NoRoute)));
    assert!(mirror.read_again() > 0);
    assert!(reader.fib().port(pktio::frame::Port(1)).is_none());
    rig.at_router(|| link::delete("outside").unwrap());
    assert!(becomes(&mut reader, "198.18.2.9", Err(Deadend::NoRoute)));
}

#[test]
fn reports_that_are_lost_are_made_up_for() {
    const ROUTES: u32 = 2000;
    let Some(rig) = rig() else { return };
    let to = |number: u32| format!("fd54:{number:x}::");
    rig.at_router(|| {
        for number in 0..ROUTES {
            tables::add_route(&rig.route(&to(number), 32, None)).unwrap();
        }
    });
    // Room for a handful of reports.
    let limits = TableLimits::default();
    let mirror = rig.at_router(|| Mirror::start_with(&rig.ports, limits, 2048).unwrap());
    let mut reader = mirror.reader();
    let all = |reader: &Reader, expected| (0..ROUTES).all(|n| way(reader, &to(n)) == expected);
    assert!(all(&reader, Ok((Some(1), Resolution::Unknown))));
    // Each of them is reported, at once.
    rig.at_router(|| link::set_down("outside").unwrap());
    assert!(eventually(|| {
        reader.refresh();
        all(&reader, Err(Deadend::NoRoute))
    }));
    assert!(mirror.lost() > 0, "nothing was lost");
    assert_eq!(mirror.failure(), None);
}

/// The hardware addresses that packets to this address leave for, whatever their source.
fn stations(reader: &Reader, to: &str) -> BTreeSet<u8> {
    let fib = reader.fib();
    let way = |src: u32| match address(to) {
        IpAddr::V4(to) => fib.route_v4(src, to.to_bits()),
        IpAddr::V6(to) => fib.route_v6(src.into(), to.to_bits()),
    };
    let last = |way: &Way| match way.gateway {
        Some((_, Resolution::Known(mac) | Resolution::Stale(mac))) => Some(mac[5]),
        Some((_, Resolution::Failed | Resolution::Unknown)) | None => None,
    };
    (0..64).filter_map(|src| last(way(src).ok()?)).collect()
}

#[test]
fn the_ways_of_a_route_come_and_go() {
    let Some(rig) = rig() else { return };
    let mirror = rig.mirror();
    let mut reader = mirror.reader();
    let mut become_ = |to: &str, expected: &[u8]| {
        let expected: BTreeSet<u8> = expected.iter().copied().collect();
        let same = eventually(|| {
            reader.refresh();
            stations(&reader, to) == expected
        });
        assert!(same, "{to}: {:?}, not {expected:?}", stations(&reader, to));
    };
    for (to, prefix_len, gateways) in [
        ("100.64.0.0", 10, ["198.18.2.51", "198.18.2.52"]),
        ("fd54::", 32, ["fd53:2::51", "fd53:2::52"]),
    ] {
        let both = rig.at_router(|| {
            for (gateway, last) in gateways.into_iter().zip([51, 52]) {
                let mac = MacAddress([2, 0, 0, 0, 0, last]);
                link::add_neighbour("outside", address(gateway), mac).unwrap();
            }
            let mut both = rig.route(to, prefix_len, Some(gateways[0]));
            both.hops
                .extend(rig.route(to, prefix_len, Some(gateways[1])).hops);
            tables::add_route(&both).unwrap();
            both
        });
        become_(to, &[51, 52]);
        let one = rig.route(to, prefix_len, Some(gateways[1]));
        rig.at_router(|| tables::add_route(&one).unwrap());
        become_(to, &[52]);
        rig.at_router(|| tables::add_route(&both).unwrap());
        become_(to, &[51, 52]);
        if to.contains(':') {
            rig.at_router(|| tables::remove_route(&one).unwrap());
            become_(to, &[51]);
            rig.at_router(|| tables::add_route(&both).unwrap());
            become_(to, &[51, 52]);
        }
        rig.at_router(|| tables::remove_route(&both).unwrap());
        become_(to, &[]);
    }
    assert_eq!(mirror.failure(), None);
}

/// With address resolution on: the kernel asks, the receiver's kernel answers.
fn resolvable(rig: &Rig) {
    rig.at_router(|| {
        link::resolve_neighbours("outside").unwrap();
        link::add_address("outside", address("fe80::1"), 64).unwrap();
        for neighbour in ["198.18.2.9", "fd53:2::9"] {
            rig.forget(neighbour);
        }
    });
    rig.receiver
        .run(|| {
            link::resolve_neighbours("receiver").unwrap();
            link::add_address("receiver", address("198.18.2.9"), 24).unwrap();
            link::add_address("receiver", address("fd53:2::9"), 64).unwrap();
        })
        .unwrap();
}

#[test]
fn the_kernel_resolves_what_is_asked_for() {
    let Some(rig) = rig() else { return };
    resolvable(&rig);
    let mirror = rig.mirror();
    let mut reader = mirror.reader();
    let device = rig.ports[1];
    for neighbour in ["198.18.2.9", "fd53:2::9"] {
        let unknown = Ok((Some(1), Resolution::Unknown));
        assert_eq!(way(&reader, neighbour), unknown, "{neighbour}");
        let address = address(neighbour);
        rig.at_router(|| tables::resolve(device, address).unwrap());
        let known = Ok((Some(1), Resolution::Known(crate::rig::RECEIVER)));
        assert!(becomes(&mut reader, neighbour, known), "{neighbour}");
    }
    // Nobody has this one: three questions, a second apart.
    rig.at_router(|| tables::resolve(device, address("198.18.2.77")).unwrap());
    let failed = Ok((Some(1), Resolution::Failed));
    assert!(becomes(&mut reader, "198.18.2.77", failed));
    rig.at_router(|| assert!(tables::resolve(1 << 20, address("198.18.2.9")).is_err()));
}
