//! A ring in ordinary memory: the fake at the boundary to the kernel, for tests.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

use super::ring::RingMemory;

/// A ring of u64 slots. Slots are relaxed atomics, so that only the indices order them.
#[derive(Debug)]
pub(super) struct PlainRing {
    producer: AtomicU32,
    consumer: AtomicU32,
    slots: Vec<AtomicU64>,
    pub(super) wakeup: AtomicBool,
}

impl PlainRing {
    pub(super) fn starting_at(size: u32, index: u32) -> Self {
        assert!(size.is_power_of_two());
        Self {
            producer: AtomicU32::new(index),
            consumer: AtomicU32::new(index),
            slots: (0..size).map(|_| AtomicU64::new(u64::MAX)).collect(),
            wakeup: AtomicBool::new(false),
        }
    }
}

impl RingMemory for Arc<PlainRing> {
    type Slot = u64;

    fn size(&self) -> u32 {
        self.slots.len() as u32
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
        self.slots[slot as usize].load(Ordering::Relaxed)
    }

    fn write(&self, slot: u32, value: u64) {
        self.slots[slot as usize].store(value, Ordering::Relaxed);
    }

    fn needs_wakeup(&self) -> bool {
        self.wakeup.load(Ordering::Relaxed)
    }
}
