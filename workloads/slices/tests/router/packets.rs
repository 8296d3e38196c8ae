//! Real packets through the router in user space: it alone forwards, the kernel's forwarding is off.

use std::net::UdpSocket;
use std::thread;
use std::time::Duration;

use pktio::worker::{Control, Live, WaitMode, run};
use slices::router::{Drop, ErrorLimit, Host, Report, Router, RouterCounters};
use sys::link;
use sys::tables;

use crate::rig::{RECEIVER, Rig, address, datagram, eventually, nothing, rig};
use crate::wire::{Wire, Wires};

/// Fewer than a socket's buffer holds.
const EACH: u64 = 100;

/// Stops the router also where a check fails, for the scope waits for its thread.
struct Ends<'a>(&'a Control);

impl std::ops::Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.stop();
    }
}

/// Runs the router while `work` is done; what it counted then, which must be what its I/O counted.
pub(crate) fn while_routing(rig: &Rig, work: impl FnOnce(&Live)) -> RouterCounters {
    let mirror = rig.mirror();
    let (control, live) = (Control::new(), Live::default());
    let mut io = rig.at_router(|| Wires::new(rig.ports.map(Wire::open).into()));
    let limit = ErrorLimit::default();
    let now_ns = sys::clock::now_ns();
    let mut router = Router::new(mirror.reader(), mirror.asker(), limit, now_ns);
    let timeout = Duration::from_millis(20);
    let mode = WaitMode::Sleep { timeout };
    let counted = thread::scope(|scope| {
        let routing = scope.spawn(|| run(&mut io, &mut router, mode, &control, &live));
        {
            let _ends = Ends(&control);
            work(&live);
        }
        routing.join().unwrap().unwrap()
    });
    assert_eq!(mirror.failure(), None);
    let counters = router.counters().clone();
    let sum: u64 = counters.ledger().map(|(_, frames)| frames).sum();
    assert_eq!((counters.received, sum), (counted.io.received, sum));
    assert_eq!(counters.received, sum);
    let reported: u64 = Report::ALL
        .map(|report| counters.reported(report))
        .iter()
        .sum();
    let left: u64 = counters.forwarded().iter().sum::<u64>() + reported;
    assert_eq!(counted.io.transmitted + counted.io.transmit_refused, left);
    counters
}

fn numbered(to: &str, number: u64) -> Vec<u8> {
    datagram(to, &number.to_be_bytes(), nothing)
}

/// Takes all datagrams that have arrived; they must be the next ones, in order.
fn take(socket: &UdpSocket, next: &mut u64) {
    let mut number = [0; 8];
    while socket.recv(&mut number).is_ok() {
        assert_eq!(
            u64::from_be_bytes(number),
            *next,
            "no packet overtakes another"
        );
        *next += 1;
    }
}

/// The receiver's network stack, which verifies every checksum.
fn receiver(rig: &Rig) -> UdpSocket {
    let socket = bound(rig);
    rig.receiver
        .run(|| {
            for (own, prefix_len) in [("198.18.2.9", 24), ("fd53:2::9", 64)] {
                link::add_address("receiver", address(own), prefix_len).unwrap();
            }
        })
        .unwrap();
    socket
}

/// A socket of the receiver's, which has no address yet.
pub(crate) fn bound(rig: &Rig) -> UdpSocket {
    rig.receiver
        .run(|| {
            let socket = UdpSocket::bind("[::]:11211").unwrap();
            socket.set_nonblocking(true).unwrap();
            socket
        })
        .unwrap()
}

pub(crate) fn sender(rig: &Rig) -> Wire {
    rig.sender
        .run(|| Wire::open(link::ifindex("sender").unwrap()))
        .unwrap()
}

#[test]
fn packets_cross_in_order_and_senders_are_told() {
    let Some(rig) = rig() else { return };
    let (socket, wire) = (receiver(&rig), sender(&rig));
    let counters = while_routing(&rig, |live| {
        for to in ["198.18.2.9", "fd53:2::9"] {
            for number in 0..EACH {
                wire.send(&numbered(to, number));
            }
            let mut next = 0;
            let all = eventually(|| {
                take(&socket, &mut next);
                next == EACH
            });
            assert!(all, "{next} of {EACH} arrived at {to}");
        }
        wire.send(&datagram("198.18.2.9", b"", |header| header[8] = 1));
        wire.send(&datagram("fd55::1", b"", nothing));
        wire.send(&datagram("198.18.1.1", b"for the router", nothing));
        wire.send(&datagram("127.0.0.1", b"", nothing));
        let heard = std::cell::RefCell::new(Vec::new());
        let told = eventually(|| {
            while let Some(frame) = wire.next() {
                heard.borrow_mut().push(frame);
            }
            let heard = heard.borrow();
            let is = |at: usize, icmp: [u8; 2]| {
                heard
                    .iter()
                    .any(|frame| frame.get(at..at + 2) == Some(&icmp))
            };
            is(34, [11, 0]) && is(54, [1, 0])
        });
        assert!(told, "{heard:x?}");
        assert!(eventually(|| live.read().io.received >= 2 * EACH + 4));
    });
    assert_eq!(counters.forwarded(), [0, 2 * EACH]);
    assert_eq!(counters.reported(Report::TimeExceeded), 1);
    assert_eq!(counters.reported(Report::NoRoute), 1);
    assert_eq!(counters.dropped(Drop::MartianDestination), 1);
    assert!(counters.host(Host::Local) >= 1);
}

#[test]
fn a_neighbour_is_resolved_and_a_route_is_changed_in_mid_stream() {
    let Some(rig) = rig() else { return };
    let (socket, wire) = (receiver(&rig), sender(&rig));
    rig.receiver
        .run(|| link::resolve_neighbours("receiver").unwrap())
        .unwrap();
    rig.at_router(|| {
        link::resolve_neighbours("outside").unwrap();
        rig.forget("198.18.2.9");
    });
    let counters = while_routing(&rig, |_| {
        let arrives = |to: &str| {
            eventually(|| {
                wire.send(&datagram(to, b"12345678", nothing));
                thread::sleep(Duration::from_millis(5));
                socket.recv(&mut [0; 8]).is_ok()
            })
        };
        assert!(arrives("198.18.2.9"), "the receiver answers");
        let route = rig.route("203.0.113.0", 24, Some("198.18.2.9"));
        rig.receiver
            .run(|| link::add_address("receiver", address("203.0.113.5"), 32).unwrap())
            .unwrap();
        wire.send(&datagram("203.0.113.5", b"12345678", nothing));
        // No packet overtakes another: where this one is, the router has had that one.
        wire.send(&datagram("198.18.2.9", b"after it", nothing));
        let mut got = [0; 8];
        assert!(eventually(
            || socket.recv(&mut got).is_ok() && got == *b"after it"
        ));
        rig.at_router(|| tables::add_route(&route).unwrap());
        assert!(arrives("203.0.113.5"), "by the new route to {RECEIVER:x?}");
    });
    assert!(counters.dropped(Drop::Unresolved) >= 1, "{counters:?}");
    assert!(counters.resolutions >= 1, "{counters:?}");
    assert!(counters.reported(Report::NoRoute) >= 1, "{counters:?}");
}
