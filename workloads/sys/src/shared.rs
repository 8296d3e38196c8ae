//! Memory that processes share: one makes it, others find it under its path.
//!
//! A sealed memfd (memfd_create(2)): nobody can shorten it under a process that has it mapped, and it is
//! gone with the last process that holds it, also after `kill -9`.
#![expect(unsafe_code, reason = "mmap and the words that it mapped")]

use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::path::{Path, PathBuf};
use std::ptr::NonNull;
use std::sync::atomic::AtomicU64;

use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, ftruncate, memfd_create};
use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};

use crate::error::Doing;

const WORD: usize = size_of::<AtomicU64>();

/// Shared, zeroed memory, mapped.
#[derive(Debug)]
pub struct Shared {
    start: NonNull<AtomicU64>,
    words: usize,
    file: File,
}

// SAFETY: the mapping has no thread affinity, and gives out atomic words only.
unsafe impl Send for Shared {}
// SAFETY: as for `Send`.
unsafe impl Sync for Shared {}

impl Shared {
    /// Makes memory of so many words, all 0; `name` shows in /proc.
    ///
    /// # Errors
    /// When there is no such memory.
    pub fn create(name: &str, words: usize) -> io::Result<Self> {
        let make = || {
            let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
            let file = memfd_create(name, flags)?;
            ftruncate(&file, (words * WORD) as u64)?;
            let seals = SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL;
            fcntl_add_seals(&file, seals)?;
            Self::map(File::from(file))
        };
        make().doing(|| format!("share {} bytes of memory", words * WORD))
    }

    /// Maps what another process made, by its [`path`](Self::path).
    ///
    /// # Errors
    /// When there is no such memory, or this process may not have it.
    pub fn open(path: &Path) -> io::Result<Self> {
        let open = || {
            let file = OpenOptions::new().read(true).write(true).open(path)?;
            Self::map(file)
        };
        open().doing(|| format!("open the shared memory {}", path.display()))
    }

    fn map(file: File) -> io::Result<Self> {
        let bytes = usize::try_from(file.metadata()?.len()).map_err(io::Error::other)?;
        let access = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: a mapping at an address that the kernel chooses touches no existing memory.
        let start = unsafe {
            mmap(
                std::ptr::null_mut(),
                bytes,
                access,
                MapFlags::SHARED | MapFlags::POPULATE,
                file.as_fd(),
                0,
            )
        }?;
        Ok(Self {
            start: NonNull::new(start.cast()).ok_or(io::ErrorKind::OutOfMemory)?,
            words: bytes / WORD,
            file,
        })
    }

    /// Where other processes of the same user find it, as long as this value lives.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        let (pid, fd) = (std::process::id(), self.file.as_raw_fd());
        PathBuf::from(format!("/proc/{pid}/fd/{fd}"))
    }

    /// All of it. Whatever another process writes, each word that is read was written by somebody.
    #[must_use]
    pub fn words(&self) -> &[AtomicU64] {
        // SAFETY: so many words are mapped, page-aligned and initialised (zero pages), the seal keeps
        // the file from shrinking, and atomics may be shared with anybody.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.words) }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        // SAFETY: exactly the mapping that was made, which nothing borrows any more.
        let unmapped = unsafe { munmap(self.start.as_ptr().cast(), self.words * WORD) };
        debug_assert!(unmapped.is_ok());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::Ordering::Relaxed;

    #[test]
    fn what_one_writes_the_other_reads() {
        let made = Shared::create("steerbench-test", 1000).unwrap();
        let found = Shared::open(&made.path()).unwrap();
        assert_eq!(found.words().len(), 1000);
        made.words()[999].store(7, Relaxed);
        assert_eq!(found.words()[999].load(Relaxed), 7);
        assert_eq!(found.words()[0].load(Relaxed), 0);
    }

    #[test]
    fn it_cannot_be_shortened_and_is_gone_with_its_maker() {
        let made = Shared::create("steerbench-test", 1000).unwrap();
        let path = made.path();
        let other = OpenOptions::new().write(true).open(&path).unwrap();
        assert!(other.set_len(8).is_err());
        drop((made, other));
        let refused = Shared::open(&path).unwrap_err().to_string();
        assert!(refused.contains("shared memory"), "{refused}");
    }
}
