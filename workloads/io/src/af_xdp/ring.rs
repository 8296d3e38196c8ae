//! Single-producer single-consumer rings as AF_XDP lays them out.
//!
//! The producer index, the consumer index and the descriptors lie in memory shared with the
//! kernel. Indices are free-running `u32` that wrap, so every difference is taken with wrapping
//! arithmetic, and the ring size is a power of two. A side writes its own index with release
//! and reads the other's with acquire, and keeps a cached copy of both to touch the shared
//! lines rarely (as the kernel does in `net/xdp/xsk_queue.h`).
//!
//! The logic is generic over [`RingMemory`], so that it is tested over plain memory and under
//! loom; the kernel's mapping is [`KernelRing`](super::kernel_ring::KernelRing).

/// Where the indices and slots of one ring live.
pub trait RingMemory {
    /// What a slot holds.
    type Slot: Copy;

    /// Number of slots, a power of two.
    fn size(&self) -> u32;
    /// Reads the producer index with acquire ordering.
    fn load_producer(&self) -> u32;
    /// Writes the producer index with release ordering.
    fn store_producer(&self, index: u32);
    /// Reads the consumer index with acquire ordering.
    fn load_consumer(&self) -> u32;
    /// Writes the consumer index with release ordering.
    fn store_consumer(&self, index: u32);
    /// Reads a slot that the consumer owns; `slot < size()`.
    fn read(&self, slot: u32) -> Self::Slot;
    /// Writes a slot that the producer owns; `slot < size()`.
    fn write(&self, slot: u32, value: Self::Slot);
    /// Whether the kernel asks to be woken for this ring (an atomic read of the flags word).
    fn needs_wakeup(&self) -> bool;
}

/// The producing side: the user's end of FILL and TX.
#[derive(Debug)]
pub struct Producer<M> {
    memory: M,
    head: u32,
    seen_consumer: u32,
}

impl<M: RingMemory> Producer<M> {
    /// Takes the producing side, continuing from the indices in memory.
    pub fn new(memory: M) -> Self {
        let head = memory.load_producer();
        let seen_consumer = memory.load_consumer();
        Self {
            memory,
            head,
            seen_consumer,
        }
    }

    /// Free slots. Looks at the shared index only if fewer than `wanted` are known to be free.
    pub fn free(&mut self, wanted: u32) -> u32 {
        let size = self.memory.size();
        let known = size - self.head.wrapping_sub(self.seen_consumer);
        if known >= wanted {
            return known;
        }
        self.seen_consumer = self.memory.load_consumer();
        size - self.head.wrapping_sub(self.seen_consumer)
    }

    /// Writes one slot, to be published by [`publish`](Self::publish); false when full.
    #[must_use]
    pub fn push(&mut self, value: M::Slot) -> bool {
        if self.free(1) == 0 {
            return false;
        }
        self.memory
            .write(self.head & (self.memory.size() - 1), value);
        self.head = self.head.wrapping_add(1);
        true
    }

    /// Makes everything pushed so far visible to the consumer.
    pub fn publish(&mut self) {
        self.memory.store_producer(self.head);
    }

    /// Slots pushed and not yet taken by the consumer.
    pub fn outstanding(&mut self) -> u32 {
        self.seen_consumer = self.memory.load_consumer();
        self.head.wrapping_sub(self.seen_consumer)
    }

    /// Whether the kernel asks to be woken for this ring.
    pub fn needs_wakeup(&self) -> bool {
        self.memory.needs_wakeup()
    }
}

/// The consuming side: the user's end of COMPLETION and RX.
#[derive(Debug)]
pub struct Consumer<M> {
    memory: M,
    tail: u32,
    seen_producer: u32,
}

impl<M: RingMemory> Consumer<M> {
    /// Takes the consuming side, continuing from the indices in memory.
    pub fn new(memory: M) -> Self {
        let tail = memory.load_consumer();
        let seen_producer = memory.load_producer();
        Self {
            memory,
            tail,
            seen_producer,
        }
    }

    /// Number of slots.
    pub fn size(&self) -> u32 {
        self.memory.size()
    }

    /// Filled slots. Looks at the shared index only if none is known.
    pub fn available(&mut self) -> u32 {
        let known = self.seen_producer.wrapping_sub(self.tail);
        if known > 0 { known } else { self.waiting() }
    }

    /// Filled slots, by a look at the shared index.
    pub fn waiting(&mut self) -> u32 {
        self.seen_producer = self.memory.load_producer();
        self.seen_producer.wrapping_sub(self.tail)
    }

    /// Takes one slot, to be given back by [`release`](Self::release).
    pub fn pop(&mut self) -> Option<M::Slot> {
        if self.available() == 0 {
            return None;
        }
        let value = self.memory.read(self.tail & (self.memory.size() - 1));
        self.tail = self.tail.wrapping_add(1);
        Some(value)
    }

    /// Gives every slot taken so far back to the producer.
    pub fn release(&mut self) {
        self.memory.store_consumer(self.tail);
    }
}

/// A ring as a third party sees it: how many slots were filled, and how many of them wait.
#[derive(Debug)]
pub struct Watch<M> {
    memory: M,
    /// Slots filled since the watch began.
    filled: u64,
    seen_producer: u32,
}

impl<M: RingMemory> Watch<M> {
    /// A watch that counts what is filled from now on; what waits already counts as filled now.
    pub fn new(memory: M) -> Self {
        let seen_producer = memory.load_consumer();
        Self {
            memory,
            filled: 0,
            seen_producer,
        }
    }

    /// Slots filled since the watch began, and those of them that were not given back yet. Call it
    /// before the index of the ring has wrapped once.
    pub fn look(&mut self) -> (u64, u64) {
        // The consumer first: it never passes the producer, which is read after it.
        let consumer = self.memory.load_consumer();
        let producer = self.memory.load_producer();
        self.filled += u64::from(producer.wrapping_sub(self.seen_producer));
        self.seen_producer = producer;
        (self.filled, u64::from(producer.wrapping_sub(consumer)))
    }
}

#[cfg(test)]
#[path = "ring_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "ring_model.rs"]
mod model;
