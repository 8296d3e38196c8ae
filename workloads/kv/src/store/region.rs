//! The one region of memory that a shard owns.

use super::shard::ShardError;

/// Bytes between two writes that touch every page.
const PAGE: usize = 4096;

/// Zeroed memory of fixed size. Every page is written once by the thread that makes it, so that
/// the kernel's first-touch policy places it on that thread's NUMA node and no request pays for
/// a page fault later.
#[derive(Debug)]
pub(super) struct Region(Vec<u8>);

impl Region {
    pub(super) fn new(bytes: usize) -> Result<Self, ShardError> {
        // Zeroed allocation cannot fail gracefully, so what it will ask for is asked for first.
        Vec::<u8>::new()
            .try_reserve_exact(bytes)
            .map_err(|_| ShardError::NoMemory { bytes })?;
        let mut memory = vec![0; bytes];
        for at in (0..bytes).step_by(PAGE) {
            memory[at] = std::hint::black_box(0);
        }
        Ok(Self(memory))
    }

    #[inline]
    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }

    #[inline]
    pub(super) fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.0
    }

    /// `N` bytes at `at`, which lies inside the region by construction of its caller.
    #[inline]
    pub(super) fn read<const N: usize>(&self, at: usize) -> [u8; N] {
        let mut out = [0; N];
        out.copy_from_slice(&self.0[at..at + N]);
        out
    }

    #[inline]
    pub(super) fn write(&mut self, at: usize, bytes: &[u8]) {
        self.0[at..at + bytes.len()].copy_from_slice(bytes);
    }
}
