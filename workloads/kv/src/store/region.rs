//! The one region of memory that a store owns.

use sys::mem::{HugePages, Pages};

use super::shard::ShardError;

/// Zeroed memory of fixed size, on huge pages where they can be had. Every page is touched once by
/// the thread that makes it, so that the kernel's first-touch policy places it on that thread's
/// NUMA node and no request pays for a page fault later.
#[derive(Debug)]
pub(super) struct Region(sys::mem::Region);

impl Region {
    pub(super) fn new(bytes: usize) -> Result<Self, ShardError> {
        sys::mem::Region::new(bytes, HugePages::Try, true)
            .map(Self)
            .map_err(|_| ShardError::NoMemory { bytes })
    }

    /// Which pages were obtained.
    pub(super) fn pages(&self) -> Pages {
        self.0.pages()
    }

    #[inline]
    pub(super) fn bytes(&self) -> &[u8] {
        self.0.as_slice()
    }

    #[inline]
    pub(super) fn bytes_mut(&mut self) -> &mut [u8] {
        self.0.as_mut_slice()
    }

    /// `N` bytes at `at`, which lies inside the region by construction of its caller.
    #[inline]
    pub(super) fn read<const N: usize>(&self, at: usize) -> [u8; N] {
        let mut out = [0; N];
        out.copy_from_slice(&self.bytes()[at..at + N]);
        out
    }

    #[inline]
    pub(super) fn write(&mut self, at: usize, bytes: &[u8]) {
        self.bytes_mut()[at..at + bytes.len()].copy_from_slice(bytes);
    }

    /// The mapping, for those who share it between threads.
    pub(super) fn into_mapping(self) -> sys::mem::Region {
        self.0
    }
}
