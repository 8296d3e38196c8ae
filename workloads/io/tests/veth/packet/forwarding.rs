//! Frames go through every back end as they are, in order, and only those of others.

use std::net::UdpSocket;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use pktio::frame::{FrameIo, HEADROOM, Port, TAILROOM};
use pktio::packet::Group;
use pktio::worker::{Control, Live, WaitMode, run};

use super::chain::{
    Case, Chain, ENDS, Forward, clean, every_back_end, forward, numbered, settle, take,
};

/// Rounds of frames in both directions, more than a ring has room for, more at a time than a transmit ring.
struct Unchanged;

impl Case for Unchanged {
    fn run<I: FrameIo + 'static>(name: &str, chain: &Chain, mut group: Group<I>) {
        let io = &mut group.take_ios()[0];
        assert_eq!(io.ports(), 2);
        let mut taps = [chain.tap(0), chain.tap(1)];
        let mut number = 0;
        for _ in 0..10 {
            let mut sent = [Vec::new(), Vec::new()];
            for (tap, sent) in taps.iter_mut().zip(&mut sent) {
                for _ in 0..40 {
                    let frame = numbered(number, 14 + number * 31 % 1501);
                    number += 1;
                    tap.send(&frame);
                    sent.push(frame);
                }
            }
            assert_eq!(take(io, 80, forward), 80, "{name}");
            for (side, sent) in sent.into_iter().enumerate() {
                assert_eq!(taps[1 - side].receive(40), sent, "{name}");
            }
        }
        assert_eq!(clean(name, &io.counters()), (800, 800));
        // What was sent is not received again.
        thread::sleep(Duration::from_millis(5));
        assert_eq!(io.receive(&mut Vec::new()).unwrap(), 0, "{name}");
        assert_eq!(group.probe().drops().unwrap().total(), 0, "{name}");
    }
}

#[test]
fn bytes_and_order_are_kept_in_both_directions() {
    every_back_end::<Unchanged>();
}

/// Frames that are kept back until their rings are nearly full, and grow on both sides.
struct Growing;

impl Case for Growing {
    fn run<I: FrameIo + 'static>(name: &str, chain: &Chain, mut group: Group<I>) {
        let io = &mut group.take_ios()[0];
        let (mut from, mut to) = (chain.tap(0), chain.tap(1));
        let mut expected = Vec::new();
        for round in 0..10 {
            for number in 0..40 {
                let frame = numbered(number, 600 + (round * 40 + number) * 7 % 800);
                from.send(&frame);
                expected.push([vec![0xfa; HEADROOM], frame, vec![0xba; TAILROOM]].concat());
            }
            let taken = take(io, 40, |io, mut frame| {
                let mut view = io.view(&mut frame);
                view.grow_front(HEADROOM).unwrap();
                view.grow_back(TAILROOM).unwrap();
                let bytes = view.bytes_mut();
                let end = bytes.len() - TAILROOM;
                bytes[..HEADROOM].fill(0xfa);
                bytes[end..].fill(0xba);
                forward(io, frame);
            });
            assert_eq!(taken, 40, "{name}");
        }
        assert!(to.receive(400) == expected, "{name}");
        let counters = io.counters();
        assert_eq!(clean(name, &counters), (400, 400));
        match name {
            // Each frame was copied once; and some that stood at the end of their block were moved.
            "packet_mmap_v3" => assert!(counters.copies > 400, "{}", counters.copies),
            _ => assert_eq!(counters.copies, 0, "{name}"),
        }
    }
}

#[test]
fn every_frame_has_room_for_a_tunnel_on_both_sides() {
    every_back_end::<Growing>();
}

/// Frames up to the longest that a back end's memory takes: each has the room that is promised, or is counted.
struct Longest;

impl Case for Longest {
    const MTUS: [u32; 2] = [4000, 1500];

    fn run<I: FrameIo + 'static>(name: &str, chain: &Chain, mut group: Group<I>) {
        let io = &mut group.take_ios()[0];
        let mut from = chain.tap(0);
        let lengths = 1800..2000;
        for (number, len) in lengths.clone().enumerate() {
            from.send(&numbered(number, len));
            // One at a time, for the rings are small.
            let patience = Instant::now() + Duration::from_secs(5);
            while counted(io) <= number as u64 {
                assert!(Instant::now() < patience, "{name}: {:?}", io.counters());
                let mut frames = Vec::new();
                io.receive(&mut frames).unwrap();
                for mut frame in frames {
                    let view = io.view(&mut frame);
                    let room = (view.headroom(), view.tailroom());
                    assert!(room.0 >= HEADROOM && room.1 >= TAILROOM, "{name}: {room:?}");
                    io.release(frame);
                }
            }
        }
        let counters = io.counters();
        assert!(counters.received > 0 && counters.truncated > 0, "{name}");
        assert_eq!(counted(io), lengths.len() as u64, "{name}");
    }
}

fn counted<I: FrameIo>(io: &I) -> u64 {
    let counters = io.counters();
    counters.received + counters.truncated
}

#[test]
fn a_frame_that_leaves_no_room_behind_it_is_counted_as_too_long() {
    every_back_end::<Longest>();
}

/// A batch that is changed frame by frame and by all frames at once, some of them the processor's own.
struct Together;

impl Case for Together {
    fn run<I: FrameIo + 'static>(name: &str, chain: &Chain, mut group: Group<I>) {
        let io = &mut group.take_ios()[0];
        let (mut from, mut to) = (chain.tap(0), chain.tap(1));
        let mut expected = Vec::new();
        for number in 0..20 {
            from.send(&numbered(number, 100 + number * 70));
        }
        let mut frames = Vec::new();
        assert_eq!(take(io, 20, |_, frame| frames.push(frame)), 20, "{name}");
        for number in 20..24 {
            let mut own = io.allocate(Port(0)).unwrap();
            let mut view = io.view(&mut own);
            view.grow_back(100).unwrap();
            view.bytes_mut().copy_from_slice(&numbered(number, 100));
            frames.push(own);
        }
        {
            let mut views: Vec<_> = io.views(&mut frames).collect();
            // All are written to in full, one after the other, before any is read again.
            for (mark, view) in (1..).zip(&mut views) {
                view.grow_front(HEADROOM).unwrap();
                view.grow_back(TAILROOM).unwrap();
                let bytes = view.bytes_mut();
                let end = bytes.len() - TAILROOM;
                bytes[..HEADROOM].fill(mark);
                bytes[end..].fill(mark);
            }
            for (number, view) in views.iter_mut().enumerate() {
                let mark = number as u8 + 1;
                let len = if number < 20 { 100 + number * 70 } else { 100 };
                let frame = numbered(number, len);
                let whole = [vec![mark; HEADROOM], frame, vec![mark; TAILROOM]].concat();
                assert_eq!(view.bytes(), whole, "{name}: frame {number}");
                view.shrink_front(HEADROOM).unwrap();
                expected.push(whole[HEADROOM..].to_vec());
            }
        }
        frames.drain(..).for_each(|frame| forward(io, frame));
        settle(io);
        assert_eq!(io.views(&mut frames).count(), 0);
        // A frame shows what its view made of it.
        assert!(to.receive(24) == expected, "{name}");
        assert_eq!(clean(name, &io.counters()), (20, 24));
    }
}

#[test]
fn several_frames_are_viewed_at_once_and_none_is_another() {
    every_back_end::<Together>();
}

struct Tagged;

impl Case for Tagged {
    fn run<I: FrameIo + 'static>(name: &str, chain: &Chain, mut group: Group<I>) {
        let io = &mut group.take_ios()[0];
        let (mut from, mut to) = (chain.tap(0), chain.tap(1));
        let mut sent = Vec::new();
        for (tpid, len) in [(0x8100_u16, 60), (0x88a8, 61), (0x8100, 1514)] {
            let plain = numbered(7, len);
            let tag = [tpid.to_be_bytes(), [0xa0, 0x07]].concat();
            let frame = [&plain[..12], &tag, &plain[12..]].concat();
            from.send(&frame);
            sent.push(frame);
        }
        take(io, 3, |io, mut frame| {
            assert!(io.view(&mut frame).headroom() >= 64);
            forward(io, frame);
        });
        assert_eq!(to.receive(3), sent, "{name}");
    }
}

#[test]
fn vlan_tags_are_put_back() {
    every_back_end::<Tagged>();
}

/// A kernel sender leaves its checksum open, and a kernel receiver looks at it.
struct Kernels;

impl Case for Kernels {
    fn run<I: FrameIo + 'static>(name: &str, chain: &Chain, mut group: Group<I>) {
        let io = &mut group.take_ios()[0];
        let bind = |side: usize, address: String| {
            let socket = chain.ends[side].run(|| UdpSocket::bind(address)).unwrap();
            let socket = socket.unwrap();
            let patience = Some(Duration::from_secs(2));
            socket.set_read_timeout(patience).unwrap();
            socket
        };
        let pairs = [
            [0, 1].map(|side| bind(side, format!("{}:0", ENDS[side].0))),
            [0, 1].map(|side| bind(side, format!("[{}]:0", ENDS[side].1))),
        ];
        for [first, second] in &pairs {
            for len in [0, 1, 333, 1400] {
                for (from, to) in [(first, second), (second, first)] {
                    let sent = vec![0x5a; len];
                    from.send_to(&sent, to.local_addr().unwrap()).unwrap();
                    assert_eq!(take(io, 1, forward), 1, "{name}");
                    let mut bytes = [0; 2048];
                    let (len, peer) = to.recv_from(&mut bytes).expect(name);
                    assert_eq!(bytes[..len], sent, "{name}");
                    assert_eq!(peer, from.local_addr().unwrap());
                }
            }
        }
    }
}

#[test]
fn kernel_receivers_accept_what_kernel_senders_left_unfinished() {
    every_back_end::<Kernels>();
}

/// What a device or a memory has no room for, among frames that pass.
struct Sizes;

impl Case for Sizes {
    const MTUS: [u32; 2] = [4000, 1500];

    fn run<I: FrameIo + 'static>(name: &str, chain: &Chain, mut group: Group<I>) {
        let io = &mut group.take_ios()[0];
        let (mut from, mut to) = (chain.tap(0), chain.tap(1));
        let lengths = [100, 1700, 200, 1800, 1600, 3000, 300, 1515];
        for (number, len) in lengths.into_iter().enumerate() {
            from.send(&numbered(number, len));
        }
        let taken = take(io, 7, forward);
        assert_eq!(taken, 7, "{name}");
        // Shorter than a link header, between two that are not.
        for len in [64, 5, 0, 65] {
            let mut frame = io.allocate(Port(1)).unwrap();
            let mut view = io.view(&mut frame);
            assert!(view.bytes().is_empty() && view.headroom() >= 64);
            view.grow_back(len).unwrap();
            if len > 14 {
                view.bytes_mut().copy_from_slice(&numbered(9, len));
            }
            io.send(frame, Port(1));
        }
        settle(io);
        let passed = [(0, 100), (2, 200), (6, 300), (9, 64), (9, 65)];
        let passed = passed.map(|(number, len)| numbered(number, len));
        assert_eq!(to.receive(5), passed, "{name}");
        let counters = io.counters();
        let counted = (
            counters.received,
            counters.truncated,
            counters.transmitted,
            counters.transmit_refused,
        );
        assert_eq!(counted, (7, 1, 5, 6), "{name}");
    }
}

#[test]
fn what_is_too_long_or_too_short_is_counted_and_holds_nothing_up() {
    every_back_end::<Sizes>();
}

struct Sleeping;

impl Case for Sleeping {
    fn run<I: FrameIo + 'static>(name: &str, chain: &Chain, mut group: Group<I>) {
        let mut io = group.take_ios().remove(0);
        let (mut from, mut to) = (chain.tap(0), chain.tap(1));
        let control = Arc::new(Control::new());
        let stop = Arc::clone(&control);
        let worker = thread::spawn(move || {
            let timeout = Duration::from_millis(500);
            let mode = WaitMode::Sleep { timeout };
            run(&mut io, &mut Forward, mode, &stop, &Live::default()).unwrap()
        });
        for number in 0..5 {
            thread::sleep(Duration::from_millis(20));
            from.send(&numbered(number, 100));
            assert_eq!(to.receive(1), [numbered(number, 100)], "{name}");
        }
        control.stop();
        let counters = worker.join().unwrap();
        assert_eq!(clean(name, &counters.io), (5, 5));
        assert!((1..=5).contains(&counters.io.wakeups_kernel), "{name}");
        // It slept between them and was not woken for nothing.
        assert!(counters.empty_rounds < 50, "{name}: {counters:?}");
    }
}

#[test]
fn a_sleeper_is_woken_by_frames_and_by_nothing_else() {
    every_back_end::<Sleeping>();
}
