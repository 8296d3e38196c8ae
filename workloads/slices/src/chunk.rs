//! A frame in memory, for tests.

use pktio::frame::FrameMut;

/// A frame as AF_XDP gives it: in a chunk of 2 KiB with 256 bytes of headroom.
#[derive(Clone)]
pub(crate) struct Chunk {
    bytes: Vec<u8>,
    at: u32,
    len: u32,
}

impl Chunk {
    const LEN: usize = 2048;
    const HEADROOM: usize = 256;

    pub(crate) fn new(frame: &[u8]) -> Self {
        let mut bytes = vec![0xcc; Self::LEN];
        bytes[Self::HEADROOM..Self::HEADROOM + frame.len()].copy_from_slice(frame);
        Self {
            bytes,
            at: Self::HEADROOM as u32,
            len: frame.len() as u32,
        }
    }

    /// The frame's bytes.
    pub(crate) fn seen(&self) -> &[u8] {
        &self.bytes[self.at as usize..][..self.len as usize]
    }

    pub(crate) fn frame(&mut self) -> FrameMut<'_> {
        FrameMut::new(&mut self.bytes, &mut self.at, &mut self.len)
    }
}
