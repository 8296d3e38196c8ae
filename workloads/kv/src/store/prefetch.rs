//! Asking the processor for a cache line before it is needed.
#![allow(unsafe_code)]

/// Starts loading the line that holds `memory[at]` into every cache level; nothing happens when
/// `at` is out of range or the architecture has no such instruction here.
#[inline]
pub(super) fn prefetch<T>(memory: &[T], at: usize) {
    let Some(place) = memory.get(at) else { return };
    #[cfg(target_arch = "x86_64")]
    // SAFETY: prefetching has no architectural effect and never faults; the address is valid.
    unsafe {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T0>(std::ptr::from_ref(place).cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = place;
}

/// Bytes of a cache line.
const LINE: usize = 64;

/// Starts loading the lines that hold `len` elements from `from` on. Where they begin within a line, they end
/// in one more than they fill.
#[inline]
pub(super) fn prefetch_span<T>(memory: &[T], from: usize, len: usize) {
    let step = LINE / size_of::<T>();
    (from..from + len)
        .step_by(step)
        .for_each(|at| prefetch(memory, at));
    prefetch(memory, from + len - 1);
}
