//! The next link of a frame, as the program that hands frames to slices notes it in the packet's metadata.
//!
//! NetSlices' kernel part routes what it sends (section 3.1), and AF_XDP transmits without asking any table. So the kernel is
//! asked while the frame is in its hands, and its answer goes with the frame. As for notes of keys ([`crate::note`]), no descriptor
//! tells whether there is one, hence the mark, and [`NextLink::NO_NOTE`] where there is nothing to tell. The mark stands first:
//! what a router itself writes in front of a received frame, the headers of an ICMP error, has the router's own address at that
//! place, and nothing that a sender chose.

use crate::forward::NextLink;

/// Words of a note, right in front of the frame.
pub const LINK_NOTE_WORDS: usize = 3;

/// Tells a note from a chunk's memory that has none.
const MARK: u64 = 0x6e65_7874_6c69_6e6b;

impl NextLink {
    /// What is written where there is nothing to tell: see [`KeyNote::NO_NOTE`](crate::KeyNote::NO_NOTE).
    pub const NO_NOTE: [u64; LINK_NOTE_WORDS] = [0; LINK_NOTE_WORDS];

    /// The note as it is written.
    #[inline(always)]
    #[must_use]
    pub const fn words(self) -> [u64; LINK_NOTE_WORDS] {
        let ([a, b, c, d, e, f], [g, h, i, j, k, l]) = (self.from, self.to);
        [
            MARK,
            u64::from_ne_bytes([a, b, c, d, e, f, g, h]),
            (u32::from_ne_bytes([i, j, k, l]) as u64) << 32 | self.device as u64,
        ]
    }

    /// The note that was written as these words; `None` where they are none.
    #[inline]
    #[must_use]
    pub const fn of_words([mark, addresses, rest]: [u64; LINK_NOTE_WORDS]) -> Option<Self> {
        if mark != MARK {
            return None;
        }
        let [a, b, c, d, e, f, g, h] = addresses.to_ne_bytes();
        let [i, j, k, l] = ((rest >> 32) as u32).to_ne_bytes();
        Some(Self {
            device: rest as u32,
            from: [a, b, c, d, e, f],
            to: [g, h, i, j, k, l],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEXT: NextLink = NextLink {
        device: 0x89ab_cdef,
        to: [1, 2, 3, 4, 5, 6],
        from: [7, 8, 9, 10, 11, 12],
    };

    #[test]
    fn what_is_written_is_read() {
        let all = NextLink {
            device: u32::MAX,
            to: [0xff; 6],
            from: [0xff; 6],
        };
        let none = NextLink {
            device: 0,
            to: [0; 6],
            from: [0; 6],
        };
        for next in [NEXT, all, none] {
            assert_eq!(NextLink::of_words(next.words()), Some(next));
        }
    }

    #[test]
    fn memory_without_a_note_is_none() {
        let [mark, addresses, rest] = NEXT.words();
        for bit in 0..64 {
            let other = [mark ^ 1 << bit, addresses, rest];
            assert_eq!(NextLink::of_words(other), None, "bit {bit}");
        }
        assert_eq!(NextLink::of_words(NextLink::NO_NOTE), None);
        assert_eq!(NextLink::of_words([u64::MAX; 3]), None);
    }
}
