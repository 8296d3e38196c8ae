//! The lossy path in the kernel loses the frames that it says beforehand, counts them, and hands the others on.

#[expect(dead_code, reason = "this target needs a part of what the tests share")]
mod support;

#[expect(dead_code, reason = "this target needs a part of what the tests share")]
#[path = "support/space.rs"]
mod space;

use loader::{Divert, LossyPath, PathCounters, TestContext};
use space::{QUEUES, ifindex, in_pair};
use steering::channel::Channel;
use steering::divert::Kept;
use support::loaded;

const XDP_DROP: u32 = 1;
const XDP_PASS: u32 = 2;
const FRAMES: usize = 2000;
const SEED: u64 = 7;

/// Which of so many frames of a queue are lost.
fn lost(channel: Channel, queue: u32, frames: usize) -> Vec<bool> {
    let mut state = Channel::first(SEED, queue);
    let next = || {
        let lost;
        (state, lost) = channel.next(state);
        lost
    };
    std::iter::repeat_with(next).take(frames).collect()
}

#[test]
fn the_kernel_loses_what_the_function_loses_on_every_queue() {
    in_pair(|| {
        let channels = [
            Channel::independent(0.02),
            Channel::bursts(0.05, 10.0),
            Channel::independent(1.0),
            Channel::NOTHING,
        ];
        for channel in channels {
            let Some(path) = loaded(LossyPath::load(&channel, SEED)) else {
                return;
            };
            let mut seen = vec![Vec::new(); QUEUES as usize];
            for _ in 0..FRAMES {
                for (rx_queue, seen) in (0..).zip(&mut seen) {
                    let context = TestContext {
                        ifindex: ifindex("far"),
                        rx_queue,
                    };
                    let run = path.test_run(&[0; 60], 1, context).expect("test run");
                    assert!(matches!(run.verdict, XDP_DROP | XDP_PASS));
                    seen.push(run.verdict == XDP_DROP);
                }
            }
            let counters = path.counters(QUEUES).expect("counters");
            for (queue, seen) in (0..).zip(&seen) {
                let expected = lost(channel, queue, FRAMES);
                assert_eq!(seen, &expected, "queue {queue}");
                let lost = expected.iter().filter(|lost| **lost).count() as u64;
                let passed = FRAMES as u64 - lost;
                assert_eq!(counters[queue as usize], PathCounters { passed, lost });
            }
        }
    });
}

#[test]
fn what_is_not_lost_goes_to_the_next_program() {
    in_pair(|| {
        let channel = Channel::bursts(0.3, 3.0);
        let Some(mut path) = loaded(LossyPath::load(&channel, SEED)) else {
            return;
        };
        // No sockets: what arrives there is refused by its map, and counted.
        let next = loaded(Divert::load(QUEUES, Kept::NOTHING, &[])).expect("loaded before");
        path.before(&next).expect("chain");
        let context = TestContext {
            ifindex: ifindex("far"),
            rx_queue: 1,
        };
        for _ in 0..FRAMES {
            path.test_run(&[0; 60], 1, context).expect("test run");
        }
        let expected = lost(channel, 1, FRAMES);
        let passed = expected.iter().filter(|lost| !**lost).count() as u64;
        assert_eq!(next.counters().expect("counters").redirect_failed, passed);
        assert_eq!(path.counters(QUEUES).expect("counters")[1].passed, passed);
    });
}
