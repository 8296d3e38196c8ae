//! Client and owners over one mapping each: full regions, order, and clients that die or cheat.

use std::sync::Arc;
use std::sync::atomic::Ordering::{Relaxed, Release};

use super::*;
use crate::{BatchIo as _, DatagramIo as _};

const BASE: u16 = 11211;

fn pair(owners: u16, slots: u32) -> (Regions, RegionClient, Vec<RegionIo>) {
    let made = Regions::create(owners, slots).unwrap();
    let client = RegionClient::new(Regions::open(&made.path()).unwrap());
    let theirs = Arc::new(Regions::open(&made.path()).unwrap());
    let ios = (0..owners).map(|me| RegionIo::new(Arc::clone(&theirs), me, BASE));
    let ios = ios.collect();
    (made, client, ios)
}

fn received(io: &mut RegionIo) -> Vec<RegionFrame> {
    let mut frames = Vec::new();
    io.receive(&mut frames).unwrap();
    frames
}

fn echo(io: &mut RegionIo, mut frame: RegionFrame) {
    let len = io.payload(&frame).len();
    io.room(&mut frame)[..len].make_ascii_uppercase();
    io.reply(frame, len);
}

fn replies(client: &mut RegionClient) -> Vec<(u32, Vec<u8>)> {
    let mut replies = Vec::new();
    client.receive(100, |tag, bytes| replies.push((tag, bytes.to_vec())));
    replies
}

#[test]
fn a_request_reaches_its_owner_alone_and_its_reply_comes_back() {
    let (_made, mut client, mut ios) = pair(2, 4);
    assert!(client.send(1, 7, b"get seventeen bytes"));
    assert!(received(&mut ios[0]).is_empty());
    let [frame] = received(&mut ios[1]).try_into().unwrap();
    assert_eq!(ios[1].payload(&frame), b"get seventeen bytes");
    assert_eq!(ios[1].origin(&frame).port, BASE + 1);
    assert!(replies(&mut client).is_empty());
    echo(&mut ios[1], frame);
    assert_eq!(replies(&mut client), [(7, b"GET SEVENTEEN BYTES".to_vec())]);
    assert!(replies(&mut client).is_empty());
}

#[test]
fn a_full_region_takes_no_more_until_its_oldest_slot_is_free() {
    let (_made, mut client, mut ios) = pair(1, 3);
    for tag in 0..3 {
        assert!(client.send(0, tag, b"x"));
    }
    assert!(!client.send(0, 3, b"x"));
    let mut frames = received(&mut ios[0]);
    assert_eq!(frames.len(), 3);
    assert!(!client.send(0, 3, b"x"), "taken is not free");
    assert!(received(&mut ios[0]).is_empty(), "no request is seen twice");
    // The last is answered first, and one has no reply.
    echo(&mut ios[0], frames.pop().unwrap());
    assert_eq!(replies(&mut client), [(2, b"X".to_vec())]);
    assert!(!client.send(0, 3, b"x"));
    ios[0].release(frames.remove(0));
    assert!(replies(&mut client).is_empty());
    assert!(client.send(0, 3, b"y"));
    assert!(!client.send(0, 4, b"z"), "the second still waits");
    assert_eq!(client.full(), 4);
    let [again] = received(&mut ios[0]).try_into().unwrap();
    assert_eq!(ios[0].payload(&again), b"y");
    ios[0].release(again);
    echo(&mut ios[0], frames.pop().unwrap());
    assert_eq!(replies(&mut client), [(1, b"X".to_vec())]);
}

#[test]
fn a_frame_that_changed_owners_is_answered_where_it_was_asked() {
    let (_made, mut client, mut ios) = pair(2, 2);
    assert!(client.send(0, 5, b"elsewhere"));
    let [frame] = received(&mut ios[0]).try_into().unwrap();
    echo(&mut ios[1], frame);
    assert_eq!(replies(&mut client), [(5, b"ELSEWHERE".to_vec())]);
}

#[test]
fn every_length_survives() {
    let (_made, mut client, mut ios) = pair(1, 1);
    for len in (0..40).chain([ROOM - 1, ROOM]) {
        let request: Vec<u8> = (0..len).map(|byte| b'a' + (byte % 26) as u8).collect();
        assert!(client.send(0, len as u32, &request));
        let [frame] = received(&mut ios[0]).try_into().unwrap();
        assert_eq!(ios[0].payload(&frame), request);
        echo(&mut ios[0], frame);
        let expected = request.to_ascii_uppercase();
        assert_eq!(replies(&mut client), [(len as u32, expected)]);
    }
}

/// A client that died while it wrote left the slot free: nobody sees what is there.
#[test]
fn an_unfinished_request_is_never_seen() {
    let (made, _client, mut ios) = pair(1, 2);
    let words = made.slot(0, 0);
    words[1].store(5, Relaxed);
    words[2].store(u64::MAX, Relaxed);
    assert!(received(&mut ios[0]).is_empty());
    // Another client of the same memory finds the slot free.
    let mut next = RegionClient::new(made);
    assert!(next.send(0, 1, b"whole"));
    let [frame] = received(&mut ios[0]).try_into().unwrap();
    assert_eq!(ios[0].payload(&frame), b"whole");
    ios[0].release(frame);
}

#[test]
fn an_impossible_length_is_counted_and_its_slot_is_free_again() {
    let (made, mut client, mut ios) = pair(1, 2);
    let words = made.slot(0, 0);
    words[1].store(ROOM as u64 + 1, Relaxed);
    words[0].store(1, Release);
    assert!(received(&mut ios[0]).is_empty());
    assert_eq!(ios[0].counters().truncated, 1);
    assert!(client.send(0, 1, b"x"));
}

#[test]
fn other_memory_is_refused() {
    let other = Shared::create("steerbench-test", 1000).unwrap();
    let refused = Regions::open(&other.path()).unwrap_err().to_string();
    assert!(refused.contains("no regions"), "{refused}");
    other.words()[0].store(MAGIC, Release);
    other.words()[1].store(3, Relaxed);
    other.words()[2].store(1 << 20, Relaxed);
    let refused = Regions::open(&other.path()).unwrap_err().to_string();
    assert!(refused.contains("another size"), "{refused}");
}
