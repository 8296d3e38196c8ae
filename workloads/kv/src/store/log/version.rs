//! Optimistic versions: how readers notice that a writer was at work.
//!
//! Source: Lim et al., NSDI'14, section 4.2.1 (CREW, CRCW), in the form of a seqlock: Boehm, *Can
//! Seqlocks Get Along With Programming Language Memory Models?*, MSPC 2012. A version is odd while its
//! one writer changes what it covers. A reader copies by relaxed loads between two looks at the
//! version, and keeps the copy only if the version was even and is the same.
//!
//! Why a copy can be trusted: a relaxed load that sees a word written after [`begin`] sees it behind
//! that one's release fence, so the reader's acquire fence makes its second look see the odd version
//! or a later one. The same holds for memory that was covered by the version and is used again for
//! something else later on, without a change of the version in between.
//!
//! The version is the upper half of its word, so that the lower half is covered by it. Where several
//! threads write, they exclude one another by [`try_lock`] on a word of its own, by the same odd bit.

use std::sync::atomic::Ordering;
use std::time::Duration;

/// One step of a version.
const STEP: u64 = 1 << 32;

/// Shared words with the order of access spelled out: the machine's, or loom's.
pub(super) trait Words {
    /// Loads the word at `at`.
    fn load(&self, at: usize, order: Ordering) -> u64;
    /// Stores the word at `at`.
    fn store(&self, at: usize, word: u64, order: Ordering);
    /// Replaces the word at `at` if it is `old`, with acquire; false when it is not.
    fn acquire_if(&self, at: usize, old: u64, new: u64) -> bool;
    /// Orders accesses around it.
    fn fence(&self, order: Ordering);
}

const fn is_odd(word: u64) -> bool {
    word & STEP != 0
}

/// What `copy` makes of the version's word and of what it covers, if no writer came in between.
#[inline]
pub(super) fn read<T>(words: &impl Words, at: usize, copy: impl FnOnce(u64) -> T) -> Option<T> {
    let before = words.load(at, Ordering::Acquire);
    if is_odd(before) {
        return None;
    }
    let copied = copy(before);
    words.fence(Ordering::Acquire);
    (words.load(at, Ordering::Relaxed) == before).then_some(copied)
}

/// The only writer is about to change what the version covers.
#[inline]
pub(super) fn begin(words: &impl Words, at: usize) {
    let even = words.load(at, Ordering::Relaxed);
    debug_assert!(!is_odd(even));
    words.store(at, even.wrapping_add(STEP), Ordering::Relaxed);
    words.fence(Ordering::Release);
}

/// It has changed.
#[inline]
pub(super) fn end(words: &impl Words, at: usize) {
    let odd = words.load(at, Ordering::Relaxed);
    debug_assert!(is_odd(odd));
    words.store(at, odd.wrapping_add(STEP), Ordering::Release);
}

/// Becomes the only writer, unless there is one.
#[inline]
pub(super) fn try_lock(words: &impl Words, at: usize) -> bool {
    let even = words.load(at, Ordering::Relaxed);
    !is_odd(even) && words.acquire_if(at, even, even.wrapping_add(STEP))
}

/// Is no longer the writer.
#[inline]
pub(super) fn unlock(words: &impl Words, at: usize) {
    end(words, at);
}

/// Failed attempts after which the CPU is left to the writer, who may be waiting for it.
const PATIENCE: u32 = 256;

/// For how long. A yield would not do: on Linux 6.18 a thread that yields in a loop keeps others on its
/// CPU from running.
const WRITERS_TURN: Duration = Duration::from_micros(20);

/// Waits a moment after an attempt that failed; counts it.
#[inline]
pub(super) fn wait(attempts: &mut u32) {
    *attempts += 1;
    if attempts.is_multiple_of(PATIENCE) {
        std::thread::sleep(WRITERS_TURN);
    } else {
        std::hint::spin_loop();
    }
}

#[cfg(test)]
#[path = "version_model.rs"]
mod model;
