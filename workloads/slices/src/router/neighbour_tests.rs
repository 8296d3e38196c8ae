//! Neighbours that are not known, did not answer or were not confirmed lately, and who is asked about them.

use std::sync::mpsc::Receiver;

use sys::link::MacAddress;
use sys::tables::{NeighbourState, RouteKind};

use super::fixture::{
    HOST, INSIDE, OUTSIDE, address, fib, link, neighbour, own, route, tables, v4, v6,
};
use super::tests::{routed, same};
use super::*;

const UDP: u8 = 17;

/// A router by these tables, and what it asks for.
fn router(fib: Fib) -> (Router, Receiver<Question>) {
    let (asker, asked) = Asker::new();
    let tables = Published::new(fib).reader();
    (Router::new(tables, asker, ErrorLimit::default(), 0), asked)
}

fn question(text: &str) -> Question {
    Question {
        device: 2,
        address: address(text),
    }
}

#[test]
fn a_neighbour_that_nobody_knows_is_asked_for_once() {
    let (mut router, asked) = router(fib());
    for _ in 0..3 {
        let (outcome, _) = routed(&mut router, &v4("192.0.2.50", UDP, b"", same));
        assert_eq!(outcome, Outcome::Dropped(Drop::Unresolved));
    }
    routed(&mut router, &v6("2001:db8:b::50", UDP, b"", same));
    let questions = ["192.0.2.50", "2001:db8:b::50"].map(question);
    assert_eq!(asked.try_iter().collect::<Vec<_>>(), questions);
    assert_eq!(router.counters().resolutions, 2);
}

#[test]
fn a_neighbour_that_did_not_answer_is_asked_again_and_the_sender_told() {
    let (mut router, asked) = router(fib());
    let told = Outcome::Reported(Report::NoNeighbour, Port(0));
    let frames = [
        v4("192.0.2.7", UDP, b"", same),
        v6("2001:db8:b::7", UDP, b"", same),
    ];
    let both = ["192.0.2.7", "2001:db8:b::7"].map(question);
    for frame in frames.iter().cycle().take(6) {
        assert_eq!(routed(&mut router, frame).0, told);
    }
    assert_eq!(
        asked.try_iter().collect::<Vec<_>>(),
        both,
        "once in a while"
    );
    // The same of what this host sends itself, when some time has passed.
    router.advance(1_000_000_000);
    let [from, to] = ["192.0.2.1", "192.0.2.7"].map(address);
    assert_eq!(router.originate(from, to), Err(NoWay::Unresolved));
    assert_eq!(asked.try_iter().collect::<Vec<_>>(), both[..1]);
    let counters = router.counters();
    assert_eq!(
        (counters.reported(Report::NoNeighbour), counters.resolutions),
        (6, 3)
    );
}

#[test]
fn a_neighbour_that_was_not_confirmed_lately_is_used_and_asked_about() {
    let stale = |text| neighbour(2, text, NeighbourState::Stale(MacAddress(HOST)));
    let fib = tables([
        link(1, INSIDE, 1500),
        link(2, OUTSIDE, 1500),
        own(1, "10.0.0.1", 24),
        route("192.0.2.0", 24, RouteKind::Unicast, Some((2, None))),
        route(
            "2001:db8:c::",
            48,
            RouteKind::Unicast,
            Some((2, Some("fe80::7"))),
        ),
        stale("192.0.2.7"),
        stale("fe80::7"),
    ]);
    let (mut router, asked) = router(fib);
    let frames = [
        v4("192.0.2.7", UDP, b"", same),
        v6("2001:db8:c::7", UDP, b"", same),
    ];
    for frame in frames.iter().cycle().take(6) {
        let (outcome, after) = routed(&mut router, frame);
        assert_eq!(
            (outcome, &after[..6]),
            (Outcome::Forwarded(Port(1)), &HOST[..])
        );
    }
    let both = ["192.0.2.7", "fe80::7"].map(question);
    assert_eq!(asked.try_iter().collect::<Vec<_>>(), both);
    // What this host sends itself, and what the kernel has told the next link of.
    router.advance(1_000_000_000);
    let [from, to] = ["192.0.2.1", "192.0.2.7"].map(address);
    assert!(router.originate(from, to).is_ok());
    let told = NextLink {
        device: 2,
        to: HOST,
        from: OUTSIDE,
    };
    let mut chunk = frames[1].clone();
    let (mut at, mut len) = (0, chunk.len() as u32);
    let mut view = FrameMut::new(&mut chunk, &mut at, &mut len);
    router.process_told(Port(0), Some(told), &mut view);
    assert_eq!(asked.try_iter().collect::<Vec<_>>(), both);
    let counters = router.counters();
    assert_eq!((counters.links_checked, counters.links_disagreed), (1, 0));
    assert_eq!(counters.resolutions, 4);
}
