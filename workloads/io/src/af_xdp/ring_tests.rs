//! The rings against a queue as the model, and between two threads.

use std::collections::VecDeque;
use std::sync::Arc;
use std::thread;

use proptest::prelude::*;

use super::*;
use crate::af_xdp::plain::PlainRing;

fn pair(size: u32, start: u32) -> (Producer<Arc<PlainRing>>, Consumer<Arc<PlainRing>>) {
    let memory = Arc::new(PlainRing::starting_at(size, start));
    (Producer::new(Arc::clone(&memory)), Consumer::new(memory))
}

#[test]
fn nothing_is_seen_before_it_is_published_or_reused_before_it_is_released() {
    let (mut producer, mut consumer) = pair(2, 0);
    assert!(producer.push(1));
    assert_eq!(consumer.pop(), None);
    producer.publish();
    assert_eq!(consumer.pop(), Some(1));
    assert!(producer.push(2));
    assert!(!producer.push(3), "the popped slot was not released");
    consumer.release();
    assert!(producer.push(3));
}

#[test]
fn a_new_side_continues_from_the_indices_in_memory() {
    let memory = Arc::new(PlainRing::starting_at(4, u32::MAX));
    let mut producer = Producer::new(Arc::clone(&memory));
    assert!(producer.push(7));
    producer.publish();
    assert_eq!(producer.outstanding(), 1);
    let mut consumer = Consumer::new(memory);
    assert_eq!(consumer.available(), 1);
    assert_eq!(consumer.pop(), Some(7));
}

#[test]
fn a_watch_tells_what_waits_and_what_came_since_it_began() {
    let (mut producer, mut consumer) = pair(4, u32::MAX - 1);
    assert!(producer.push(1));
    producer.publish();
    let mut watch = Watch::new(Arc::clone(&producer.memory));
    assert_eq!(watch.look(), (1, 1));
    assert!(producer.push(2) && producer.push(3));
    assert_eq!(watch.look(), (1, 1), "not published");
    producer.publish();
    assert_eq!(watch.look(), (3, 3));
    assert_eq!(consumer.pop(), Some(1));
    assert_eq!(watch.look(), (3, 3), "not released");
    consumer.release();
    assert_eq!(watch.look(), (3, 2));
}

#[derive(Debug, Clone)]
enum Step {
    Push(u8),
    Publish,
    Pop(u8),
    Release,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (1_u8..12).prop_map(Step::Push),
        Just(Step::Publish),
        (1_u8..12).prop_map(Step::Pop),
        Just(Step::Release),
    ]
}

proptest! {
    /// Against a queue as the model, with the indices wrapping round somewhere in the run.
    #[test]
    fn behaves_as_a_bounded_queue(
        steps in prop::collection::vec(step(), 1..300),
        exponent in 0_u32..5,
        before_wrap in 0_u32..200,
    ) {
        let size = 1 << exponent;
        let (mut producer, mut consumer) = pair(size, 0_u32.wrapping_sub(before_wrap));
        let mut unpublished = VecDeque::new();
        let mut published = VecDeque::new();
        let (mut next, mut unreleased) = (0_u64, 0_u32);
        for step in steps {
            match step {
                Step::Push(count) => for _ in 0..count {
                    let held = unpublished.len() + published.len() + unreleased as usize;
                    let room = held < size as usize;
                    prop_assert_eq!(producer.push(next), room);
                    if room {
                        unpublished.push_back(next);
                        next += 1;
                    }
                },
                Step::Publish => {
                    producer.publish();
                    published.append(&mut unpublished);
                }
                Step::Pop(count) => for _ in 0..count {
                    let expected = published.pop_front();
                    prop_assert_eq!(consumer.pop(), expected);
                    unreleased += u32::from(expected.is_some());
                },
                Step::Release => {
                    consumer.release();
                    unreleased = 0;
                }
            }
        }
    }
}

/// The hand-over between two threads, over the point where the indices wrap: every value arrives
/// once, in order, and no slot is overwritten while it is read.
#[test]
fn two_threads_hand_over_everything_in_order() {
    const COUNT: u64 = 200_000;
    let (mut producer, mut consumer) = pair(8, u32::MAX - 1000);
    let sender = thread::spawn(move || {
        let mut next = 0;
        while next < COUNT {
            while next < COUNT && producer.push(next) {
                next += 1;
            }
            producer.publish();
            thread::yield_now();
        }
    });
    let mut expected = 0;
    while expected < COUNT {
        while let Some(value) = consumer.pop() {
            assert_eq!(value, expected);
            expected += 1;
        }
        consumer.release();
        thread::yield_now();
    }
    sender.join().unwrap();
    assert_eq!(consumer.pop(), None);
}
