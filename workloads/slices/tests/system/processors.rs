//! The other processors: an inspector between two links, a pair of gateways, a pair of proxies.

use slices::gateway::{Authentication, GatewayConfig, Secret};
use slices::pair::Side;
use slices::proxy::ProxyConfig;
use slices::system::{Counters, Design, ProcessorConfig, System, SystemConfig};

use crate::chain::{MTU, Tap, chain, config};
use crate::pair::{BETWEEN, BETWEEN_MTU, pair};
use crate::traffic::{TTL, check_behind, datagram};

const FLOWS: u16 = 16;
const COUNT: u32 = 600;
const BURST: u32 = 50;
const SIDES: [Side; 2] = [Side::Egress, Side::Ingress];

/// Sends datagrams of all flows and sizes from one end, looking meanwhile at what arrives at the other.
fn send(from: usize, source: &mut Tap, sink: &mut Tap, wait: bool) -> Vec<Vec<u8>> {
    let mut arrived = Vec::new();
    for begin in (0..COUNT).step_by(BURST as usize) {
        for number in begin..begin + BURST {
            let (flow, len) = (number as u16 % FLOWS, 60 + number as usize * 31 % 1455);
            source.send(&datagram(from, flow, number, len, TTL));
        }
        if wait {
            arrived.extend(sink.receive(BURST as usize));
        }
    }
    arrived
}

fn at_rest(systems: &mut [System; 2]) -> [Counters; 2] {
    // The first passes on to the second.
    for system in systems.iter_mut() {
        system.quiesce().unwrap();
    }
    [0, 1].map(|side| systems[side].counters().unwrap())
}

#[test]
fn an_inspector_passes_frames_as_they_are_and_tells_what_it_found() {
    for design in [Design::Netslice, Design::DispatchThreads] {
        let Some(chain) = chain(design) else { return };
        let (mut from, mut to) = (chain.tap(0), chain.tap(1));
        let config = SystemConfig {
            processor: ProcessorConfig::Inspect {
                patterns: vec!["needle".to_owned()],
            },
            ..config(design)
        };
        let mut system = chain.running(&config);
        let mut sent = Vec::new();
        for number in 0..100 {
            let mut frame = datagram(0, 0, number, 200, TTL);
            if number % 4 == 0 {
                frame[100..106].copy_from_slice(b"needle");
            }
            from.send(&frame);
            sent.push(frame);
        }
        assert!(to.receive(100) == sent, "{design:?}");
        system.quiesce().unwrap();
        let counters = system.counters().unwrap();
        assert_eq!((counters.sent, counters.lost()), (100, 0));
        let found = (
            counters.value("frames_with_match"),
            counters.value("matches"),
        );
        assert_eq!((counters.value("inspected"), found), (100, (25, 25)));
        system.stop().unwrap();
    }
}

fn gateway(side: usize) -> ProcessorConfig {
    ProcessorConfig::Ipsec(GatewayConfig {
        side: SIDES[side],
        local: BETWEEN[side],
        remote: BETWEEN[1 - side],
        spi: 0x1000,
        secret: Secret([7; 32]),
        authentication: Authentication::HmacSha256,
        mtu: BETWEEN_MTU as u16,
    })
}

#[test]
fn packets_go_through_a_pair_of_gateways_both_ways_in_order() {
    for design in [
        Design::Netslice,
        Design::RawSocket,
        Design::PacketMmapV3,
        Design::DispatchThreads,
    ] {
        let Some(pair) = pair(design) else { return };
        let (mut left, mut right) = (pair.tap(0), pair.tap(1));
        let mut systems = pair.running(design, gateway);
        let there = send(0, &mut left, &mut right, true);
        let back = send(1, &mut right, &mut left, true);
        for (to, arrived) in [(1, there), (0, back)] {
            assert_eq!(arrived.len(), COUNT as usize, "{design:?}");
            assert_eq!(check_behind(2, to, &arrived).len(), usize::from(FLOWS));
        }
        for counters in at_rest(&mut systems) {
            assert_eq!(counters.lost(), 0, "{design:?}: {:?}", counters.losses);
            assert_eq!((counters.sent, counters.made), (u64::from(2 * COUNT), 0));
            assert_eq!(counters.value("tunnelled"), u64::from(COUNT));
        }
        systems
            .into_iter()
            .for_each(|system| system.stop().unwrap());
    }
}

fn proxy(side: usize) -> ProcessorConfig {
    ProcessorConfig::Maelstrom(ProxyConfig {
        side: SIDES[side],
        r: 8,
        c: 3,
        mtu: MTU as u16,
    })
}

#[test]
fn a_pair_of_proxies_sends_repairs_that_nobody_sees() {
    for design in [Design::Netslice, Design::RawSocket] {
        let Some(pair) = pair(design) else { return };
        let (mut left, mut right) = (pair.tap(0), pair.tap(1));
        let mut systems = pair.running(design, proxy);
        let arrived = send(0, &mut left, &mut right, true);
        assert_eq!(arrived.len(), COUNT as usize, "{design:?}");
        check_behind(2, 1, &arrived);
        let [egress, ingress] = at_rest(&mut systems);
        let all = u64::from(COUNT);
        assert_eq!(
            (egress.sent, egress.lost()),
            (all, 0),
            "{:?}",
            egress.losses
        );
        assert_eq!(
            (ingress.sent, ingress.lost()),
            (all, 0),
            "{:?}",
            ingress.losses
        );
        // Three repairs for every eight packets, and those of groups that were not full.
        assert!(egress.made >= all * 3 / 8, "{} made", egress.made);
        assert_eq!(egress.value("repairs_made"), egress.made);
        assert_eq!(ingress.value("repairs_received"), egress.made);
        assert_eq!((ingress.made, ingress.recovered), (0, 0));
        systems
            .into_iter()
            .for_each(|system| system.stop().unwrap());
    }
}
