//! Anonymous memory, on huge pages where they can be had, and the limit on locked memory.
//!
//! Stores and packet buffers are allocated by the thread that will use them: pages are placed on the
//! NUMA node of the CPU that first touches them.
#![expect(unsafe_code, reason = "mmap and slices of what it mapped")]

use std::io;
use std::ptr::NonNull;

use rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mmap_anonymous, munmap};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde::{Deserialize, Serialize};

use crate::error::Doing;

const HUGE_PAGE: usize = 2 << 20;
const SMALL_PAGE: usize = 4096;

/// Which pages are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HugePages {
    /// Ordinary pages only, also no transparent huge pages: the most repeatable.
    Never,
    /// 2 MiB pages from the reserved pool (`vm.nr_hugepages`), else transparent ones as the kernel
    /// finds them.
    Try,
    /// 2 MiB pages from the reserved pool, or an error.
    Require,
}

/// Which pages were obtained.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pages {
    /// Ordinary pages.
    Small,
    /// Ordinary pages that the kernel may join to huge ones.
    Transparent,
    /// Reserved 2 MiB pages.
    Huge,
}

impl Pages {
    /// The name under which results tell it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Small => "small",
            Self::Transparent => "transparent huge",
            Self::Huge => "huge",
        }
    }
}

/// A private, zeroed region of memory, aligned to its pages.
#[derive(Debug)]
pub struct Region {
    start: NonNull<u8>,
    len: usize,
    mapped: usize,
    pages: Pages,
}

// SAFETY: a region is memory that it alone owns, as a boxed slice is.
unsafe impl Send for Region {}
// SAFETY: shared references give only `&[u8]` and a pointer, whose use is the unsafe of others.
unsafe impl Sync for Region {}

impl Region {
    /// Maps `len` bytes. With `populate` every page exists when this returns, placed for the calling
    /// thread's CPU; else each comes into being when first touched.
    ///
    /// # Errors
    /// `InvalidInput` for 0 bytes; `OutOfMemory` when there is not so much, or not so much in huge
    /// pages when those are required.
    pub fn new(len: usize, huge: HugePages, populate: bool) -> io::Result<Self> {
        if len == 0 {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "a region of 0 bytes",
            ));
        }
        match huge {
            HugePages::Never => Self::small(len, populate, false),
            HugePages::Try => {
                Self::reserved(len, populate).or_else(|_| Self::small(len, populate, true))
            }
            HugePages::Require => Self::reserved(len, populate),
        }
        .doing(|| format!("map {len} bytes of memory"))
    }

    fn reserved(len: usize, populate: bool) -> io::Result<Self> {
        let flags = MapFlags::HUGETLB | MapFlags::HUGE_2MB | populated(populate);
        let mapped = len
            .checked_next_multiple_of(HUGE_PAGE)
            .ok_or(io::ErrorKind::OutOfMemory)?;
        let start = map(mapped, flags)?;
        Ok(Self {
            start,
            len,
            mapped,
            pages: Pages::Huge,
        })
    }

    fn small(len: usize, populate: bool, transparent: bool) -> io::Result<Self> {
        let mapped = len
            .checked_next_multiple_of(SMALL_PAGE)
            .ok_or(io::ErrorKind::OutOfMemory)?;
        let start = map(mapped, MapFlags::empty())?;
        let mut region = Self {
            start,
            len,
            mapped,
            pages: Pages::Small,
        };
        let advice = if transparent {
            Advice::LinuxHugepage
        } else {
            Advice::LinuxNoHugepage
        };
        // SAFETY: the range is the mapping that `region` owns, and the advice changes no contents.
        let advised = unsafe { madvise(region.start.as_ptr().cast(), mapped, advice) };
        // A kernel without transparent huge pages refuses the advice and has small pages anyway.
        if transparent && advised.is_ok() {
            region.pages = Pages::Transparent;
        }
        if populate {
            region.touch();
        }
        Ok(region)
    }

    /// Writes to each page once, so that it exists.
    fn touch(&mut self) {
        for at in (0..self.len).step_by(SMALL_PAGE) {
            // SAFETY: `at` lies in the region, which is mapped, writable and borrowed exclusively;
            // volatile, since a plain write of the 0 that is there may be left out.
            unsafe { self.start.as_ptr().add(at).write_volatile(0) };
        }
    }

    /// Its length in bytes, as asked for.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Never true: a region has at least one byte.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Which pages it has.
    #[must_use]
    pub fn pages(&self) -> Pages {
        self.pages
    }

    /// Its first byte, for those who share it with a kernel or other threads and keep the rules of
    /// aliasing themselves. Valid as long as the region.
    #[must_use]
    pub fn as_ptr(&self) -> *mut u8 {
        self.start.as_ptr()
    }

    /// Its bytes.
    #[must_use]
    pub fn as_slice(&self) -> &[u8] {
        // SAFETY: the region is mapped, initialised (zero pages) and lives as long as `self`; the only
        // safe way to write is through `&mut self`.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.len) }
    }

    /// Its bytes, to be written.
    #[must_use]
    pub fn as_mut_slice(&mut self) -> &mut [u8] {
        // SAFETY: as in `as_slice`, and `self` is borrowed exclusively.
        unsafe { std::slice::from_raw_parts_mut(self.start.as_ptr(), self.len) }
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        // SAFETY: exactly the mapping that was made, which nothing borrows any more.
        let unmapped = unsafe { munmap(self.start.as_ptr().cast(), self.mapped) };
        debug_assert!(unmapped.is_ok());
    }
}

fn populated(populate: bool) -> MapFlags {
    if populate {
        MapFlags::POPULATE
    } else {
        MapFlags::empty()
    }
}

fn map(len: usize, flags: MapFlags) -> io::Result<NonNull<u8>> {
    let access = ProtFlags::READ | ProtFlags::WRITE;
    // SAFETY: an anonymous mapping at an address that the kernel chooses touches no existing memory.
    let start =
        unsafe { mmap_anonymous(std::ptr::null_mut(), len, access, MapFlags::PRIVATE | flags) }?;
    NonNull::new(start.cast()).ok_or_else(|| io::ErrorKind::OutOfMemory.into())
}

/// Lifts the limit on locked memory, which AF_XDP packet buffers and (before Linux 5.11) eBPF maps
/// count against. True when there is no limit afterwards.
///
/// # Errors
/// When the limit cannot be changed at all; not being allowed to lift it fully is no error.
pub fn raise_memory_lock_limit() -> io::Result<bool> {
    let unlimited = Rlimit {
        current: None,
        maximum: None,
    };
    if setrlimit(Resource::Memlock, unlimited).is_ok() {
        return Ok(true);
    }
    let maximum = getrlimit(Resource::Memlock).maximum;
    setrlimit(
        Resource::Memlock,
        Rlimit {
            current: maximum,
            maximum,
        },
    )
    .doing(|| "raise the limit on locked memory".to_owned())?;
    Ok(maximum.is_none())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_region_is_zeroed_aligned_and_writable_to_its_last_byte() {
        for huge in [HugePages::Never, HugePages::Try] {
            let mut region = Region::new(5_000, huge, true).unwrap();
            assert_eq!((region.len(), region.is_empty()), (5_000, false));
            assert_eq!(region.as_ptr() as usize % SMALL_PAGE, 0);
            assert!(region.as_slice().iter().all(|&byte| byte == 0));
            region.as_mut_slice()[4_999] = 7;
            assert_eq!(region.as_slice().last(), Some(&7));
        }
    }

    #[test]
    fn what_was_obtained_is_told() {
        assert_eq!(
            Region::new(1, HugePages::Never, false).unwrap().pages(),
            Pages::Small
        );
        let tried = Region::new(1, HugePages::Try, false).unwrap().pages();
        match Region::new(1, HugePages::Require, false) {
            Ok(region) => assert_eq!((region.pages(), tried), (Pages::Huge, Pages::Huge)),
            Err(error) => {
                assert_ne!(tried, Pages::Huge);
                assert_eq!(error.kind(), io::ErrorKind::OutOfMemory, "{error}");
            }
        }
    }

    #[test]
    fn impossible_sizes_are_refused() {
        assert!(Region::new(0, HugePages::Try, false).is_err());
        assert!(Region::new(usize::MAX, HugePages::Try, false).is_err());
        assert!(Region::new(usize::MAX / 2, HugePages::Never, false).is_err());
    }

    #[test]
    fn a_populated_region_is_resident() {
        let resident = || {
            let text = std::fs::read_to_string("/proc/self/statm").unwrap();
            text.split_whitespace()
                .nth(1)
                .unwrap()
                .parse::<usize>()
                .unwrap()
        };
        let before = resident();
        let region = Region::new(64 << 20, HugePages::Never, true).unwrap();
        assert!(resident() >= before + region.len() / SMALL_PAGE / 2);
    }
}
