//! The packet memory that all sockets of one device share, cut into equal chunks.
//!
//! Each receive queue owns a fixed range of chunks for ever: a frame comes out of the queue's
//! FILL ring, is answered through a socket of the same queue and returns through the queue's
//! COMPLETION ring. So the frames of a queue are conserved and can be counted.

#![expect(
    unsafe_code,
    reason = "anonymous memory that the kernel writes packets into"
)]

use std::io;
use std::slice;
use std::sync::atomic::{AtomicU32, Ordering};

use sys::mem::{HugePages, Region};

/// Bytes that the kernel leaves free before each received packet (XDP_PACKET_HEADROOM).
pub const HEADROOM: usize = 256;

static NEXT_ID: AtomicU32 = AtomicU32::new(0);

/// One mapped packet memory.
#[derive(Debug)]
pub struct Umem {
    memory: Region,
    chunk: usize,
    id: u32,
}

impl Umem {
    /// Maps `frames` chunks of `chunk` bytes (2048 or 4096), touched, so that no page fault
    /// happens while packets flow.
    ///
    /// # Errors
    /// When the memory cannot be mapped.
    pub fn new(frames: usize, chunk: usize) -> io::Result<Self> {
        assert!(
            chunk == 2048 || chunk == 4096,
            "the kernel takes chunks of 2048 or 4096 bytes"
        );
        let len = frames
            .checked_mul(chunk)
            .ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
        Ok(Self {
            memory: Region::new(len, HugePages::Never, true)?,
            chunk,
            id: NEXT_ID.fetch_add(1, Ordering::Relaxed),
        })
    }

    /// The address of the memory, for registration.
    #[must_use]
    pub fn base(&self) -> *mut u8 {
        self.memory.as_ptr()
    }

    /// Bytes mapped.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "a UMEM has at least one chunk")]
    pub fn len(&self) -> usize {
        self.memory.len()
    }

    /// Bytes per chunk.
    #[must_use]
    pub fn chunk(&self) -> usize {
        self.chunk
    }

    /// Tells this memory from others of the process.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.id
    }

    /// The start of the chunk that `addr` lies in: received addresses keep their headroom.
    #[must_use]
    pub fn chunk_of(&self, addr: u64) -> u64 {
        addr & !(self.chunk as u64 - 1)
    }

    fn check(&self, addr: u64, len: usize) -> usize {
        let at = usize::try_from(addr).expect("an address in the UMEM");
        let end = at.checked_add(len).expect("an address in the UMEM");
        let offset = at & (self.chunk - 1);
        assert!(
            end <= self.len() && offset + len <= self.chunk,
            "frame outside its chunk"
        );
        at
    }

    /// The bytes of a frame.
    ///
    /// # Safety
    /// The caller owns the chunk: it took it out of a ring, or never posted it, and nobody
    /// writes to it while the slice lives.
    ///
    /// # Panics
    /// When the range leaves its chunk.
    #[must_use]
    pub unsafe fn slice(&self, addr: u64, len: usize) -> &[u8] {
        let at = self.check(addr, len);
        // SAFETY: the range was checked against the mapping; the caller owns the chunk.
        unsafe { slice::from_raw_parts(self.memory.as_ptr().add(at), len) }
    }

    /// Takes the note of `N` words in front of a received frame out of the chunk, so that the next packet there is not
    /// taken for one that has a note. `read` tells a note from other words.
    ///
    /// # Safety
    /// As for [`slice_mut`](Self::slice_mut).
    #[must_use]
    pub unsafe fn take_note<const N: usize, T>(
        &self,
        addr: u64,
        read: impl FnOnce([u64; N]) -> Option<T>,
    ) -> Option<T> {
        let len = size_of::<[u64; N]>();
        if addr - self.chunk_of(addr) < len as u64 {
            return None;
        }
        // SAFETY: passed on to the caller.
        let bytes = unsafe { self.slice_mut(addr - len as u64, len) };
        let (words, _) = bytes.as_chunks::<8>();
        let note = read(std::array::from_fn(|at| u64::from_ne_bytes(words[at])));
        if note.is_some() {
            bytes.fill(0);
        }
        note
    }

    /// The bytes of a frame, to write.
    ///
    /// # Safety
    /// As for [`slice`](Self::slice), and nobody else reads or writes it meanwhile.
    ///
    /// # Panics
    /// When the range leaves its chunk.
    #[must_use]
    #[expect(
        clippy::mut_from_ref,
        reason = "ownership is per chunk, not per memory"
    )]
    pub unsafe fn slice_mut(&self, addr: u64, len: usize) -> &mut [u8] {
        let at = self.check(addr, len);
        // SAFETY: the range was checked against the mapping; the caller alone uses the chunk.
        unsafe { slice::from_raw_parts_mut(self.memory.as_ptr().add(at), len) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use steering::KeyNote;
    use steering::note::NOTE_LEN;

    #[test]
    fn an_address_with_headroom_leads_back_to_its_chunk() {
        let umem = Umem::new(4, 2048).unwrap();
        assert_eq!(umem.len(), 8192);
        assert_eq!(umem.chunk_of(2048 + 256), 2048);
        assert_eq!(umem.chunk_of(2048 + 256 - 32), 2048);
        assert_eq!(umem.chunk_of(4096), 4096);
    }

    #[test]
    fn what_is_written_to_a_frame_is_read_from_it() {
        let umem = Umem::new(2, 2048).unwrap();
        // SAFETY: nothing else uses this memory.
        unsafe { umem.slice_mut(2048, 2) }.copy_from_slice(b"ab");
        // SAFETY: as above.
        assert_eq!(unsafe { umem.slice(2047, 1) }, [0]);
        // SAFETY: as above.
        assert_eq!(unsafe { umem.slice(2048, 2) }, b"ab");
    }

    #[test]
    fn a_note_is_taken_once_and_never_out_of_another_chunk() {
        let umem = Umem::new(2, 2048).unwrap();
        let note = KeyNote::new(7, 54, 16);
        let put = |addr: u64| {
            let bytes: Vec<u8> = note
                .words()
                .iter()
                .flat_map(|word| word.to_ne_bytes())
                .collect();
            // SAFETY: nothing else uses this memory.
            unsafe { umem.slice_mut(addr - NOTE_LEN as u64, NOTE_LEN) }.copy_from_slice(&bytes);
        };
        put(2048 + 256);
        put(2048);
        // SAFETY: nothing else uses this memory.
        let take = |addr| unsafe { umem.take_note(addr, KeyNote::of_words) };
        assert_eq!(take(2048 + 256), Some(note));
        assert_eq!(take(2048 + 256), None);
        assert_eq!(take(2048), None);
        assert_eq!(take(2048 + 8), None);
    }

    #[test]
    #[should_panic(expected = "frame outside its chunk")]
    fn a_range_across_chunks_is_refused() {
        let umem = Umem::new(2, 2048).unwrap();
        // SAFETY: the call panics before it touches memory.
        let _ = unsafe { umem.slice(2000, 100) };
    }
}
