//! How many frames a slice has thrown away, in memory that its keeper sees too, also after the slice's process has been killed.
//!
//! Rings tell what a slice took and what it queued. Whether a frame between the two was in its hands, or had been refused long
//! before (by its router, or for a TX ring that stayed full), they do not tell. So the slice's thread writes the sum of those
//! that were refused into one word after each batch. Wherever it is killed, the word is behind by the batch at hand and never
//! ahead: what it and the TX rings leave of the frames that were taken was in the thread's hands.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use pktio::IoCounters;
use sys::shared::Shared;

/// Frames that a slice took and neither has nor queued, since its sockets were opened. Written by its thread alone.
#[derive(Debug)]
pub(in crate::system) struct Discards(Shared);

impl Discards {
    /// Of a slice in this process.
    pub(super) fn create() -> io::Result<Self> {
        Shared::create("steerbench-discards", 1).map(Self)
    }

    /// Of a slice in another process, by the [`path`](Self::path) that it tells while it lives.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let shared = Shared::open(path)?;
        match shared.words() {
            [_] => Ok(Self(shared)),
            words => {
                let what = format!("{} words are no slice's discards", words.len());
                Err(io::Error::new(io::ErrorKind::InvalidData, what))
            }
        }
    }

    /// Where its keeper finds it.
    pub(super) fn path(&self) -> PathBuf {
        self.0.path()
    }

    /// Tells what the I/O has done so far, when every frame of a batch has been dealt with. Whoever makes frames from nothing
    /// would hide as many: routers and inspectors send theirs in another's place.
    pub(in crate::system) fn tell(&self, io: &IoCounters) {
        let discarded = io.received.saturating_sub(io.transmitted);
        self.word().store(discarded, Ordering::Relaxed);
    }

    /// What was told last.
    pub(super) fn read(&self) -> u64 {
        self.word().load(Ordering::Relaxed)
    }

    fn word(&self) -> &AtomicU64 {
        &self.0.words()[0]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_slice_tells_is_read_elsewhere_also_when_it_is_gone() {
        let told = Discards::create().unwrap();
        let seen = Discards::open(&told.path()).unwrap();
        assert_eq!(seen.read(), 0);
        told.tell(&IoCounters {
            received: 100,
            transmitted: 93,
            ..IoCounters::default()
        });
        drop(told);
        assert_eq!(seen.read(), 7);
    }

    #[test]
    fn other_memory_is_refused() {
        let other = Shared::create("steerbench-test", 2).unwrap();
        let refused = Discards::open(&other.path()).unwrap_err().to_string();
        assert!(
            refused.contains("2 words are no slice's discards"),
            "{refused}"
        );
    }
}
