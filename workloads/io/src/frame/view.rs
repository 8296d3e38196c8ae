//! A frame's bytes inside the memory that it owns.

use std::fmt;

/// A frame's bytes, and the room around them into which it can grow without being copied: what a tunnel
/// puts in front of a packet, or behind it.
#[derive(Debug)]
pub struct FrameMut<'a> {
    chunk: &'a mut [u8],
    at: &'a mut u32,
    len: &'a mut u32,
}

/// A frame cannot grow by so much: its memory ends there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoRoom {
    /// Bytes asked for.
    pub wanted: usize,
    /// Bytes that are free on that side.
    pub free: usize,
}

impl fmt::Display for NoRoom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the frame cannot grow by {} bytes, {} are free",
            self.wanted, self.free
        )
    }
}

impl std::error::Error for NoRoom {}

impl<'a> FrameMut<'a> {
    /// The frame at `at`, `len` bytes long, in `chunk`: the memory that it owns. Both are updated as the
    /// frame grows and shrinks.
    ///
    /// # Panics
    /// When the frame does not lie inside its memory.
    #[must_use]
    pub fn new(chunk: &'a mut [u8], at: &'a mut u32, len: &'a mut u32) -> Self {
        assert!(
            *at as usize + *len as usize <= chunk.len(),
            "a frame of {len} bytes at {at} in {} bytes",
            chunk.len()
        );
        Self { chunk, at, len }
    }

    /// The frame's bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.chunk[*self.at as usize..][..*self.len as usize]
    }

    /// The frame's bytes, to be changed in place.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.chunk[*self.at as usize..][..*self.len as usize]
    }

    /// Free bytes in front of the frame.
    #[must_use]
    pub fn headroom(&self) -> usize {
        *self.at as usize
    }

    /// Free bytes behind the frame.
    #[must_use]
    pub fn tailroom(&self) -> usize {
        self.chunk.len() - *self.at as usize - *self.len as usize
    }

    /// The frame begins `count` bytes earlier; what these hold is not defined until they are written.
    ///
    /// # Errors
    /// When there are not so many in front; nothing is changed then.
    pub fn grow_front(&mut self, count: usize) -> Result<(), NoRoom> {
        let wanted = fits(count, self.headroom())?;
        *self.at -= wanted;
        *self.len += wanted;
        Ok(())
    }

    /// The frame ends `count` bytes later; what these hold is not defined until they are written.
    ///
    /// # Errors
    /// When there are not so many behind; nothing is changed then.
    pub fn grow_back(&mut self, count: usize) -> Result<(), NoRoom> {
        *self.len += fits(count, self.tailroom())?;
        Ok(())
    }

    /// The frame begins `count` bytes later.
    ///
    /// # Errors
    /// When the frame is shorter; nothing is changed then.
    pub fn shrink_front(&mut self, count: usize) -> Result<(), NoRoom> {
        let dropped = fits(count, *self.len as usize)?;
        *self.at += dropped;
        *self.len -= dropped;
        Ok(())
    }

    /// The frame ends `count` bytes earlier.
    ///
    /// # Errors
    /// When the frame is shorter; nothing is changed then.
    pub fn shrink_back(&mut self, count: usize) -> Result<(), NoRoom> {
        *self.len -= fits(count, *self.len as usize)?;
        Ok(())
    }
}

fn fits(wanted: usize, free: usize) -> Result<u32, NoRoom> {
    if wanted <= free {
        // A frame's memory is addressed by 32 bits.
        Ok(wanted as u32)
    } else {
        Err(NoRoom { wanted, free })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_grows_and_shrinks_inside_its_memory() {
        let mut chunk = *b"....frame..";
        let (mut at, mut len) = (4, 5);
        let mut frame = FrameMut::new(&mut chunk, &mut at, &mut len);
        assert_eq!(frame.bytes(), b"frame");
        assert_eq!((frame.headroom(), frame.tailroom()), (4, 2));
        frame.grow_front(4).unwrap();
        frame.grow_back(2).unwrap();
        assert_eq!(frame.bytes(), b"....frame..");
        frame.shrink_front(6).unwrap();
        frame.shrink_back(3).unwrap();
        assert_eq!(frame.bytes(), b"am");
        frame.bytes_mut().copy_from_slice(b"OO");
        assert_eq!((at, len), (6, 2));
        assert_eq!(&chunk, b"....frOOe..");
    }

    #[test]
    fn what_does_not_fit_changes_nothing() {
        let mut chunk = [0; 8];
        let (mut at, mut len) = (2, 5);
        let mut frame = FrameMut::new(&mut chunk, &mut at, &mut len);
        let refused = |wanted, free| Err(NoRoom { wanted, free });
        assert_eq!(frame.grow_front(3), refused(3, 2));
        assert_eq!(frame.grow_back(2), refused(2, 1));
        assert_eq!(frame.shrink_front(6), refused(6, 5));
        assert_eq!(frame.shrink_back(6), refused(6, 5));
        assert_eq!((at, len), (2, 5));
    }

    #[test]
    #[should_panic(expected = "in 8 bytes")]
    fn a_frame_outside_its_memory_is_none() {
        let (mut at, mut len) = (4, 5);
        let _ = FrameMut::new(&mut [0; 8], &mut at, &mut len);
    }
}
