//! The hand-over under loom: every interleaving (up to three preemptions) and every reordering
//! that acquire and release allow. Slots are loom cells, so that a slot read and written without a
//! happens-before between is an error, not luck.

#![expect(unsafe_code, reason = "loom's cells give out raw pointers")]

use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::sync::atomic::{AtomicU32, Ordering};
use loom::thread;

use super::{Consumer, Producer, RingMemory};

struct ModelRing {
    producer: AtomicU32,
    consumer: AtomicU32,
    slots: [UnsafeCell<u64>; 2],
}

impl RingMemory for Arc<ModelRing> {
    type Slot = u64;

    fn size(&self) -> u32 {
        2
    }

    fn load_producer(&self) -> u32 {
        self.producer.load(Ordering::Acquire)
    }

    fn store_producer(&self, index: u32) {
        self.producer.store(index, Ordering::Release);
    }

    fn load_consumer(&self) -> u32 {
        self.consumer.load(Ordering::Acquire)
    }

    fn store_consumer(&self, index: u32) {
        self.consumer.store(index, Ordering::Release);
    }

    fn read(&self, slot: u32) -> u64 {
        // SAFETY: loom checks that nobody writes the cell meanwhile; that is the test.
        self.slots[slot as usize].with(|value| unsafe { *value })
    }

    fn write(&self, slot: u32, value: u64) {
        // SAFETY: loom checks that nobody else uses the cell meanwhile; that is the test.
        self.slots[slot as usize].with_mut(|place| unsafe { *place = value });
    }

    fn needs_wakeup(&self) -> bool {
        false
    }
}

#[test]
fn values_cross_threads_in_order_and_slots_are_never_shared() {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(3);
    model.check(|| {
        // The indices wrap round in the middle.
        let start = u32::MAX;
        let memory = Arc::new(ModelRing {
            producer: AtomicU32::new(start),
            consumer: AtomicU32::new(start),
            slots: [UnsafeCell::new(0), UnsafeCell::new(0)],
        });
        let mut producer = Producer::new(Arc::clone(&memory));
        let mut consumer = Consumer::new(memory);
        let sender = thread::spawn(move || {
            for value in 1..=3 {
                while !producer.push(value) {
                    thread::yield_now();
                }
                producer.publish();
            }
        });
        for expected in 1..=3 {
            let value = loop {
                match consumer.pop() {
                    Some(value) => break value,
                    None => thread::yield_now(),
                }
            };
            assert_eq!(value, expected);
            consumer.release();
        }
        sender.join().unwrap();
    });
}
