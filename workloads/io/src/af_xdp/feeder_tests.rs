//! The feed over rings in plain memory: no frame is lost, doubled or posted off its chunk.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::*;
use crate::af_xdp::plain::PlainRing;

type Ring = Arc<PlainRing>;

/// A queue of the UMEM with the kernel's ends of its rings in the test's hand.
struct Rig {
    feeder: Feeder<Ring, Ring>,
    kernel_fill: Consumer<Ring>,
    kernel_completion: Producer<Ring>,
    fill: Ring,
    size: QueueSize,
}

fn rig(queue: u32) -> Rig {
    let size = QueueSize {
        frames: 12,
        ring: 16,
        reserve: 4,
    };
    let umem = Umem::new(36, 2048).unwrap();
    let fill = Arc::new(PlainRing::starting_at(size.ring, 0));
    let completion = Arc::new(PlainRing::starting_at(size.ring, 0));
    let feeder = Feeder::new(
        Producer::new(Arc::clone(&fill)),
        Consumer::new(Arc::clone(&completion)),
        &umem,
        queue,
        size,
    );
    Rig {
        feeder,
        kernel_fill: Consumer::new(Arc::clone(&fill)),
        kernel_completion: Producer::new(completion),
        fill,
        size,
    }
}

impl Rig {
    fn drain_fill(&mut self) -> Vec<u64> {
        let frames = std::iter::from_fn(|| self.kernel_fill.pop()).collect();
        self.kernel_fill.release();
        frames
    }
}

#[test]
fn a_queue_starts_with_its_own_frames_posted_but_for_the_reserve() {
    let mut rig = rig(1);
    let posted = rig.drain_fill();
    assert_eq!(posted.len(), 8);
    let own: BTreeSet<u64> = (12..24).map(|frame| frame * 2048).collect();
    assert!(posted.iter().all(|addr| own.contains(addr)));
    assert_eq!(rig.feeder.lock().reserved(), 4);
}

#[test]
fn completions_and_released_frames_are_posted_at_the_start_of_their_chunk() {
    let mut rig = rig(0);
    let posted = rig.drain_fill();
    assert!(rig.kernel_completion.push(posted[0] + 298));
    rig.kernel_completion.publish();
    let mut released = vec![posted[1] + 256];
    assert_eq!(rig.feeder.lock().recycle(&mut released), 2);
    assert!(released.is_empty());
    assert_eq!(rig.drain_fill(), [posted[0], posted[1]]);
}

#[test]
fn the_reserve_is_taken_first_and_topped_up_first() {
    let mut rig = rig(0);
    let posted = rig.drain_fill();
    let mut spare = Vec::new();
    rig.feeder.lock().take(3, &mut spare);
    assert_eq!(spare.len(), 3);
    let mut released = posted[..5].to_vec();
    assert_eq!(rig.feeder.lock().recycle(&mut released), 2);
    assert_eq!(rig.feeder.lock().reserved(), 4);
    assert_eq!(rig.drain_fill(), posted[3..5]);
}

#[test]
fn an_empty_reserve_is_refilled_from_completions() {
    let mut rig = rig(0);
    let posted = rig.drain_fill();
    let mut spare = Vec::new();
    rig.feeder.lock().take(4, &mut spare);
    assert!(rig.kernel_completion.push(posted[0]));
    rig.kernel_completion.publish();
    let mut more = Vec::new();
    rig.feeder.lock().take(4, &mut more);
    assert_eq!(more, [posted[0]]);
}

#[test]
fn no_frame_is_lost_or_doubled_over_many_rounds() {
    let mut rig = rig(2);
    for round in 0..100_u64 {
        for (index, addr) in rig.drain_fill().into_iter().enumerate() {
            let used = addr + 256 + round;
            if index % 2 == 0 {
                assert!(rig.kernel_completion.push(used));
            } else {
                rig.feeder.lock().recycle(&mut vec![used]);
            }
        }
        rig.kernel_completion.publish();
        rig.feeder.lock().recycle(&mut Vec::new());
    }
    let mut all = rig.drain_fill();
    rig.feeder.lock().take(4, &mut all);
    let distinct: BTreeSet<u64> = all.iter().copied().collect();
    assert_eq!((all.len(), distinct.len()), (12, 12));
    assert_eq!(rig.size.frames, 12);
}

#[test]
fn a_second_owner_is_turned_away_but_not_held_up() {
    let rig = rig(0);
    let held = rig.feeder.lock();
    assert!(rig.feeder.try_lock().is_none());
    drop(held);
    assert!(rig.feeder.try_lock().is_some());
}

#[test]
fn the_kernels_wish_to_be_woken_is_passed_on() {
    let rig = rig(0);
    assert!(!rig.feeder.lock().needs_wakeup());
    rig.fill
        .wakeup
        .store(true, std::sync::atomic::Ordering::Relaxed);
    assert!(rig.feeder.lock().needs_wakeup());
}

/// One owner that has stopped with full rings and everything it may hold leaves frames posted.
#[test]
fn stalled_owners_cannot_take_every_frame() {
    for owners in 1..=8 {
        let size = QueueSize::new(owners, 2048, 1024, 256, 0);
        let all_stalled = owners * (2048 + 1024 + 256);
        assert!(size.frames - size.reserve > all_stalled);
        assert!(size.ring >= size.frames);
    }
}
