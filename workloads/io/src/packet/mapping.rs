//! Ring memory that a packet socket shares with the kernel.

#![expect(unsafe_code, reason = "memory that the kernel writes frames into")]

use std::io;
use std::ptr::{self, NonNull};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use super::socket::{PacketSocket, doing};

/// All rings of one socket, mapped as one piece: the receive ring first, then the transmit ring.
///
/// Who owns a slot or block is said by its status word, which both sides read with acquire and write with
/// release.
#[derive(Debug)]
pub(super) struct Mapping {
    start: NonNull<u8>,
    len: usize,
    _socket: Arc<PacketSocket>,
}

// SAFETY: the mapping has no thread affinity. Its bytes are reached through unsafe functions only, whose
// callers own them, and its words are atomic.
unsafe impl Send for Mapping {}
// SAFETY: as above.
unsafe impl Sync for Mapping {}

/// A header that the kernel writes in front of a frame.
pub(super) trait Header: Copy {}
impl Header for libc::tpacket2_hdr {}
impl Header for libc::tpacket3_hdr {}

impl Mapping {
    /// Maps the `len` bytes of the rings that the socket was given.
    pub(super) fn new(socket: &Arc<PacketSocket>, len: usize) -> io::Result<Self> {
        // SAFETY: a fresh mapping of the socket's rings at an address of the kernel's choice.
        let map = unsafe {
            libc::mmap(
                ptr::null_mut(),
                len,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED | libc::MAP_POPULATE,
                socket.raw(),
                0,
            )
        };
        if map == libc::MAP_FAILED {
            let error = io::Error::last_os_error();
            return Err(doing("map the rings of a packet socket", error));
        }
        Ok(Self {
            start: NonNull::new(map.cast()).expect("mmap never returns null here"),
            len,
            _socket: Arc::clone(socket),
        })
    }

    fn at(&self, at: usize, len: usize) -> NonNull<u8> {
        let end = at.checked_add(len);
        assert!(
            end.is_some_and(|end| end <= self.len),
            "{len} bytes at {at} of a ring"
        );
        // SAFETY: the range was checked against the mapping.
        unsafe { self.start.add(at) }
    }

    fn word(&self, at: usize) -> &AtomicU32 {
        assert!(at.is_multiple_of(align_of::<AtomicU32>()));
        // SAFETY: the word lies in the mapping, which lives as long as `self`, and is aligned; both sides
        // access it atomically.
        unsafe { self.at(at, size_of::<AtomicU32>()).cast().as_ref() }
    }

    /// Reads a status word: what its writer had written before is seen afterwards.
    pub(super) fn status(&self, at: usize) -> u32 {
        self.word(at).load(Ordering::Acquire)
    }

    /// Writes a status word: who reads it sees everything that was written before.
    pub(super) fn set_status(&self, at: usize, status: u32) {
        self.word(at).store(status, Ordering::Release);
    }

    /// Reads a word of what a status word gave us.
    pub(super) fn u32(&self, at: usize) -> u32 {
        self.word(at).load(Ordering::Relaxed)
    }

    /// Writes a word of what is ours.
    pub(super) fn set_u32(&self, at: usize, value: u32) {
        self.word(at).store(value, Ordering::Relaxed);
    }

    /// Reads the header of a frame that a status word gave us.
    pub(super) fn header<H: Header>(&self, at: usize) -> H {
        // SAFETY: the range lies in the mapping; the trait's types are plain integers, for which any bytes
        // are a value; the kernel wrote them before it gave the frame away.
        unsafe { self.at(at, size_of::<H>()).cast::<H>().read_unaligned() }
    }

    /// Bytes of a frame.
    ///
    /// # Safety
    /// The status word gave them to the caller, who has not given them back, and nobody else reads or
    /// writes them while the slice lives.
    #[expect(
        clippy::mut_from_ref,
        reason = "ownership is per frame, not per mapping"
    )]
    pub(super) unsafe fn bytes(&self, at: usize, len: usize) -> &mut [u8] {
        // SAFETY: the range was checked against the mapping; the caller alone uses it.
        unsafe { std::slice::from_raw_parts_mut(self.at(at, len).as_ptr(), len) }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: unmaps exactly what `new` mapped; words and slices die with `self`.
        unsafe { libc::munmap(self.start.as_ptr().cast(), self.len) };
    }
}
