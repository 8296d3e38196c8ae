//! A ring in memory that is shared with the kernel.

#![expect(
    unsafe_code,
    reason = "the rings of AF_XDP are mappings that the kernel writes to"
)]

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::ptr::{self, NonNull};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use libc::{xdp_desc, xdp_ring_offset};

use super::ring::{Consumer, Producer, RingMemory, Watch};

/// One mapped ring, unmapped on drop. It holds its socket open, so that the descriptor closes after
/// the last mapping is gone: the queue stays busy while a ring is still mapped.
#[derive(Debug)]
pub struct KernelRing<S> {
    map: NonNull<u8>,
    map_len: usize,
    producer: NonNull<AtomicU32>,
    consumer: NonNull<AtomicU32>,
    flags: NonNull<AtomicU32>,
    slots: NonNull<S>,
    size: u32,
    // The descriptor must outlive the mapping, and the mapping must go first.
    _socket: Arc<OwnedFd>,
}

// SAFETY: the mapping has no thread affinity, and a ring is used by one side only, which
// `Producer` and `Consumer` guarantee by owning it.
unsafe impl<S: Send> Send for KernelRing<S> {}

impl<S> KernelRing<S> {
    pub(super) fn map(
        socket: &Arc<OwnedFd>,
        offsets: &xdp_ring_offset,
        size: u32,
        page_offset: libc::off_t,
    ) -> io::Result<Self> {
        let map_len = offsets.desc as usize + size as usize * size_of::<S>();
        // SAFETY: a fresh mapping of the socket's ring at an address of the kernel's choice.
        let map = unsafe {
            libc::mmap(
                ptr::null_mut(),
                map_len,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED | libc::MAP_POPULATE,
                socket.as_raw_fd(),
                page_offset,
            )
        };
        if map == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let map = NonNull::new(map.cast::<u8>()).expect("mmap never returns null here");
        // SAFETY: the kernel gave these offsets for this mapping; the fields are aligned there.
        let at = |offset: u64| unsafe { map.add(offset as usize) };
        Ok(Self {
            map,
            map_len,
            producer: at(offsets.producer).cast(),
            consumer: at(offsets.consumer).cast(),
            flags: at(offsets.flags).cast(),
            slots: at(offsets.desc).cast(),
            size,
            _socket: Arc::clone(socket),
        })
    }

    fn word(&self, word: NonNull<AtomicU32>) -> &AtomicU32 {
        // SAFETY: the pointer lies in the mapping, which lives as long as `self`, and both
        // sides access the word atomically.
        unsafe { word.as_ref() }
    }
}

impl<S: Copy> RingMemory for KernelRing<S> {
    type Slot = S;

    fn size(&self) -> u32 {
        self.size
    }

    fn load_producer(&self) -> u32 {
        self.word(self.producer).load(Ordering::Acquire)
    }

    fn store_producer(&self, index: u32) {
        self.word(self.producer).store(index, Ordering::Release);
    }

    fn load_consumer(&self) -> u32 {
        self.word(self.consumer).load(Ordering::Acquire)
    }

    fn store_consumer(&self, index: u32) {
        self.word(self.consumer).store(index, Ordering::Release);
    }

    fn read(&self, slot: u32) -> S {
        assert!(slot < self.size);
        // SAFETY: the slot lies in the mapping; the kernel filled it before it moved its index.
        unsafe { self.slots.add(slot as usize).read() }
    }

    fn write(&self, slot: u32, value: S) {
        assert!(slot < self.size);
        // SAFETY: the slot lies in the mapping; the kernel does not read it before we publish.
        unsafe { self.slots.add(slot as usize).write(value) };
    }

    fn needs_wakeup(&self) -> bool {
        self.word(self.flags).load(Ordering::Relaxed) & libc::XDP_RING_NEED_WAKEUP != 0
    }
}

impl<S> Drop for KernelRing<S> {
    fn drop(&mut self) {
        // SAFETY: unmaps exactly what `map` mapped; the words and slots die with `self`.
        unsafe { libc::munmap(self.map.as_ptr().cast(), self.map_len) };
    }
}

/// A look at an RX ring by a thread that neither fills nor empties it.
pub type RxWatch = Watch<KernelRing<xdp_desc>>;
/// The user's end of an RX ring.
pub type RxRing = Consumer<KernelRing<xdp_desc>>;
/// The user's end of a TX ring.
pub type TxRing = Producer<KernelRing<xdp_desc>>;
/// The user's end of a FILL ring.
pub type FillRing = Producer<KernelRing<u64>>;
/// The user's end of a COMPLETION ring.
pub type CompletionRing = Consumer<KernelRing<u64>>;
