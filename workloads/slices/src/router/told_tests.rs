//! Frames that came with their next link.

use steering::link_note::LINK_NOTE_WORDS;
use sys::link::MacAddress;
use sys::tables::{Change, NeighbourState, NextHop, Route, RouteKind, Standing, Table};

use super::fixture::{
    GATEWAY, HOST, INSIDE, NARROW, OUTSIDE, address, fib, link, neighbour, own, tables, v4, v6,
};
use super::*;

/// As much as a frame has in front of it when AF_XDP hands it out.
const HEADROOM: usize = 256;
const UDP: u8 = 17;
const ELSEWHERE: [u8; 6] = [2, 0, 0, 0, 9, 9];

fn router(fib: Fib) -> Router {
    let (asker, _asked) = Asker::new();
    let tables = Published::new(fib).reader();
    Router::new(tables, asker, ErrorLimit::default(), 0)
}

/// What becomes of a frame, and the frame with all that lies in front of it.
fn routed(router: &mut Router, next: Option<NextLink>, frame: &[u8]) -> (Outcome, Vec<u8>, usize) {
    let mut chunk = [&[0xee; HEADROOM], frame].concat();
    let (mut at, mut len) = (HEADROOM as u32, frame.len() as u32);
    let mut view = FrameMut::new(&mut chunk, &mut at, &mut len);
    let outcome = router.process_told(Port(0), next, &mut view);
    (outcome, chunk, at as usize)
}

const fn outside(to: [u8; 6]) -> NextLink {
    NextLink {
        device: 2,
        to,
        from: OUTSIDE,
    }
}

fn same(_header: &mut [u8]) {}

#[test]
fn what_the_kernel_has_told_is_believed_and_written_as_the_tables_would_write_it() {
    let cases = [
        (v4("192.0.2.9", UDP, b"payload", same), HOST),
        (v4("198.51.100.77", UDP, b"payload", same), GATEWAY),
        (v6("2001:db8:b::9", UDP, b"payload", same), HOST),
        (v6("2001:db8:c::77", UDP, b"payload", same), GATEWAY),
    ];
    for (frame, to) in cases {
        let mut router = router(fib());
        let by_tables = routed(&mut router, None, &frame);
        assert_eq!(by_tables.0, Outcome::Forwarded(Port(1)));
        assert_eq!(routed(&mut router, Some(outside(to)), &frame), by_tables);
        let counters = router.counters();
        assert_eq!((counters.by_kernel, counters.by_mirror), (1, 1));
        assert_eq!((counters.links_checked, counters.links_disagreed), (1, 0));
    }
    // No route leads there, and none from a neighbour that nobody knows.
    for frame in [v4("9.9.9.9", UDP, b"", same), v6("fd00::1", UDP, b"", same)] {
        let mut router = router(fib());
        let (outcome, chunk, at) = routed(&mut router, Some(outside(ELSEWHERE)), &frame);
        assert_eq!((outcome, at), (Outcome::Forwarded(Port(1)), HEADROOM));
        let link = &chunk[HEADROOM..][..12];
        assert_eq!((&link[..6], &link[6..]), (&ELSEWHERE[..], &OUTSIDE[..]));
        let counters = router.counters();
        assert_eq!((counters.links_checked, counters.links_disagreed), (1, 1));
    }
}

#[test]
fn one_in_so_many_is_compared() {
    let mut router = router(fib());
    let frame = v4("192.0.2.9", UDP, b"payload", same);
    let frames = 2 * CHECK_ONE_IN + 1;
    for _ in 0..frames {
        routed(&mut router, Some(outside(HOST)), &frame);
    }
    let counters = router.counters();
    assert_eq!(counters.by_kernel, u64::from(frames));
    assert_eq!((counters.links_checked, counters.links_disagreed), (3, 0));
}

#[test]
fn a_link_that_differs_in_anything_is_seen() {
    let told = |device, to, from| NextLink { device, to, from };
    for (next, disagrees) in [
        (told(2, HOST, OUTSIDE), 0),
        (told(1, HOST, OUTSIDE), 1),
        (told(2, GATEWAY, OUTSIDE), 1),
        (told(2, HOST, INSIDE), 1),
    ] {
        let mut router = router(fib());
        let frame = v4("192.0.2.9", UDP, b"payload", same);
        let (outcome, ..) = routed(&mut router, Some(next), &frame);
        assert!(matches!(outcome, Outcome::Forwarded(_)), "{outcome:?}");
        assert_eq!(router.counters().links_disagreed, disagrees, "{next:?}");
    }
}

/// The kernel chooses among several ways by a hash that is not this router's.
#[test]
fn each_of_several_ways_is_right() {
    let hop = |gateway| NextHop {
        device: 2,
        gateway: Some(address(gateway)),
        weight: 1,
    };
    let route = Route {
        table: Table::Main,
        destination: address("198.51.100.0"),
        prefix_len: 24,
        priority: 0,
        kind: RouteKind::Unicast,
        hops: vec![hop("192.0.2.9"), hop("192.0.2.254")],
    };
    let resolved = |mac| NeighbourState::Resolved(MacAddress(mac));
    let fib = tables([
        link(1, INSIDE, 1500),
        link(2, OUTSIDE, 1500),
        own(1, "10.0.0.1", 24),
        neighbour(2, "192.0.2.9", resolved(HOST)),
        neighbour(2, "192.0.2.254", resolved(GATEWAY)),
        Change::Route(route, Standing::Beside),
    ]);
    let frame = v4("198.51.100.77", UDP, b"", same);
    for (to, disagrees) in [(HOST, 0), (GATEWAY, 0), (ELSEWHERE, 1)] {
        let mut router = router(fib.clone());
        routed(&mut router, Some(outside(to)), &frame);
        let counters = router.counters();
        assert_eq!(counters.links_checked, 1);
        assert_eq!(counters.links_disagreed, disagrees, "{to:x?}");
    }
}

#[test]
fn all_but_route_and_neighbour_is_looked_at_all_the_same() {
    let told = |frame: &[u8]| routed(&mut router(fib()), Some(outside(HOST)), frame).0;
    let mut wrong_sum = v4("192.0.2.9", UDP, b"", same);
    wrong_sum[24] ^= 1;
    assert_eq!(told(&wrong_sum), Outcome::Dropped(Drop::Checksum));
    let mut other_station = v4("192.0.2.9", UDP, b"", same);
    other_station[5] ^= 1;
    assert_eq!(told(&other_station), Outcome::Dropped(Drop::OtherStation));
    let martian = v4("192.0.2.9", UDP, b"", |header| {
        header[12..16].copy_from_slice(&[127, 0, 0, 1]);
    });
    assert_eq!(told(&martian), Outcome::Dropped(Drop::MartianSource));
    let link_local = v6("2001:db8:b::9", UDP, b"", |header| {
        header[8..10].copy_from_slice(&[0xfe, 0x80]);
    });
    let reported = |what| Outcome::Reported(what, Port(0));
    assert_eq!(told(&link_local), reported(Report::BeyondScope));
    // What it looks at may have been changed since.
    let mut to_all = v4("192.0.2.9", UDP, b"", same);
    to_all[..6].fill(0xff);
    assert_eq!(told(&to_all), Outcome::Dropped(Drop::LinkGroup));
    let dies = v4("192.0.2.9", UDP, b"", |header| header[8] = 1);
    assert_eq!(told(&dies), reported(Report::TimeExceeded));
    let long = v4("192.0.2.9", UDP, &vec![0; NARROW as usize - 19], same);
    assert_eq!(told(&long), reported(Report::TooBig));
}

#[test]
fn a_port_that_is_narrower_than_its_device_stays_so() {
    let port = Port(1);
    let mut router = router(fib()).narrowed(Narrowed { port, mtu: 1300 });
    let frame = |len: usize| v4("192.0.2.9", UDP, &vec![0; len - 20], same);
    let next = Some(outside(HOST));
    let fits = routed(&mut router, next, &frame(1300)).0;
    assert_eq!(fits, Outcome::Forwarded(port));
    let too_big = routed(&mut router, next, &frame(1301)).0;
    assert_eq!(too_big, Outcome::Reported(Report::TooBig, Port(0)));
}

#[test]
fn what_is_this_hosts_own_gets_link_addresses_alone() {
    let mut router = router(fib());
    let sent = |frame: Vec<u8>, to: [u8; 6]| {
        let mut after = frame.clone();
        after[..6].copy_from_slice(&to);
        after[6..12].copy_from_slice(&OUTSIDE);
        (frame, after)
    };
    for (mut frame, after) in [
        sent(v4("192.0.2.9", UDP, b"payload", same), HOST),
        sent(v6("2001:db8:c::77", UDP, b"payload", same), GATEWAY),
    ] {
        assert_eq!(router.address(&mut frame), Ok(Port(1)));
        assert_eq!(frame, after);
    }
    let mut refused = |mut frame: Vec<u8>| router.address(&mut frame);
    let unknown = v4("192.0.2.50", UDP, b"", same);
    assert_eq!(refused(unknown), Err(NoWay::Unresolved));
    for nowhere in [
        v4("9.9.9.9", UDP, b"", same),
        v6("fd00::1", UDP, b"", same),
        vec![0; 60],
        vec![0; 5],
    ] {
        assert_eq!(refused(nowhere), Err(NoWay::NoRoute));
    }
    assert_eq!(router.counters().received, 0, "they did not come");
}

#[test]
fn a_link_to_a_device_that_is_no_port_is_as_none() {
    let mut router = router(fib());
    let next = NextLink {
        device: 3,
        ..outside(ELSEWHERE)
    };
    let frame = v4("192.0.2.9", UDP, b"", same);
    let (outcome, chunk, _) = routed(&mut router, Some(next), &frame);
    assert_eq!(outcome, Outcome::Forwarded(Port(1)));
    assert_eq!(chunk[HEADROOM..][..6], HOST);
    let counters = router.counters();
    assert_eq!((counters.by_kernel, counters.by_mirror), (0, 1));
    assert_eq!(counters.links_checked, 0);
}

/// The next frame in the same memory may come without a note, and must not be taken for one that has one.
#[test]
fn what_an_error_leaves_in_front_of_a_frame_is_no_note_whatever_its_sender_chose() {
    const LEN: usize = size_of::<[u64; LINK_NOTE_WORDS]>();
    let [mark, ..] = outside(HOST).words();
    let is_note = |chunk: &[u8]| {
        let (words, _) = chunk[HEADROOM - LEN..HEADROOM].as_chunks::<8>();
        NextLink::of_words(std::array::from_fn(|at| u64::from_ne_bytes(words[at]))).is_some()
    };
    let mut errors = 0;
    // The mark wherever a sender can put it: in its hardware address, its address, its payload.
    for at in 0..v6("fd00::1", UDP, b"some payload", same).len() - 8 {
        for frame in [
            v4("9.9.9.9", UDP, b"some payload", same),
            v6("fd00::1", UDP, b"some payload", same),
        ] {
            let mut frame = frame;
            for (byte, mark) in frame.iter_mut().skip(at).zip(mark.to_ne_bytes()) {
                *byte = mark;
            }
            frame[..6].copy_from_slice(&INSIDE);
            frame[6] &= !1;
            let (outcome, chunk, _) = routed(&mut router(fib()), None, &frame);
            errors += u32::from(matches!(outcome, Outcome::Reported(..)));
            assert!(!is_note(&chunk), "{outcome:?}, mark at {at}");
        }
    }
    assert!(errors > 20, "{errors} errors");
}
