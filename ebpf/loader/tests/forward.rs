//! The forwarding program by the kernel's tables: each fate by a frame that has it, and real packets from a sender
//! through a router to a receiver, each in a namespace of its own.

#[expect(dead_code, reason = "this target needs a part of what the tests share")]
mod support;

#[path = "../../fixtures/build.rs"]
#[expect(dead_code, reason = "this target needs a part of what the tests share")]
mod build;

#[path = "support/raw.rs"]
#[expect(dead_code, reason = "this target needs a part of what the tests share")]
mod raw;

#[path = "support/space.rs"]
#[expect(dead_code, reason = "this target needs a part of what the tests share")]
mod space;

use std::net::UdpSocket;

use build::Wrapping;
use loader::{Forward, Pass, TestContext};
use packet::checksum;
use raw::send_frames;
use space::{Client, eventually, ifindex, in_namespace, ip};
use steering::forward::{Action, Fate};
use support::{PORT, loaded};

const OUTSIDE_MAC: &str = "02:53:42:00:01:01";
const RECEIVER_MAC: &str = "02:53:42:00:01:02";

fn mac(text: &str) -> Vec<u8> {
    let bytes = text.split(':').map(|byte| u8::from_str_radix(byte, 16));
    bytes.collect::<Result<_, _>>().expect("a hardware address")
}

/// A router with the devices `inside` and `outside`, their other ends `sender` and `receiver`, and a device
/// that is no port. What the fixtures send to is behind `outside`.
fn set_up() {
    for (device, peer) in [
        ("inside", "sender"),
        ("outside", "receiver"),
        ("third", "nobody"),
    ] {
        ip(&format!("link add {device} type veth peer name {peer}"));
        ip(&format!("link set {device} addrgenmode none"));
        ip(&format!("link set {peer} addrgenmode none"));
    }
    ip(&format!("link set outside address {OUTSIDE_MAC} mtu 1300"));
    ip(&format!("link set receiver address {RECEIVER_MAC}"));
    for device in ["inside", "outside", "third"] {
        ip(&format!("link set {device} up"));
    }
    for (prefix, to) in [("-4", "198.18.0.1/32"), ("-6", "fd53:42::1/128")] {
        ip(&format!("{prefix} route add {to} dev outside"));
        let to = to.split('/').next().expect("an address");
        ip(&format!(
            "neigh add {to} lladdr {RECEIVER_MAC} dev outside nud permanent"
        ));
    }
    switch_forwarding(true);
}

/// The settings of the calling thread's namespace.
fn switch_forwarding(on: bool) {
    for family in ["ipv4/ip_forward", "ipv6/conf/all/forwarding"] {
        let path = format!("/proc/sys/net/{family}");
        std::fs::write(path, if on { "1" } else { "0" }).expect("a namespace of our own");
    }
}

fn datagram(v6: bool, payload: &[u8]) -> Vec<u8> {
    let wrapping = Wrapping {
        v6,
        ..Wrapping::default()
    };
    wrapping.frame(payload)
}

/// The same with other bytes in its IPv4 header, which is summed again.
fn with(mut frame: Vec<u8>, at: usize, bytes: &[u8]) -> Vec<u8> {
    frame[at..at + bytes.len()].copy_from_slice(bytes);
    frame[24..26].fill(0);
    let sum = checksum::ipv4_header(&frame[14..34]);
    frame[24..26].copy_from_slice(&sum.to_be_bytes());
    frame
}

/// The fate of a frame that came by `inside`, which must be the one that was counted, and what it is afterwards.
fn fate(forward: &Forward, frame: &[u8]) -> (Fate, Vec<u8>) {
    let before = forward.counters().expect("counters");
    let context = TestContext {
        ifindex: ifindex("inside"),
        rx_queue: 0,
    };
    let run = forward.test_run(frame, 1, context).expect("test run");
    let after = forward.counters().expect("counters");
    let moved = |fate: &Fate| after.of(*fate) - before.of(*fate);
    let moved: Vec<_> = Fate::ALL
        .into_iter()
        .filter(|fate| moved(fate) > 0)
        .collect();
    let &[fate] = moved.as_slice() else {
        panic!("counted {moved:?}")
    };
    let action = match fate.action() {
        Action::Drop => 1,
        Action::Pass => 2,
        Action::Redirect => 4,
    };
    assert_eq!(run.verdict, action, "{fate:?}");
    if fate != Fate::Forwarded {
        assert_eq!(run.data, frame, "{fate:?} must not touch the frame");
    }
    (fate, run.data)
}

fn load(ports: &[&str]) -> Option<Forward> {
    let ports: Vec<u32> = ports.iter().map(|port| ifindex(port)).collect();
    loaded(Forward::load(&ports))
}

#[test]
fn what_is_forwarded_is_rewritten_and_nothing_else() {
    in_namespace(|| {
        set_up();
        let Some(forward) = load(&["inside", "outside"]) else {
            return;
        };
        for v6 in [false, true] {
            let frame = datagram(v6, b"some payload");
            let mut expected = frame.clone();
            expected[..6].copy_from_slice(&mac(RECEIVER_MAC));
            expected[6..12].copy_from_slice(&mac(OUTSIDE_MAC));
            if v6 {
                expected[21] -= 1;
            } else {
                let left = expected[22] - 1;
                expected = with(expected, 22, &[left]);
            }
            assert_eq!(fate(&forward, &frame), (Fate::Forwarded, expected));
        }
    });
}

#[test]
fn each_fate_is_counted_by_its_name() {
    in_namespace(|| {
        set_up();
        let Some(forward) = load(&["inside", "outside"]) else {
            return;
        };
        for (kind, to) in [
            ("blackhole", "203.0.113.0/26"),
            ("unreachable", "203.0.113.64/26"),
            ("prohibit", "203.0.113.128/26"),
        ] {
            ip(&format!("route add {kind} {to}"));
        }
        ip("route add 203.0.113.192/26 dev third");
        ip("neigh add 203.0.113.193 lladdr 02:00:00:00:00:09 dev third nud permanent");
        ip("route add 198.51.100.0/24 dev outside");
        ip("addr add 192.0.2.1/32 dev outside");
        let frame = || datagram(false, b"payload");
        let to = |address: [u8; 4]| with(frame(), 30, &address);
        let mut truncated = frame();
        truncated.truncate(30);
        let mut arp = frame();
        arp[12..14].copy_from_slice(&[8, 6]);
        let mut group = frame();
        group[0] |= 1;
        let mut short_life = datagram(true, b"");
        short_life[21] = 1;
        let cases = [
            (with(frame(), 22, &[1]), Fate::NoHop),
            (short_life, Fate::NoHop),
            (to([203, 0, 113, 1]), Fate::Blackhole),
            (to([203, 0, 113, 65]), Fate::Unreachable),
            (to([203, 0, 113, 129]), Fate::Prohibited),
            (to([203, 0, 113, 193]), Fate::NotAPort),
            (to([198, 51, 100, 1]), Fate::NoNeighbour),
            (to([192, 0, 2, 1]), Fate::NotForwarded),
            (to([9, 9, 9, 9]), Fate::NotForwarded),
            (datagram(false, &[7; 1400]), Fate::TooBig),
            // Longer by what the fixed header is, which is none of the payload.
            (datagram(true, &[7; 1253]), Fate::TooBig),
            (datagram(true, &[7; 1252]), Fate::Forwarded),
            (truncated, Fate::BadHeader),
            (with(frame(), 14, &[0x46]), Fate::Options),
            (arp, Fate::NotIp),
            (group, Fate::LinkGroup),
        ];
        for (frame, expected) in cases {
            assert_eq!(fate(&forward, &frame).0, expected, "{frame:x?}");
        }
        switch_forwarding(false);
        for v6 in [false, true] {
            assert_eq!(fate(&forward, &datagram(v6, b"")).0, Fate::ForwardingOff);
        }
    });
}

#[test]
fn a_device_that_cannot_be_a_port_is_refused() {
    for ports in [&[0][..], &[1, 70_000]] {
        let error = Forward::load(ports).err().expect("refused").to_string();
        assert!(error.contains("1 to 65536"), "{error}");
    }
}

/// The receiver's network stack takes the datagrams, so every checksum that they have is right.
#[test]
fn real_packets_cross_from_the_sender_to_the_receiver() {
    // As many as the socket's buffer holds: what comes while it is full would be lost there.
    const EACH: u64 = 150;
    in_namespace(|| {
        set_up();
        let (sender, receiver) = (Client::start(), Client::start());
        ip(&format!("link set sender netns {}", sender.tid()));
        ip(&format!("link set receiver netns {}", receiver.tid()));
        sender.run(|| ip("link set sender up"));
        let received = receiver.run(|| {
            ip("link set receiver up");
            ip("addr add 198.18.0.1/24 dev receiver");
            ip("addr add fd53:42::1/64 dev receiver nodad");
            let mut pass = Pass::load().expect("as root");
            let attached = pass.attach(ifindex("receiver")).expect("attach");
            // It lives as long as the namespace, which goes with its thread.
            std::mem::forget((pass, attached));
            let socket = UdpSocket::bind(("::", PORT)).expect("bind");
            socket.set_nonblocking(true).expect("a socket");
            std::sync::Arc::new(socket)
        });
        let Some(mut forward) = load(&["inside", "outside"]) else {
            return;
        };
        let _inside = forward.attach(ifindex("inside")).expect("attach");
        let mut arrived = 0;
        for v6 in [false, true] {
            // The kernel takes an IPv6 address over in its own time.
            if v6 {
                let socket = || receiver.run(|| UdpSocket::bind(("fd53:42::1", 0)).is_ok());
                assert!(eventually(socket));
            }
            sender.run(move || {
                let payload = |number: u64| number.to_be_bytes();
                send_frames("sender", (0..EACH).map(|n| datagram(v6, &payload(n))));
            });
            let next = std::cell::Cell::new(0);
            let all = || {
                let received = std::sync::Arc::clone(&received);
                let expected = next.get();
                let got = receiver.run(move || in_order(&received, expected));
                next.set(expected + got);
                next.get() == EACH
            };
            assert!(eventually(all), "{} arrived, v6 {v6}", next.get());
            arrived += EACH;
        }
        let counters = forward.counters().expect("counters");
        assert_eq!(counters.of(Fate::Forwarded), arrived, "{counters:?}");
    });
}

/// How many datagrams wait, whose numbers go on from `expected` one by one.
fn in_order(socket: &UdpSocket, expected: u64) -> u64 {
    let mut number = [0; 8];
    let mut count = 0;
    while socket.recv(&mut number).is_ok() {
        assert_eq!(u64::from_be_bytes(number), expected + count);
        count += 1;
    }
    count
}
