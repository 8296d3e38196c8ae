//! Packets that leave in fragments, and packets with IPv4 options.

use super::fixture::{HOST, NARROW, OUTSIDE, fib, v4};
use super::*;
use crate::memory::Memory;

const UDP: u8 = 17;

fn router() -> Router {
    let (asker, _asked) = Asker::new();
    let tables = Published::new(fib()).reader();
    Router::new(tables, asker, ErrorLimit::default(), 0)
}

fn fragmentable(header: &mut [u8]) {
    header[6] = 0;
}

/// A frame whose header has these options, which are four bytes to the word.
fn with_options(mut frame: Vec<u8>, options: &[u8]) -> Vec<u8> {
    let len = u16::from_be_bytes([frame[16], frame[17]]) + options.len() as u16;
    frame[14] += (options.len() / 4) as u8;
    frame[16..18].copy_from_slice(&len.to_be_bytes());
    frame.splice(34..34, options.iter().copied());
    frame[24..26].fill(0);
    let sum = packet::checksum::ipv4_header(&frame[14..34 + options.len()]);
    frame[24..26].copy_from_slice(&sum.to_be_bytes());
    frame
}

/// What leaves of these frames by port 1, with the ledger closed.
fn sent(router: &mut Router, memory: &mut Memory, frames: &[Vec<u8>]) -> Vec<Vec<u8>> {
    for frame in frames {
        memory.arrive(Port(0), frame);
    }
    memory.run(router, 0);
    let counters = router.counters();
    let sum: u64 = counters.ledger().map(|(_, frames)| frames).sum();
    assert_eq!(sum, counters.received + counters.fragments);
    let forwarded: u64 = counters.forwarded().iter().sum();
    assert_eq!(pktio::BatchIo::counters(memory).transmitted, forwarded);
    assert_eq!(memory.held, 0);
    let sent = memory.sent_by(Port(1));
    memory.sent.clear();
    sent
}

#[test]
fn what_is_too_long_and_may_be_cut_leaves_in_fragments() {
    let (mut router, mut memory) = (router(), Memory::new(4));
    let payload: Vec<u8> = (0..1480).map(|at| at as u8).collect();
    let frame = v4("192.0.2.9", UDP, &payload, fragmentable);
    let pieces = sent(&mut router, &mut memory, std::slice::from_ref(&frame));
    let [first, last] = &pieces[..] else {
        panic!("{} pieces", pieces.len())
    };
    for piece in &pieces {
        assert_eq!((&piece[..6], &piece[6..12]), (&HOST[..], &OUTSIDE[..]));
        assert_eq!(piece[18..20], frame[18..20], "one identification");
        assert_eq!(piece[22], 63, "a hop less");
        assert_eq!(packet::checksum::ipv4_header(&piece[14..34]), 0);
        assert!(piece.len() <= 14 + NARROW as usize);
    }
    assert_eq!(
        (&first[20..22], &last[20..22]),
        (&[0x20, 0][..], &[0, 172][..])
    );
    assert_eq!([&first[34..], &last[34..]].concat(), payload);
    let counters = router.counters();
    assert_eq!((counters.fragmented, counters.fragments), (1, 2));
    assert_eq!((counters.received, counters.by_mirror), (1, 0));

    // Without memory for all of them none leaves.
    memory.allocations = 1;
    let none = sent(&mut router, &mut memory, &[frame]);
    assert!(none.is_empty());
    let counters = router.counters();
    assert_eq!(
        (counters.fragmented, counters.dropped(Drop::NotCut)),
        (1, 1)
    );
}

#[test]
fn what_cannot_leave_is_not_cut() {
    let (mut router, mut memory) = (router(), Memory::new(4));
    let long = |to| v4(to, UDP, &[7; 1480], fragmentable);
    let frames = [long("192.0.2.50"), long("203.0.113.1")];
    assert!(sent(&mut router, &mut memory, &frames).is_empty());
    let counters = router.counters();
    assert_eq!(counters.fragmented + counters.fragments, 0);
    assert_eq!(counters.dropped(Drop::Unresolved), 1);
    assert_eq!(counters.dropped(Drop::Blackhole), 1);
}

#[test]
fn options_go_on_as_they_are_but_those_that_choose_a_way() {
    let (mut router, mut memory) = (router(), Memory::new(4));
    let plain = v4("192.0.2.9", UDP, b"payload", |_| {});
    // Record Route, with room for one address; an alert for routers (RFC 2113).
    let options = [7, 7, 4, 0, 0, 0, 0, 1, 148, 4, 0, 0];
    let frame = with_options(plain.clone(), &options);
    let got = sent(&mut router, &mut memory, std::slice::from_ref(&frame));
    assert_eq!(got[0][34..], frame[34..]);
    assert_eq!((got[0][22], got[0].len()), (63, frame.len()));
    assert_eq!(packet::checksum::ipv4_header(&got[0][14..46]), 0);

    let refused = [
        with_options(plain.clone(), &[131, 7, 4, 198, 18, 0, 1, 0]),
        with_options(plain.clone(), &[1, 137, 7, 4, 198, 18, 0, 1]),
        with_options(plain, &[30, 9, 0, 0]),
    ];
    assert!(sent(&mut router, &mut memory, &refused).is_empty());
    let counters = router.counters();
    assert_eq!(counters.dropped(Drop::SourceRoute), 2);
    assert_eq!(counters.dropped(Drop::Options), 1);
}

#[test]
fn later_fragments_have_the_options_that_are_copied() {
    let (mut router, mut memory) = (router(), Memory::new(4));
    let plain = v4("192.0.2.9", UDP, &[9; 1470], fragmentable);
    let frame = with_options(plain, &[7, 7, 4, 0, 0, 0, 0, 130, 4, 1, 2, 0]);
    let got = sent(&mut router, &mut memory, &[frame]);
    assert_eq!(got.len(), 2);
    assert_eq!(got[0][34..46], [7, 7, 4, 0, 0, 0, 0, 130, 4, 1, 2, 0]);
    assert_eq!(got[1][34..46], [1, 1, 1, 1, 1, 1, 1, 130, 4, 1, 2, 0]);
    let payload = [&got[0][46..], &got[1][46..]].concat();
    assert_eq!(payload, [9; 1470]);
    for piece in &got {
        assert_eq!(packet::checksum::ipv4_header(&piece[14..46]), 0);
        assert!(piece.len() <= 14 + NARROW as usize);
    }
}
