//! The memory under a log and its index: one thread's own, or written by one and read by many.

use super::super::region::Region;

/// What a log is written to. All of it has exactly one writer at a time, who reads it as plain bytes.
pub trait Memory: std::fmt::Debug {
    /// All bytes, as their only writer sees them.
    fn bytes(&self) -> &[u8];

    /// Replaces the bytes at `at`.
    fn write(&mut self, at: usize, bytes: &[u8]);

    /// Replaces the eight bytes at `at`, a multiple of 8.
    fn set_word(&mut self, at: usize, word: u64);

    /// What the bucket at `at` leads to is about to change: its entries, or an item of theirs.
    fn begin(&mut self, at: usize);

    /// It has changed.
    fn end(&mut self, at: usize);

    /// Told what counts as flushed, see [`Items::flushed`](super::super::items::Items::flushed).
    fn flushed(&mut self, cas: u64, due: Option<u32>);
}

/// Memory that one thread alone reads and writes: no version, no atomic operation.
#[derive(Debug)]
pub struct Private(Region);

impl Private {
    /// Takes over a region.
    pub(super) fn new(region: Region) -> Self {
        Self(region)
    }
}

impl Memory for Private {
    #[inline]
    fn bytes(&self) -> &[u8] {
        self.0.bytes()
    }

    #[inline]
    fn write(&mut self, at: usize, bytes: &[u8]) {
        self.0.write(at, bytes);
    }

    #[inline]
    fn set_word(&mut self, at: usize, word: u64) {
        self.0.write(at, &word.to_le_bytes());
    }

    #[inline]
    fn begin(&mut self, _at: usize) {}

    #[inline]
    fn end(&mut self, _at: usize) {}

    fn flushed(&mut self, _cas: u64, _due: Option<u32>) {}
}
