//! Frames in memory of the process' own, and the memory that they give back.

use crate::frame::{FrameMut, Port, TAILROOM};

/// Free bytes in front of a received frame: the 64 that are promised, those of a VLAN tag that may be put
/// back, and so many more that the network header lies at a multiple of 16.
pub(super) const FRONT: usize = 82;

/// A frame in memory of its own.
#[derive(Debug)]
pub struct OwnFrame {
    bytes: Box<[u8]>,
    at: u32,
    len: u32,
    port: Port,
}

impl OwnFrame {
    pub(super) const fn port(&self) -> Port {
        self.port
    }

    pub(super) fn view(&mut self) -> FrameMut<'_> {
        FrameMut::new(&mut self.bytes, &mut self.at, &mut self.len)
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes[self.at as usize..][..self.len as usize]
    }

    /// Where a frame is received into, all but what is promised behind it; [`received`](Self::received) tells its length.
    pub(super) fn room(&mut self) -> &mut [u8] {
        let end = self.bytes.len() - TAILROOM;
        &mut self.bytes[self.at as usize..end]
    }

    pub(super) fn received(&mut self, len: usize) {
        self.len = len as u32;
    }

    /// Takes over a copy of another frame's bytes, which its memory must have room for.
    pub(super) fn copy(&mut self, bytes: &[u8]) {
        self.room()[..bytes.len()].copy_from_slice(bytes);
        self.received(bytes.len());
    }
}

/// Memory for frames, all pieces of one size; it grows to what was once used at a time.
#[derive(Debug)]
pub(super) struct Pool {
    free: Vec<Box<[u8]>>,
    size: usize,
}

impl Pool {
    pub(super) const fn new(size: usize) -> Self {
        Self {
            free: Vec::new(),
            size,
        }
    }

    /// An empty frame.
    pub(super) fn take(&mut self, port: Port) -> OwnFrame {
        let bytes = self.free.pop();
        OwnFrame {
            bytes: bytes.unwrap_or_else(|| vec![0; self.size].into_boxed_slice()),
            at: FRONT as u32,
            len: 0,
            port,
        }
    }

    /// Takes a frame's memory back, or that of another pool with pieces of the same size.
    pub(super) fn put(&mut self, frame: OwnFrame) {
        assert_eq!(frame.bytes.len(), self.size, "memory of another size");
        self.free.push(frame.bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::HEADROOM;

    #[test]
    fn memory_goes_round_and_a_frame_begins_empty_behind_its_headroom() {
        const LONGEST: usize = 256 - FRONT - TAILROOM;
        let mut pool = Pool::new(256);
        let mut frame = pool.take(Port(1));
        assert_eq!(frame.room().len(), LONGEST);
        frame.copy(&[7; LONGEST]);
        assert_eq!((frame.port(), frame.bytes()), (Port(1), &[7; LONGEST][..]));
        frame.view().grow_front(HEADROOM).unwrap();
        frame.view().grow_back(TAILROOM).unwrap();
        let memory = frame.bytes.as_ptr();
        pool.put(frame);
        let mut again = pool.take(Port(0));
        assert_eq!(again.bytes.as_ptr(), memory);
        assert!(again.bytes().is_empty() && again.view().headroom() >= HEADROOM);
        assert_ne!(pool.take(Port(0)).bytes.as_ptr(), memory);
    }
}
