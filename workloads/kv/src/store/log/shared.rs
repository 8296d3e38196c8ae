//! A log's memory between one writer at a time and any number of readers.
//!
//! Nobody but the writer changes the memory, and he does so word by word with relaxed atomic stores,
//! the versions of the buckets concerned being odd meanwhile ([`version`]). So he may read it as plain
//! bytes: no store of another thread can meet these reads, and readers only load.
#![expect(
    unsafe_code,
    reason = "one mapping seen as bytes by its writer and as atomic words by readers"
)]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering, fence};

use super::super::region::Region;
use super::memory::Memory;
use super::version::{self, Words};

/// Never, as a second in which a flush is due.
const NEVER: u64 = u64::MAX;

/// The mapping, and what counts as flushed.
#[derive(Debug)]
pub(super) struct Mapping {
    region: sys::mem::Region,
    flushed_cas: AtomicU64,
    flush_due: AtomicU64,
}

impl Mapping {
    /// All of it, in words of 8 bytes.
    #[inline]
    pub(super) fn words(&self) -> &[AtomicU64] {
        let len = self.region.len() / size_of::<AtomicU64>();
        // SAFETY: the region is mapped as long as `self`, initialised, aligned to a page, and holds `len` words.
        // It is written through these words alone; its bytes are lent only by the writer, and only while
        // he does not write ([`SharedMemory`]).
        unsafe { std::slice::from_raw_parts(self.region.as_ptr().cast(), len) }
    }

    /// Items up to this cas number are flushed.
    pub(super) fn flushed_cas(&self) -> u64 {
        self.flushed_cas.load(Ordering::Acquire)
    }

    /// Whether a delayed flush is due at `now` (Unix seconds) that the writer has not come to yet: all
    /// that is there is flushed then.
    pub(super) fn flush_is_due(&self, now: u32) -> bool {
        self.flush_due.load(Ordering::Acquire) <= u64::from(now)
    }
}

impl Words for Mapping {
    #[inline]
    fn load(&self, at: usize, order: Ordering) -> u64 {
        u64::from_le(self.words()[at / 8].load(order))
    }

    #[inline]
    fn store(&self, at: usize, word: u64, order: Ordering) {
        self.words()[at / 8].store(word.to_le(), order);
    }

    #[inline]
    fn acquire_if(&self, at: usize, old: u64, new: u64) -> bool {
        self.words()[at / 8]
            .compare_exchange(
                old.to_le(),
                new.to_le(),
                Ordering::Acquire,
                Ordering::Relaxed,
            )
            .is_ok()
    }

    #[inline]
    fn fence(&self, order: Ordering) {
        fence(order);
    }
}

/// The writer's side. There is one for each mapping, and it is not cloned.
#[derive(Debug)]
pub struct SharedMemory(Arc<Mapping>);

impl SharedMemory {
    pub(super) fn new(region: Region) -> Self {
        Self(Arc::new(Mapping {
            region: region.into_mapping(),
            flushed_cas: AtomicU64::new(0),
            flush_due: AtomicU64::new(NEVER),
        }))
    }

    /// The mapping, for readers.
    pub(super) fn mapping(&self) -> Arc<Mapping> {
        Arc::clone(&self.0)
    }
}

impl Memory for SharedMemory {
    #[inline]
    fn bytes(&self) -> &[u8] {
        let words = self.0.words();
        // SAFETY: the same memory as `words`. All stores go through `&mut self`, of which there is one a
        // mapping, so none happens while these bytes are borrowed; other threads only load, which
        // does not conflict with plain reads.
        unsafe { std::slice::from_raw_parts(words.as_ptr().cast(), size_of_val(words)) }
    }

    #[inline]
    fn write(&mut self, at: usize, bytes: &[u8]) {
        let (start, skip) = (at / 8, at % 8);
        let words = &self.0.words()[start..(at + bytes.len()).div_ceil(8)];
        let (head, rest) = bytes.split_at(((8 - skip) % 8).min(bytes.len()));
        let (whole, tail) = rest.as_chunks::<8>();
        let part = |word: &AtomicU64, from: usize, bytes: &[u8]| {
            let mut all = word.load(Ordering::Relaxed).to_ne_bytes();
            all[from..from + bytes.len()].copy_from_slice(bytes);
            word.store(u64::from_ne_bytes(all), Ordering::Relaxed);
        };
        let mut words = words.iter();
        if !head.is_empty()
            && let Some(word) = words.next()
        {
            part(word, skip, head);
        }
        for bytes in whole {
            if let Some(word) = words.next() {
                word.store(u64::from_ne_bytes(*bytes), Ordering::Relaxed);
            }
        }
        if !tail.is_empty()
            && let Some(word) = words.next()
        {
            part(word, 0, tail);
        }
    }

    #[inline]
    fn set_word(&mut self, at: usize, word: u64) {
        self.0.store(at, word, Ordering::Relaxed);
    }

    #[inline]
    fn begin(&mut self, at: usize) {
        version::begin(&*self.0, at);
    }

    #[inline]
    fn end(&mut self, at: usize) {
        version::end(&*self.0, at);
    }

    fn flushed(&mut self, cas: u64, due: Option<u32>) {
        self.0.flushed_cas.store(cas, Ordering::Release);
        self.0
            .flush_due
            .store(due.map_or(NEVER, u64::from), Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn writes_change_exactly_their_bytes(
            writes in prop::collection::vec((0..60usize, prop::collection::vec(any::<u8>(), 0..40)), 1..40),
        ) {
            let mut memory = SharedMemory::new(Region::new(104).unwrap());
            let mut plain = [0; 104];
            for (at, bytes) in writes {
                memory.write(at, &bytes);
                plain[at..at + bytes.len()].copy_from_slice(&bytes);
                prop_assert_eq!(memory.bytes(), &plain[..]);
            }
        }
    }
}
