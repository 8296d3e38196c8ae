//! What the two threads share besides the mechanism itself.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

/// A stamp that tells the reader to record nothing.
const WARM_UP: u64 = 0;
/// A stamp that tells the reader to end.
const END: u64 = u64::MAX;

/// What a notification carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stamp {
    /// Warm-up: do not record.
    WarmUp,
    /// The writer's clock just before it notified, in nanoseconds.
    At(u64),
    /// There will be no further one.
    End,
}

/// A value on a cache line of its own (two lines, since neighbours are fetched in pairs).
#[derive(Debug, Default)]
#[repr(align(128))]
pub(crate) struct Alone<T>(pub(crate) T);

/// Stamps one way, acknowledgements the other.
#[derive(Debug, Default)]
pub(crate) struct Slot {
    stamp: Alone<AtomicU64>,
    acknowledged: Alone<AtomicU32>,
    broken: AtomicBool,
}

impl Slot {
    /// Leaves a stamp for the notification that follows.
    pub(crate) fn put(&self, stamp: Stamp) {
        let raw = match stamp {
            Stamp::WarmUp => WARM_UP,
            Stamp::At(now_ns) => now_ns,
            Stamp::End => END,
        };
        self.stamp.0.store(raw, Ordering::Release);
    }

    /// The stamp of the notification that arrived.
    pub(crate) fn take(&self) -> Stamp {
        match self.stamp.0.load(Ordering::Acquire) {
            WARM_UP => Stamp::WarmUp,
            END => Stamp::End,
            now_ns => Stamp::At(now_ns),
        }
    }

    /// The reader is done with notification `number`.
    pub(crate) fn acknowledge(&self, number: u32) {
        self.acknowledged.0.store(number, Ordering::Release);
    }

    /// The last notification that the reader is done with.
    pub(crate) fn acknowledged(&self) -> u32 {
        self.acknowledged.0.load(Ordering::Acquire)
    }

    /// One thread has failed; the other must not wait for it.
    pub(crate) fn give_up(&self) {
        self.broken.store(true, Ordering::Release);
    }

    /// Whether a thread has failed.
    pub(crate) fn broken(&self) -> bool {
        self.broken.load(Ordering::Acquire)
    }
}
