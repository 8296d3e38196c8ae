//! Each outcome by a packet that has it, errors read by a parser that is not ours, and any bytes at all.

use etherparse::icmpv4::DestUnreachableHeader as V4;
use etherparse::{Icmpv4Type, Icmpv6Type, NetSlice, SlicedPacket, TransportSlice};
use proptest::prelude::*;
use std::sync::mpsc::Receiver;

use super::fixture::{GATEWAY, HOST, INSIDE, NARROW, OUTSIDE, SENDER, fib, v4, v6};
use super::*;

const HEADROOM: usize = 64;
const UDP: u8 = 17;

/// A router, and what it asks for.
fn router(errors: ErrorLimit) -> (Router, Receiver<Question>) {
    let (asker, asked) = Asker::new();
    let tables = Published::new(fib()).reader();
    (Router::new(tables, asker, errors, 0), asked)
}

/// What becomes of a frame, and the frame.
pub(super) fn routed(router: &mut Router, frame: &[u8]) -> (Outcome, Vec<u8>) {
    let mut chunk = [&[0xee; HEADROOM], frame].concat();
    let (mut at, mut len) = (HEADROOM as u32, frame.len() as u32);
    let mut view = FrameMut::new(&mut chunk, &mut at, &mut len);
    let outcome = router.process(Port(0), &mut view);
    (outcome, view.bytes().to_vec())
}

fn outcome(frame: &[u8]) -> Outcome {
    routed(&mut router(ErrorLimit::default()).0, frame).0
}

pub(super) fn same(_header: &mut [u8]) {}

#[test]
fn what_is_forwarded_has_a_hop_less_and_the_next_link_s_addresses() {
    let (mut router, _asked) = router(ErrorLimit::default());
    for (to, mac) in [("192.0.2.9", HOST), ("198.51.100.77", GATEWAY)] {
        let frame = v4(to, UDP, b"payload and padding", same);
        let (outcome, after) = routed(&mut router, &frame);
        assert_eq!(outcome, Outcome::Forwarded(Port(1)));
        let expected = v4(to, UDP, b"payload and padding", |header| header[8] = 63);
        assert_eq!(after[14..], expected[14..], "{to}");
        assert_eq!((&after[..6], &after[6..12]), (&mac[..], &OUTSIDE[..]));
    }
    for (to, mac) in [("2001:db8:b::9", HOST), ("2001:db8:c::77", GATEWAY)] {
        let frame = v6(to, UDP, b"payload", same);
        let (outcome, after) = routed(&mut router, &frame);
        assert_eq!(outcome, Outcome::Forwarded(Port(1)));
        let expected = v6(to, UDP, b"payload", |header| header[7] = 63);
        assert_eq!(after[14..], expected[14..], "{to}");
        assert_eq!((&after[..6], &after[6..12]), (&mac[..], &OUTSIDE[..]));
    }
    assert_eq!(router.counters().forwarded(), [0, 4]);
}

#[test]
fn headers_that_are_unsound_are_dropped_by_name() {
    let ipv4 = |change: fn(&mut [u8])| v4("192.0.2.9", UDP, b"payload", change);
    let cases = [
        (ipv4(same)[..33].to_vec(), Drop::Truncated),
        (ipv4(same)[..13].to_vec(), Drop::Truncated),
        (ipv4(|header| header[0] = 0x55), Drop::Version),
        (ipv4(|header| header[0] = 0x44), Drop::Length),
        (ipv4(|header| header[3] = 19), Drop::Length),
        (ipv4(|header| header[3] = 28), Drop::Length),
        (
            v6("2001:db8:b::9", UDP, b"x", |header| header[0] = 0x40),
            Drop::Version,
        ),
        (
            v6("2001:db8:b::9", UDP, b"x", |header| header[5] = 2),
            Drop::Length,
        ),
        (
            v6("2001:db8:b::9", UDP, b"", same)[..53].to_vec(),
            Drop::Truncated,
        ),
    ];
    for (frame, drop) in cases {
        assert_eq!(outcome(&frame), Outcome::Dropped(drop), "{frame:x?}");
    }
    let mut frame = ipv4(same);
    frame[25] ^= 1;
    assert_eq!(outcome(&frame), Outcome::Dropped(Drop::Checksum));
    let mut frame = ipv4(same);
    frame[5] ^= 1;
    assert_eq!(outcome(&frame), Outcome::Dropped(Drop::OtherStation));
    let mut frame = ipv4(same);
    frame[..6].fill(0xff);
    assert_eq!(outcome(&frame), Outcome::Dropped(Drop::LinkGroup));
}

#[test]
fn addresses_that_no_packet_has_are_dropped() {
    for source in [
        [0; 4],
        [127, 0, 0, 1],
        [224, 0, 0, 1],
        [255; 4],
        [192, 0, 2, 1],
    ] {
        let frame = v4("192.0.2.9", UDP, b"", |header| {
            header[12..16].copy_from_slice(&source)
        });
        assert_eq!(
            outcome(&frame),
            Outcome::Dropped(Drop::MartianSource),
            "{source:?}"
        );
    }
    for to in ["0.0.0.0", "127.0.0.1"] {
        let frame = v4(to, UDP, b"", same);
        assert_eq!(
            outcome(&frame),
            Outcome::Dropped(Drop::MartianDestination),
            "{to}"
        );
    }
    for source in ["::", "::1", "ff02::1"] {
        let source: std::net::Ipv6Addr = source.parse().unwrap();
        let frame = v6("2001:db8:b::9", UDP, b"", |header| {
            header[8..24].copy_from_slice(&source.octets());
        });
        assert_eq!(
            outcome(&frame),
            Outcome::Dropped(Drop::MartianSource),
            "{source}"
        );
    }
    for to in ["::", "::1"] {
        let frame = v6(to, UDP, b"", same);
        assert_eq!(
            outcome(&frame),
            Outcome::Dropped(Drop::MartianDestination),
            "{to}"
        );
    }
}

#[test]
fn what_is_the_kernel_s_is_left_to_it() {
    let cases = [
        (v4("10.0.0.1", UDP, b"", same), Host::Local),
        (
            v4("192.0.2.1", UDP, b"", |header| header[8] = 1),
            Host::Local,
        ),
        (v6("2001:db8:a::1", UDP, b"", same), Host::Local),
        (v4("255.255.255.255", UDP, b"", same), Host::Group),
        (v4("192.0.2.255", UDP, b"", same), Host::Group),
        (v4("224.0.0.5", UDP, b"", same), Host::Group),
        (v6("ff02::1", UDP, b"", same), Host::Group),
    ];
    for (frame, host) in cases {
        assert_eq!(outcome(&frame), Outcome::Host(host), "{frame:x?}");
    }
    for (to, drop) in [
        ("203.0.113.200", Drop::Elsewhere),
        ("203.0.113.1", Drop::Blackhole),
    ] {
        let frame = v4(to, UDP, b"", same);
        assert_eq!(outcome(&frame), Outcome::Dropped(drop));
    }
    let mut arp = v4("192.0.2.9", UDP, b"", same);
    arp[12..14].copy_from_slice(&[8, 6]);
    assert_eq!(outcome(&arp), Outcome::Host(Host::NotIp));
}

/// The error that a packet earns: its type, and what it quotes.
fn error_v4(frame: &[u8]) -> (Report, Icmpv4Type, Vec<u8>) {
    let (outcome, error) = routed(&mut router(ErrorLimit::default()).0, frame);
    let Outcome::Reported(report, Port(0)) = outcome else {
        panic!("{outcome:?}")
    };
    assert_eq!((&error[..6], &error[6..12]), (&SENDER[..], &INSIDE[..]));
    let sliced = SlicedPacket::from_ethernet(&error).expect("a whole packet");
    let Some(NetSlice::Ipv4(ip)) = &sliced.net else {
        panic!("{sliced:?}")
    };
    let header = ip.header();
    assert_eq!(header.source(), [10, 0, 0, 1]);
    assert_eq!(header.destination(), frame[26..30]);
    assert_eq!(
        header.header_checksum(),
        header.to_header().calc_header_checksum()
    );
    assert!(header.total_len() <= 576);
    let Some(TransportSlice::Icmpv4(icmp)) = &sliced.transport else {
        panic!("{sliced:?}")
    };
    let sum = packet::checksum::Sum::new().bytes(icmp.slice());
    assert_eq!(sum.finish(), 0);
    (report, icmp.icmp_type(), icmp.payload().to_vec())
}

#[test]
fn senders_are_told_over_ipv4() {
    let long = vec![7; NARROW as usize - 19];
    let dies = |header: &mut [u8]| header[8] = 1;
    let code = |code| Icmpv4Type::DestinationUnreachable(code);
    let expired =
        Icmpv4Type::TimeExceeded(etherparse::icmpv4::TimeExceededCode::TtlExceededInTransit);
    let too_big = V4::FragmentationNeeded {
        next_hop_mtu: NARROW as u16,
    };
    let cases = [
        (
            v4("192.0.2.9", UDP, b"some payload", dies),
            Report::TimeExceeded,
            expired,
        ),
        (
            v4("9.9.9.9", UDP, b"some payload", same),
            Report::NoRoute,
            code(V4::Network),
        ),
        (
            v4("203.0.113.65", UDP, b"", same),
            Report::Unreachable,
            code(V4::Host),
        ),
        (
            v4("203.0.113.129", UDP, b"", same),
            Report::Prohibited,
            code(V4::FilterProhibited),
        ),
        (
            v4("192.0.2.7", UDP, b"", same),
            Report::NoNeighbour,
            code(V4::Host),
        ),
        (
            v4("192.0.2.9", UDP, &long, same),
            Report::TooBig,
            code(too_big),
        ),
    ];
    for (mut frame, report, kind) in cases {
        let packet = frame[14..].to_vec();
        // Padding of the link is not quoted.
        frame.extend([0; 9]);
        let (told, icmp, quoted) = error_v4(&frame);
        assert_eq!((told, icmp), (report, kind));
        assert_eq!(quoted, packet[..packet.len().min(548)]);
    }
}

#[test]
fn senders_are_told_over_ipv6() {
    let long = vec![7; NARROW as usize - 39];
    let local: std::net::Ipv6Addr = "fe80::9".parse().unwrap();
    let cases = [
        (
            v6("2001:db8:b::9", UDP, b"payload", |header| header[7] = 1),
            Report::TimeExceeded,
            [3, 0, 0],
        ),
        (
            v6("2001:db8:9::9", UDP, b"payload", same),
            Report::NoRoute,
            [1, 0, 0],
        ),
        (
            v6("2001:db8:b::7", UDP, b"payload", same),
            Report::NoNeighbour,
            [1, 3, 0],
        ),
        (
            v6("2001:db8:b::9", UDP, &long, same),
            Report::TooBig,
            [2, 0, NARROW],
        ),
        (
            v6("2001:db8:b::9", UDP, b"", |header| {
                header[8..24].copy_from_slice(&local.octets())
            }),
            Report::BeyondScope,
            [1, 2, 0],
        ),
    ];
    for (frame, report, kind) in cases {
        let (outcome, error) = routed(&mut router(ErrorLimit::default()).0, &frame);
        assert_eq!(outcome, Outcome::Reported(report, Port(0)));
        let sliced = SlicedPacket::from_ethernet(&error).expect("a whole packet");
        let (Some(NetSlice::Ipv6(ip)), Some(TransportSlice::Icmpv6(icmp))) =
            (sliced.net, sliced.transport)
        else {
            panic!("{error:x?}")
        };
        let (from, to) = (ip.header().source(), ip.header().destination());
        assert_eq!(
            from,
            "2001:db8:a::1"
                .parse::<std::net::Ipv6Addr>()
                .unwrap()
                .octets()
        );
        assert_eq!(to, frame[22..38]);
        assert!(icmp.is_checksum_valid(from, to));
        assert!(!matches!(icmp.icmp_type(), Icmpv6Type::Unknown { .. }));
        let parameter = u32::from_be_bytes(icmp.bytes5to8());
        assert_eq!(
            [icmp.type_u8().into(), icmp.code_u8().into(), parameter],
            kind
        );
        let quoted = (frame.len() - 14).min(1280 - 48);
        assert_eq!(icmp.payload(), &frame[14..14 + quoted]);
    }
}

#[test]
fn no_error_is_sent_in_reply_to_these() {
    let dies = |header: &mut [u8]| header[8] = 1;
    let cases = [
        v4("192.0.2.9", 1, &[3, 0, 0, 0, 0, 0, 0, 0], dies),
        v4("192.0.2.9", 1, &[11, 0], dies),
        v4("192.0.2.9", 1, &[200, 0], dies),
        v4("192.0.2.9", 1, &[], dies),
        v4("192.0.2.9", UDP, &[0; 8], |header| {
            (header[8], header[7]) = (1, 3)
        }),
        v4("192.0.2.9", UDP, &[], |header| {
            (header[8], header[12]) = (1, 241)
        }),
        v4("192.0.2.9", UDP, &[], |header| {
            header[8] = 1;
            header[12..16].copy_from_slice(&[192, 0, 2, 255]);
        }),
        v6("2001:db8:b::9", 58, &[1, 0, 0, 0], |header| header[7] = 1),
        v6("2001:db8:b::9", 58, &[137, 0, 0, 0], |header| header[7] = 1),
        v6(
            "2001:db8:b::9",
            60,
            &[58, 0, 0, 0, 0, 0, 0, 0, 3],
            |header| header[7] = 1,
        ),
        v6("2001:db8:b::9", 44, &[UDP, 0, 0, 9, 0, 0, 0, 0], |header| {
            header[7] = 1
        }),
        v6("2001:db8:b::9", 60, &[58], |header| header[7] = 1),
    ];
    for frame in cases {
        let (mut router, _asked) = router(ErrorLimit::default());
        let (outcome, after) = routed(&mut router, &frame);
        assert_eq!(outcome, Outcome::Dropped(Drop::NoErrorTo), "{frame:x?}");
        assert_eq!(after, frame);
    }
    // A request for an echo, and its first fragment, may earn one.
    for frame in [
        v4("192.0.2.9", 1, &[8, 0, 0, 0], |header| {
            (header[8], header[6]) = (1, 0x20)
        }),
        v6("2001:db8:b::9", 58, &[128, 0, 0, 0], |header| header[7] = 1),
        v6(
            "2001:db8:b::9",
            44,
            &[58, 0, 0, 1, 0, 0, 0, 0, 128],
            |header| header[7] = 1,
        ),
    ] {
        assert_eq!(
            outcome(&frame),
            Outcome::Reported(Report::TimeExceeded, Port(0))
        );
    }
}

#[test]
fn errors_are_limited_and_need_room() {
    let limit = ErrorLimit {
        per_second: 1,
        burst: 2,
    };
    let (mut router, _asked) = router(limit);
    let frame = v4("9.9.9.9", UDP, b"", same);
    // What may earn none does not use up what others may.
    routed(&mut router, &v4("9.9.9.9", 1, &[3, 0], same));
    let outcomes: Vec<_> = (0..3).map(|_| routed(&mut router, &frame).0).collect();
    let told = Outcome::Reported(Report::NoRoute, Port(0));
    assert_eq!(
        outcomes,
        [told, told, Outcome::Dropped(Drop::ErrorsLimited)]
    );
    router.advance(1_000_000_000);
    let (mut chunk, mut at, mut len) = (frame.clone(), 0, frame.len() as u32);
    let mut view = FrameMut::new(&mut chunk, &mut at, &mut len);
    let outcome = router.process(Port(0), &mut view);
    assert_eq!(outcome, Outcome::Dropped(Drop::NoErrorRoom));
    assert_eq!(view.bytes(), frame);
}

/// Bytes that look like packets, for most of random bytes end at the first check.
fn hostile() -> impl Strategy<Value = Vec<u8>> {
    let base = prop_oneof![
        Just(v4("192.0.2.9", UDP, &[0; 40], same)),
        Just(v4("203.0.113.129", 1, &[8; 40], same)),
        Just(v6("2001:db8:b::9", 44, &[0; 40], same)),
        Just(v6("2001:db8:b::7", 60, &[0; 40], same)),
        prop::collection::vec(any::<u8>(), 0..100),
    ];
    let changes = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..8);
    (base, changes, any::<bool>(), any::<prop::sample::Index>()).prop_map(
        |(mut frame, changes, summed, cut)| {
            for (place, byte) in changes {
                if !frame.is_empty() {
                    let place = place.index(frame.len());
                    frame[place] = byte;
                }
            }
            if summed && frame.len() >= 34 && frame[12..14] == [8, 0] {
                frame[24..26].fill(0);
                let sum = packet::checksum::ipv4_header(&frame[14..34]);
                frame[24..26].copy_from_slice(&sum.to_be_bytes());
            } else if !summed {
                frame.truncate(cut.index(frame.len() + 1));
            }
            frame
        },
    )
}

proptest! {
    #[test]
    fn any_bytes_end_in_exactly_one_outcome(frames in prop::collection::vec(hostile(), 1..20)) {
        let (mut router, _asked) = router(ErrorLimit::default());
        for frame in &frames {
            let (outcome, after) = routed(&mut router, frame);
            match outcome {
                Outcome::Forwarded(_) => {
                    prop_assert_eq!(after.len(), frame.len());
                    prop_assert!(outcome != Outcome::Forwarded(Port(0)) || after[..12] != frame[..12]);
                }
                Outcome::Fragmented { mtu, .. } => {
                    prop_assert_eq!(after.len(), frame.len());
                    prop_assert!(after.len() > mtu as usize);
                }
                Outcome::Reported(..) => prop_assert!(after.len() <= frame.len() + 48),
                Outcome::Host(_) | Outcome::Dropped(_) => prop_assert_eq!(&after, frame),
            }
        }
        let counters = router.counters();
        prop_assert_eq!(counters.received, frames.len() as u64);
        let sum: u64 = counters.ledger().map(|(_, count)| count).sum();
        prop_assert_eq!(sum, counters.received);
    }

    #[test]
    fn what_is_forwarded_is_sound_again(
        ttl in 2..=255_u8,
        tos: u8,
        id: u16,
        payload in prop::collection::vec(any::<u8>(), 0..64),
    ) {
        let frame = v4("192.0.2.9", UDP, &payload, |header| {
            header[8] = ttl;
            header[1] = tos;
            header[4..6].copy_from_slice(&id.to_be_bytes());
        });
        let (outcome, after) = routed(&mut router(ErrorLimit::default()).0, &frame);
        prop_assert_eq!(outcome, Outcome::Forwarded(Port(1)));
        prop_assert_eq!(packet::checksum::ipv4_header(&after[14..34]), 0);
        prop_assert_eq!(after[22], ttl - 1);
    }
}
