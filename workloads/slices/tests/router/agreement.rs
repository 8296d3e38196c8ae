//! The XDP program `forward` and the router in user space, by the same tables: the same frames are forwarded,
//! and leave with the same bytes.
//!
//! Where they differ on purpose is told apart here: the program verifies no IPv4 checksum and knows no martian
//! sources but those of the kernel's lookup, and passes on, or drops, what the router answers by an ICMP error.

use loader::{Forward, TestContext};
use pktio::frame::{FrameMut, Port};
use slices::router::{Asker, Drop, ErrorLimit, Host, Outcome, Report, Router};
use steering::forward::Fate;
use sys::link::{self, MacAddress};
use sys::tables::{self, RouteKind};

use crate::rig::{NARROW, Rig, address, datagram, nothing, refusing, rig, with_options};

const HEADROOM: usize = 64;

/// What becomes of a frame that came by `inside`, and the frame.
pub(crate) fn routed(router: &mut Router, frame: &[u8]) -> (Outcome, Vec<u8>) {
    let mut chunk = [&[0; HEADROOM], frame].concat();
    let (mut at, mut len) = (HEADROOM as u32, frame.len() as u32);
    let mut view = FrameMut::new(&mut chunk, &mut at, &mut len);
    let outcome = router.process(Port(0), &mut view);
    (outcome, view.bytes().to_vec())
}

/// Routes of every kind.
pub(crate) fn add_routes(rig: &Rig) {
    rig.at_router(|| {
        for (kind, v4, v6) in [
            (RouteKind::Blackhole, "203.0.113.0", "fd54:1::"),
            (RouteKind::Unreachable, "203.0.113.64", "fd54:2::"),
            (RouteKind::Prohibit, "203.0.113.128", "fd54:3::"),
        ] {
            tables::add_route(&refusing(kind, v4, 26)).unwrap();
            tables::add_route(&refusing(kind, v6, 32)).unwrap();
        }
        for (to, prefix_len, gateway) in [
            ("198.51.100.0", 24, "198.18.2.254"),
            ("fd54:4::", 32, "fd53:2::254"),
        ] {
            let mac = MacAddress([2, 0, 0, 0, 2, 254]);
            link::add_neighbour("outside", address(gateway), mac).unwrap();
            tables::add_route(&rig.route(to, prefix_len, Some(gateway))).unwrap();
        }
    });
}

/// What the router makes of a frame of which the program makes this.
fn agrees(fate: Fate, outcome: Outcome) -> bool {
    match fate {
        Fate::Forwarded => outcome == Outcome::Forwarded(Port(1)),
        // It has not looked into the tables.
        Fate::NoHop => !matches!(outcome, Outcome::Forwarded(_)),
        // The router cuts nothing for a neighbour that is not known yet.
        Fate::TooBig => matches!(
            outcome,
            Outcome::Reported(Report::TooBig, _)
                | Outcome::Fragmented { .. }
                | Outcome::Dropped(Drop::Unresolved)
        ),
        Fate::NotForwarded => matches!(
            outcome,
            Outcome::Host(Host::Local | Host::Group)
                | Outcome::Reported(Report::NoRoute, _)
                | Outcome::Dropped(_)
        ),
        Fate::Unreachable => matches!(outcome, Outcome::Reported(Report::Unreachable, _)),
        Fate::Prohibited => matches!(outcome, Outcome::Reported(Report::Prohibited, _)),
        Fate::NoNeighbour => matches!(outcome, Outcome::Dropped(_)),
        Fate::BadHeader | Fate::Blackhole => matches!(outcome, Outcome::Dropped(_)),
        // It passes on what the router looks at.
        Fate::Options => matches!(
            outcome,
            Outcome::Forwarded(_) | Outcome::Dropped(Drop::SourceRoute)
        ),
        Fate::NotIp => outcome == Outcome::Host(Host::NotIp),
        Fate::LinkGroup => matches!(outcome, Outcome::Host(_) | Outcome::Dropped(_)),
        Fate::ForwardingOff | Fate::Tunnel | Fate::NotAPort | Fate::Refused => false,
    }
}

/// Frames that reach every branch of both decisions.
pub(crate) fn frames() -> Vec<Vec<u8>> {
    let mut frames = Vec::new();
    let payloads: [&[u8]; 3] = [b"", b"an odd payload!", &[7; 1400]];
    for to in [
        "198.18.2.9",
        "198.51.100.7",
        "203.0.113.1",
        "203.0.113.65",
        "203.0.113.129",
        "9.9.9.9",
        "198.18.1.1",
        "198.18.2.255",
        "198.18.2.77",
    ] {
        for ttl in [1, 2, 64, 255] {
            for payload in payloads {
                frames.push(datagram(to, payload, |header| header[8] = ttl));
            }
        }
        frames.push(datagram(to, payloads[2], |header| header[6] = 0));
        frames.push(datagram(to, b"tos", |header| header[1] = 0xb8));
    }
    for to in [
        "fd53:2::9",
        "fd54:4::7",
        "fd54:1::1",
        "fd54:2::1",
        "fd54:3::1",
        "fd55::1",
        "fd53:1::1",
        "fd53:2::77",
    ] {
        for hop_limit in [1, 2, 64, 255] {
            for payload in payloads {
                frames.push(datagram(to, payload, |header| header[7] = hop_limit));
            }
        }
        // As long as the link takes, and one more.
        let fits = NARROW as usize - 48;
        frames.push(datagram(to, &vec![1; fits], nothing));
        frames.push(datagram(to, &vec![1; fits + 1], nothing));
    }
    let mut arp = datagram("198.18.2.9", b"", nothing);
    arp[12..14].copy_from_slice(&[8, 6]);
    frames.push(arp);
    let mut group = datagram("198.18.2.9", b"", nothing);
    group[0] |= 1;
    frames.push(group);
    frames.push(datagram("198.18.2.9", b"", nothing)[..33].to_vec());
    frames
}

#[test]
fn the_program_and_the_router_make_the_same_of_a_frame() {
    let Some(rig) = rig() else { return };
    add_routes(&rig);
    rig.kernel_forwards(true);
    let mirror = rig.mirror();
    let limit = ErrorLimit {
        per_second: 0,
        burst: 1000,
    };
    // Nobody answers its questions, which would change the kernel's tables meanwhile.
    let (asker, _asked) = Asker::new();
    let mut router = Router::new(mirror.reader(), asker, limit, 0);
    let (mut forwarded, mut fates) = (0, std::collections::BTreeSet::new());
    rig.at_router(|| {
        let forward = Forward::load(&rig.ports).unwrap();
        let context = TestContext {
            ifindex: rig.ports[0],
            rx_queue: 0,
        };
        let options = [[1, 130, 3, 0], [131, 3, 4, 0]];
        let plain = || datagram("198.18.2.9", b"options", nothing);
        let with_options = options.map(|options| with_options(plain(), &options));
        for frame in frames().into_iter().chain(with_options) {
            let before = forward.counters().unwrap();
            let run = forward.test_run(&frame, 1, context).unwrap();
            let after = forward.counters().unwrap();
            let moved = |fate: &Fate| after.of(*fate) != before.of(*fate);
            let fate = Fate::ALL.into_iter().find(moved).expect("one counter");
            let (outcome, bytes) = routed(&mut router, &frame);
            assert!(agrees(fate, outcome), "{fate:?}, {outcome:?}: {frame:x?}");
            if fate == Fate::Forwarded {
                assert_eq!(run.data, bytes, "{frame:x?}");
                forwarded += 1;
            }
            fates.insert(fate as u32);
        }
    });
    assert!(forwarded > 20, "{forwarded}");
    assert!(fates.len() >= 10, "{fates:?}");
}
