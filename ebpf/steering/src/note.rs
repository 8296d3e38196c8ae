//! What the steering program notes of a request's key for the server, in the packet's metadata.
//!
//! ENCP'19, section 4: the hash that steering has computed can go with the packet, so that the store need
//! not compute it again. XDP metadata (`bpf_xdp_adjust_meta`) lie right in front of the frame and reach
//! an AF_XDP socket's chunk with it; the descriptor does not tell whether there are any, hence the mark.

/// Bytes of a note, right in front of the frame.
pub const NOTE_LEN: usize = 16;

/// Tells a note from a chunk's memory that has none.
const MARK: u64 = 0x6b65_794e;

/// The first key of a request where it stands in its frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyNote {
    /// The key's hash ([`crate::hash_bytes`]).
    pub hash: u64,
    /// Offset of its first byte.
    pub at: u16,
    /// Number of its bytes, 1 to 250.
    pub len: u16,
}

impl KeyNote {
    /// What is written where there is nothing to note. The kernel copies a frame into a socket's chunk before it finds the
    /// RX ring full, and what it has written there stays for the next frame in that chunk: so none may go without words of
    /// its own.
    pub const NO_NOTE: [u64; NOTE_LEN / 8] = [0; NOTE_LEN / 8];

    /// The note of a key at `at`, which no frame has beyond 65535.
    #[inline(always)]
    #[must_use]
    pub const fn new(hash: u64, at: usize, len: usize) -> Self {
        Self {
            hash,
            at: at as u16,
            len: len as u16,
        }
    }

    /// The note as it is written.
    #[inline(always)]
    #[must_use]
    pub const fn words(self) -> [u64; NOTE_LEN / 8] {
        [
            self.hash,
            MARK << 32 | (self.len as u64) << 16 | self.at as u64,
        ]
    }

    /// The note that was written as these words; `None` where they are none.
    #[inline]
    #[must_use]
    pub const fn of_words([hash, rest]: [u64; NOTE_LEN / 8]) -> Option<Self> {
        if rest >> 32 != MARK {
            return None;
        }
        Some(Self {
            hash,
            at: rest as u16,
            len: (rest >> 16) as u16,
        })
    }

    /// The same key with a wrong hash, which is in the same slot of the partition table.
    #[inline(always)]
    #[must_use]
    pub const fn corrupted(self) -> Self {
        Self {
            hash: self.hash ^ 1,
            ..self
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::slot_of;

    const NOTE: KeyNote = KeyNote::new(0x0123_4567_89ab_cdef, 54, 250);

    #[test]
    fn what_is_written_is_read() {
        for note in [
            NOTE,
            KeyNote::new(0, 0, 1),
            KeyNote::new(u64::MAX, 65535, 250),
        ] {
            assert_eq!(KeyNote::of_words(note.words()), Some(note));
        }
    }

    #[test]
    fn memory_without_a_note_is_none() {
        let [hash, rest] = NOTE.words();
        for bit in 32..64 {
            assert_eq!(
                KeyNote::of_words([hash, rest ^ 1 << bit]),
                None,
                "bit {bit}"
            );
        }
        assert_eq!(KeyNote::of_words(KeyNote::NO_NOTE), None);
        assert_eq!(KeyNote::of_words([u64::MAX, u64::MAX]), None);
    }

    #[test]
    fn a_corrupted_note_is_of_the_same_slot() {
        let corrupted = NOTE.corrupted();
        assert_ne!(corrupted.hash, NOTE.hash);
        assert_eq!(slot_of(corrupted.hash), slot_of(NOTE.hash));
        assert_eq!((corrupted.at, corrupted.len), (NOTE.at, NOTE.len));
    }
}
