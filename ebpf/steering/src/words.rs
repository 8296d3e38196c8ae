//! Eight bytes at a time: finding the end of a token without a loop over bytes.
//!
//! The arithmetic is the classic "has a byte less than n" of word-parallel string code. A word
//! holds the bytes in little-endian order: the first byte is the lowest.

use packet::Packet;

/// 0x01 in every byte.
const ONES: u64 = 0x0101_0101_0101_0101;
/// 0x80 in every byte.
const HIGHS: u64 = 0x8080_8080_8080_8080;
/// No delimiter is larger than the space.
const ABOVE_SPACE: u64 = 0x21;

/// Where a word's first delimiter (space, CR, LF or NUL) is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct End {
    /// The word with everything from the delimiter on cleared.
    pub(crate) word: u64,
    /// How many bytes stand before the delimiter, 0 to 7.
    pub(crate) len: usize,
    /// The delimiter itself.
    pub(crate) delimiter: u8,
}

/// Marks the delimiters of a word by their high bits: space, CR, LF and NUL. The first mark is
/// exact, later ones may be wrong (a borrow can mark a byte above a true one). Zero when there is
/// none. Other control characters are part of a token, as in memcached.
#[inline(always)]
pub(crate) const fn delimiters(word: u64) -> u64 {
    // One subtraction settles nearly every word: it holds nothing up to the space.
    if below(word, ABOVE_SPACE) == 0 {
        return 0;
    }
    below(word, 1)
        | below(word ^ (ONES * b' ' as u64), 1)
        | below(word ^ (ONES * b'\r' as u64), 1)
        | below(word ^ (ONES * b'\n' as u64), 1)
}

/// Marks every byte that is `byte`, by its high bit; all marks are exact.
#[inline(always)]
pub(crate) const fn marks_of(word: u64, byte: u8) -> u64 {
    let others = word ^ (ONES * byte as u64);
    !(((others & !HIGHS) + !HIGHS) | others | !HIGHS)
}

/// All bytes before the first mark; every byte of the word where there is none.
#[inline(always)]
pub(crate) const fn before(marks: u64) -> u64 {
    ((marks & marks.wrapping_neg()) >> 7).wrapping_sub(1)
}

/// How many marks there are.
#[inline(always)]
pub(crate) const fn count(marks: u64) -> u64 {
    (marks >> 7).wrapping_mul(ONES) >> 56
}

/// Marks the bytes smaller than `limit` (at most 0x80), exactly up to the first of them.
#[inline(always)]
const fn below(word: u64, limit: u64) -> u64 {
    word.wrapping_sub(ONES * limit) & !word & HIGHS
}

/// Splits a word at its first delimiter; `marks` is what [`delimiters`] said, not zero.
///
/// The bytes are counted by a multiplication, for BPF has no count of trailing zeros.
#[inline(always)]
pub(crate) const fn split(word: u64, marks: u64) -> End {
    let before = before(marks);
    let len = ((before & ONES).wrapping_mul(ONES) >> 56) as usize;
    End {
        word: word & before,
        len,
        delimiter: (word >> (8 * len)) as u8,
    }
}

/// The eight bytes at `at`, filled up with zeros from `end` on where the frame ends first.
///
/// Bytes between `end` and the frame's end (padding) may show; callers compare the position of
/// what they find against `end`. At least eight bytes must lie before `end`: behind the headers
/// of a datagram they always do.
#[inline(always)]
pub(crate) fn word<P: Packet + ?Sized>(p: &P, at: usize, end: usize) -> Option<u64> {
    match p.read::<8>(at) {
        Some(bytes) => Some(u64::from_le_bytes(bytes)),
        None => last_word(p, at, end),
    }
}

/// The fewer than eight bytes from `at` up to `end`, filled up with zeros; `None` if `at` is
/// beyond `end`.
#[inline(always)]
pub(crate) fn last_word<P: Packet + ?Sized>(p: &P, at: usize, end: usize) -> Option<u64> {
    let left = end.wrapping_sub(at);
    if left > 7 {
        return None;
    }
    let bytes = p.read::<8>(end.wrapping_sub(8))?;
    // Two shifts, for left = 0 would shift by the whole width.
    Some(u64::from_le_bytes(bytes) >> (8 * (7 - left)) >> 8)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split_bytes(bytes: [u8; 8]) -> Option<(u64, usize, u8)> {
        let word = u64::from_le_bytes(bytes);
        match delimiters(word) {
            0 => None,
            marks => {
                let end = split(word, marks);
                Some((end.word, end.len, end.delimiter))
            }
        }
    }

    #[test]
    fn every_byte_in_every_place() {
        for position in 0..8 {
            for byte in 0..=255_u8 {
                let mut bytes = *b"\xffa\x80!\x7fz0\x21";
                bytes[position] = byte;
                let expected = matches!(byte, 0 | b'\n' | b'\r' | b' ').then(|| {
                    let mut before = [0; 8];
                    before[..position].copy_from_slice(&bytes[..position]);
                    (u64::from_le_bytes(before), position, byte)
                });
                assert_eq!(split_bytes(bytes), expected, "{bytes:?}");
            }
        }
    }

    #[test]
    fn other_control_characters_hide_no_delimiter() {
        assert_eq!(
            split_bytes(*b"\x10a\tb\x1f\x01 c"),
            Some((u64::from_le_bytes(*b"\x10a\tb\x1f\x01\0\0"), 6, b' '))
        );
        assert_eq!(split_bytes(*b"\x01\x02\x0b\x0c\x0e\x1f\x08\x21"), None);
    }

    #[test]
    fn the_first_of_several_counts() {
        assert_eq!(split_bytes(*b"ab \r\n  !"), Some((0x6261, 2, b' ')));
        assert_eq!(split_bytes(*b"\n!!!!!!!"), Some((0, 0, b'\n')));
    }

    #[test]
    fn marks_are_exact_and_counted() {
        for word in [
            *b"\x00\x01\n\n\x0b\x8a \n",
            *b"\n\x0b\n\x0b\n\x0b\n\xff",
            *b"        ",
        ] {
            let expected = word.iter().map(|byte| u64::from(*byte == b'\n'));
            let marks = marks_of(u64::from_le_bytes(word), b'\n');
            let places = expected
                .clone()
                .enumerate()
                .map(|(at, is)| is << (8 * at + 7));
            assert_eq!(marks, places.sum::<u64>());
            assert_eq!(count(marks), expected.sum::<u64>());
        }
        assert_eq!([before(0), before(0x80)], [u64::MAX, 0]);
        assert_eq!(before(0x8080_0000), 0xffff);
    }

    #[test]
    fn the_last_word_is_filled_with_zeros() {
        let frame: &[u8] = b"0123456789abc";
        for at in 6..=13 {
            let mut expected = [0; 8];
            expected[..13 - at].copy_from_slice(&frame[at..]);
            assert_eq!(word(frame, at, 13), Some(u64::from_le_bytes(expected)));
        }
        assert_eq!(word(frame, 14, 13), None);
        assert_eq!(word(frame, 5, 13), Some(u64::from_le_bytes(*b"56789abc")));
    }
}
