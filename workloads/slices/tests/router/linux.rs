//! The router and the Linux kernel's forwarding, by the same tables: frames are sent through the kernel's router, and
//! what comes out of either end is what the router in user space makes of them, to the byte.

use pktio::frame::{FrameIo as _, Port};
use slices::router::{Drop, ErrorLimit, Outcome, Report, Router};
use sys::link::{self, MacAddress};
use sys::tables::NextHop;

use crate::agreement::{add_routes, routed};
use crate::rig::{NARROW, SENDER, address, datagram, nothing, rig, with_options};
use crate::wire::{Wire, Wires};

/// Marks the datagram that is sent behind each frame: what has not come out before it never will.
const SENTINEL: &[u8] = b"behind everything";

/// What came out at the receiver and at the sender.
type Out = (Vec<Vec<u8>>, Option<Vec<u8>>);

/// Last bytes of the senders' addresses. Linux limits what it tells one sender of routes that lead nowhere
/// (`net.ipv4.route.error_burst`), and here no namespace can change that; so each packet has another.
const SENDERS: std::ops::RangeInclusive<u8> = 100..=250;

struct Kernel {
    sender: Wire,
    receiver: Wire,
}

impl Kernel {
    fn sent_through(&self, frame: &[u8]) -> Out {
        self.sender.send(frame);
        self.sender.send(&datagram("198.18.2.9", SENTINEL, nothing));
        let (mut onward, mut back) = (Vec::new(), Vec::new());
        let done = crate::rig::eventually(|| {
            while let Some(frame) = self.receiver.next() {
                if frame.ends_with(SENTINEL) {
                    return true;
                }
                onward.extend(is_ours(&frame).then_some(frame));
            }
            false
        });
        assert!(done, "the sentinel is forwarded");
        while let Some(frame) = self.sender.next() {
            back.extend(is_ours(&frame).then_some(frame));
        }
        assert!(back.len() <= 1, "{onward:x?} {back:x?}");
        (onward, back.pop())
    }
}

/// As much of a frame as can be read.
fn start(frame: &[u8]) -> &[u8] {
    &frame[..frame.len().min(64)]
}

/// Not the kernel's own reports of groups.
fn is_ours(frame: &[u8]) -> bool {
    frame[0] & 1 == 0
}

/// An ICMP error without what each router chooses by itself: IPv4's identification, its flags and checksum,
/// IPv6's flow label.
fn comparable(mut frame: Vec<u8>) -> Vec<u8> {
    if frame[12..14] == [8, 0] {
        frame[18..22].fill(0);
        frame[24..26].fill(0);
    } else {
        frame[15..18].fill(0);
    }
    frame
}

/// What the router in user space lets out; `None` where it leaves the frame to the kernel on purpose.
fn user_space(router: &mut Router, frame: &[u8]) -> Option<Out> {
    let (outcome, bytes) = routed(router, frame);
    match outcome {
        Outcome::Forwarded(port) => {
            assert_eq!(port, Port(1));
            Some((vec![bytes], None))
        }
        Outcome::Fragmented { port, mtu } => {
            assert_eq!(port, Port(1));
            Some((fragments(router, &bytes, mtu), None))
        }
        Outcome::Reported(_, port) => {
            assert_eq!(port, Port(0));
            Some((Vec::new(), Some(bytes)))
        }
        Outcome::Dropped(_) => Some((Vec::new(), None)),
        Outcome::Host(_) => None,
    }
}

fn fragments(router: &mut Router, bytes: &[u8], mtu: u32) -> Vec<Vec<u8>> {
    let mut io = Wires::new(Vec::new());
    let mut whole = io.allocate(Port(0)).unwrap();
    let mut view = io.view(&mut whole);
    view.grow_back(bytes.len()).unwrap();
    view.bytes_mut().copy_from_slice(bytes);
    let pieces = router.cut(&mut io, whole, Port(1), mtu);
    let bytes = |mut piece| io.view(&mut piece).bytes().to_vec();
    pieces.into_iter().map(bytes).collect()
}

/// What is to be cut, and IPv4 options but those that Linux fills in on the way.
fn cut_or_with_options() -> Vec<Vec<u8>> {
    // Not fragmented yet, a fragment that others follow, the last one.
    let positions: [fn(&mut [u8]); 3] = [
        |header| header[6] = 0,
        |header| (header[6], header[7]) = (0x20, 3),
        |header| (header[6], header[7]) = (0, 90),
    ];
    let mut frames = Vec::new();
    for len in [NARROW as usize - 28, NARROW as usize - 27, 1416, 1440, 1472] {
        for position in positions {
            let frame = datagram("198.18.2.9", &vec![5; len], position);
            frames.push(frame.clone());
            // Security, which is copied into all fragments, and in the first of them one for experiments, which is not:
            // what is a later fragment already has none of that kind, and Linux does not look.
            let options = match frame[20..22] {
                [0, 0] => [30, 3, 9, 130, 4, 1, 2, 0],
                _ => [1, 1, 1, 130, 4, 1, 2, 0],
            };
            if len < 1460 {
                frames.push(with_options(frame, &options));
            }
        }
    }
    for options in [[1, 1, 1, 1], [130, 3, 7, 0], [30, 4, 1, 2]] {
        frames.push(with_options(
            datagram("198.18.2.9", b"payload", nothing),
            &options,
        ));
    }
    frames
}

fn frames() -> Vec<Vec<u8>> {
    let v4 = |change: fn(&mut [u8])| datagram("198.18.2.9", b"payload", change);
    let v6 = |change: fn(&mut [u8])| datagram("fd53:2::9", b"payload", change);
    let mut frames = vec![
        v4(|header| header[0] = 0x55),
        v4(|header| header[0] = 0x44),
        v4(|header| header[3] = 19),
        v4(|header| header[3] = 36),
        v4(|header| header[12] = 0),
        v4(|header| header[12] = 127),
        v4(|header| header[12] = 224),
        v4(|header| header[12..16].fill(255)),
        v4(|header| header[12..16].copy_from_slice(&[198, 18, 2, 1])),
        v4(|header| header[16] = 127),
        v4(|header| header[16] = 0),
        // The second piece of a datagram, whose time is over.
        v4(|header| (header[7], header[8]) = (1, 1)),
        v4(|header| (header[6], header[7]) = (0x20, 1)),
        v6(|header| header[0] = 0x50),
        v6(|header| header[5] = 200),
        v6(|header| header[8] = 0xff),
        v6(|header| header[8..24].fill(0)),
        // A source that has no meaning beyond its link.
        v6(|header| header[8..16].copy_from_slice(&[0xfe, 0x80, 0, 0, 0, 0, 0, 0])),
        v6(|header| header[1..4].copy_from_slice(&[0xbc, 0xde, 0xf1])),
    ];
    for error in [0, 3, 8, 11, 42] {
        let mut frame = datagram("198.18.2.9", b"payload", |header| {
            (header[8], header[9]) = (1, 1);
        });
        frame[34] = error;
        frames.push(frame);
    }
    // Linux sends an error also in reply to a redirect (137), which RFC 4443, 2.4 e.2, forbids.
    for error in [1, 2, 100, 128] {
        let mut frame = datagram("fd53:2::9", b"payload", |header| {
            (header[6], header[7]) = (58, 1);
        });
        frame[54] = error;
        frames.push(frame);
    }
    let mut other_station = v4(nothing);
    other_station[5] ^= 1;
    let mut bad_sum = v4(nothing);
    bad_sum[25] ^= 1;
    let mut to_all = v4(nothing);
    to_all[..6].fill(0xff);
    frames.extend([other_station, bad_sum, to_all]);
    let mut senders = SENDERS;
    for to in [
        "198.18.2.9",
        "198.51.100.7",
        "203.0.113.1",
        "203.0.113.65",
        "203.0.113.129",
        "9.9.9.9",
        "fd53:2::9",
        "fd54:4::7",
        "fd54:1::1",
        "fd54:2::1",
        "fd54:3::1",
        "fd55::1",
    ] {
        let mut from = |header: &mut [u8]| {
            if let (0x45, Some(sender)) = (header[0], senders.next()) {
                header[15] = sender;
            }
        };
        let ttl_at = if to.contains(':') { 7 } else { 8 };
        for ttl in [0, 1, 2, 64, 255] {
            frames.push(datagram(to, b"an odd payload!", |header| {
                header[ttl_at] = ttl;
                from(header);
            }));
        }
        // More than an error quotes, and more than the next link takes.
        for len in [
            600,
            NARROW as usize - 48,
            NARROW as usize - 28,
            NARROW as usize - 27,
            1440,
        ] {
            frames.push(datagram(to, &vec![9; len], &mut from));
        }
    }
    frames
}

/// Frames with any bytes where these do not decide whether the kernel has a way back to the sender: IPv4's
/// header up to its checksum, which is right, IPv6's up to its addresses, and what follows the headers.
fn hostile(count: u32) -> Vec<Vec<u8>> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 16) as usize % below
    };
    let mut frames = Vec::new();
    for number in 0..count {
        let v6 = number % 2 == 1;
        let (to, open) = if v6 {
            ("fd53:2::9", 8)
        } else {
            ("198.18.2.9", 10)
        };
        let changes: Vec<_> = (0..=random(3))
            .map(|_| (random(open), random(256) as u8))
            .collect();
        let change = |header: &mut [u8]| {
            for (at, byte) in &changes {
                header[*at] = *byte;
            }
            // Hop-by-hop options, which Linux looks into and this router may not.
            if v6 && header[6] == 0 {
                header[6] = 6;
            }
        };
        let mut frame = datagram(to, &[3; 24], change);
        let (headers, byte) = (if v6 { 54 } else { 34 }, random(256) as u8);
        frame[headers] = byte;
        frames.push(frame);
    }
    frames
}

/// The frame without what follows the packet: Linux cuts it off, and this router lets it go on.
fn cut(mut frame: Vec<u8>) -> Vec<u8> {
    let len = match frame[12..14] {
        [8, 0] => 14 + usize::from(u16::from_be_bytes([frame[16], frame[17]])),
        _ => 54 + usize::from(u16::from_be_bytes([frame[18], frame[19]])),
    };
    frame.truncate(len);
    frame
}

#[test]
fn linux_makes_the_same_of_a_frame() {
    let Some(rig) = rig() else { return };
    add_routes(&rig);
    rig.kernel_forwards(true);
    rig.at_router(|| {
        link::add_address("inside", address("fe80::1"), 64).unwrap();
        link::add_neighbour("inside", address("fe80::9"), MacAddress(SENDER)).unwrap();
        for sender in SENDERS {
            let sender = address(&format!("198.18.1.{sender}"));
            link::add_neighbour("inside", sender, MacAddress(SENDER)).unwrap();
        }
    });
    let sender = rig
        .sender
        .run(|| Wire::open(link::ifindex("sender").unwrap()));
    let receiver = rig
        .receiver
        .run(|| Wire::open(link::ifindex("receiver").unwrap()));
    let kernel = Kernel {
        sender: sender.unwrap(),
        receiver: receiver.unwrap(),
    };
    let mirror = rig.mirror();
    let limit = ErrorLimit {
        per_second: 0,
        burst: 1000,
    };
    let mut router = Router::new(mirror.reader(), mirror.asker(), limit, 0);
    let mut compared = 0;
    let frames = frames().into_iter().chain(cut_or_with_options());
    for frame in frames.chain(hostile(600)) {
        let Some((onward, back)) = user_space(&mut router, &frame) else {
            continue;
        };
        let (by_kernel, told_by_kernel) = kernel.sent_through(&frame);
        let onward: Vec<_> = onward.into_iter().map(cut).collect();
        assert_eq!(onward, by_kernel, "forwarded: {:x?}", start(&frame));
        let [ours, kernels] = [back, told_by_kernel].map(|error| error.map(comparable));
        assert_eq!(ours, kernels, "told: {:x?}", start(&frame));
        assert!(ours.is_none_or(|error| error[..6] == SENDER));
        compared += 1;
    }
    assert!(compared > 600, "{compared}");
    // Each kind of answer was among them.
    let counters = router.counters();
    assert!(counters.forwarded()[1] > 20);
    assert!(counters.fragmented > 10, "{counters:?}");
    for report in Report::ALL {
        assert!(
            counters.reported(report) > 0 || report == Report::NoNeighbour,
            "{report:?}"
        );
    }
    assert!(counters.dropped(Drop::NoErrorTo) > 0);
}

#[test]
fn of_several_ways_the_router_takes_one_that_the_kernel_has() {
    let Some(rig) = rig() else { return };
    let mut route = rig.route("203.0.113.0", 24, Some("198.18.2.9"));
    route.hops.push(NextHop {
        device: rig.ports[1],
        gateway: Some(address("198.18.2.254")),
        weight: 2,
    });
    rig.at_router(|| {
        let mac = MacAddress([2, 0, 0, 0, 2, 254]);
        link::add_neighbour("outside", address("198.18.2.254"), mac).unwrap();
        sys::tables::add_route(&route).unwrap();
    });
    let mirror = rig.mirror();
    let mut router = Router::new(mirror.reader(), mirror.asker(), ErrorLimit::default(), 0);
    let mut shares = [0; 2];
    for last in 1..=255 {
        let frame = datagram("203.0.113.1", b"", |header| header[19] = last);
        let (outcome, bytes) = routed(&mut router, &frame);
        assert_eq!(outcome, Outcome::Forwarded(Port(1)));
        shares[usize::from(bytes[5] == 254)] += 1;
        let (_, again) = routed(&mut router, &frame);
        assert_eq!(again, bytes, "a flow keeps its way");
    }
    assert!(shares[1] > shares[0] && shares[0] > 40, "{shares:?}");
}
