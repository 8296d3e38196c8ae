//! How an item lies in a map: plain words, read and written a word at a time.
//!
//! Everything of the reply but its first and last words is stored as it will be sent, so that a get
//! formats no numbers:
//!
//! | words | what |
//! |---|---|
//! | 0 | the owner's: a lock (`kv_direct`), the clock at which the item was read (`netcache`) |
//! | 1 | four lengths: key, value, and the two pieces below |
//! | 2 | a space, the client's flags, a space |
//! | 3 | the value's length as digits, CR, LF |
//! | 4.. | the key, filled up with zeros |
//! | 12.. | the value, filled up with zeros |
//!
//! **Limits.** A reply is written over its request, and is longer by 7 bytes, the two pieces and the
//! value. The room for that is the headroom of the frame: over veth (Linux 6.18) a request of a socket
//! comes in a buffer cut to its length, with nothing behind it to grow into
//! (`skb_pp_cow_data`), and `bpf_xdp_adjust_head` leaves 256 bytes less the 40 of a `struct xdp_frame`.
//! 216 bytes hold a value of [`LONGEST_VALUE`] with any flags.

use packet::Packet;

use super::command::{Digits, Key, Set};
use crate::words::{last_word, word};

/// Longest key in bytes.
pub const LONGEST_KEY: usize = 8 * KEY_WORDS;
/// Longest value in bytes.
pub const LONGEST_VALUE: usize = 8 * VALUE_WORDS;
/// Words of a key.
pub const KEY_WORDS: usize = 8;
/// Words of a value.
pub const VALUE_WORDS: usize = 24;
/// Words of an item.
pub const ITEM_WORDS: usize = VALUE_AT + VALUE_WORDS;

/// The word that belongs to the map's owner.
pub const OWN: usize = 0;
const LENGTHS: usize = 1;
const FLAGS: usize = 2;
const SIZE: usize = 3;
const KEY_AT: usize = 4;
const VALUE_AT: usize = KEY_AT + KEY_WORDS;

/// An item in a map.
pub type Item = [u64; ITEM_WORDS];

/// Up to eight bytes of a reply, the first one lowest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Piece {
    /// The bytes.
    pub word: u64,
    /// How many.
    pub len: usize,
}

/// The lengths of an item's parts, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lengths {
    /// The key.
    pub key: usize,
    /// The value.
    pub value: usize,
    /// The piece with the flags.
    pub flags: usize,
    /// The piece with the value's length.
    pub size: usize,
}

impl Lengths {
    #[inline(always)]
    const fn to_word(self) -> u64 {
        self.key as u64
            | (self.value as u64) << 16
            | (self.flags as u64) << 32
            | (self.size as u64) << 48
    }

    /// The lengths of an item. Each is bounded, whatever stands in the map: the verifier wants to know.
    #[inline(always)]
    #[must_use]
    pub const fn of(item: &Item) -> Self {
        let word = item[LENGTHS];
        Self {
            key: (word & 0x7f) as usize,
            value: (word >> 16 & 0xff) as usize,
            flags: (word >> 32 & 0x7) as usize,
            size: (word >> 48 & 0x7) as usize,
        }
    }
}

/// The piece of a reply that holds the client's flags.
#[inline(always)]
#[must_use]
pub const fn flags_piece(flags: Digits) -> Piece {
    let space = b' ' as u64;
    Piece {
        word: space | flags.word << 8 | space << (8 * (flags.len + 1)),
        len: flags.len + 2,
    }
}

/// The piece of a reply that holds the value's length.
#[inline(always)]
#[must_use]
pub const fn size_piece(size: Digits) -> Piece {
    let line_end = u16::from_le_bytes(*b"\r\n") as u64;
    Piece {
        word: size.word | line_end << (8 * size.len),
        len: size.len + 2,
    }
}

/// The piece with the flags of an item.
#[inline(always)]
#[must_use]
pub const fn flags_of(item: &Item) -> u64 {
    item[FLAGS]
}

/// The piece with the length of an item's value.
#[inline(always)]
#[must_use]
pub const fn size_of(item: &Item) -> u64 {
    item[SIZE]
}

/// Word `i` of an item's key; `None` beyond the longest.
#[inline(always)]
#[must_use]
pub fn key_word(item: &Item, i: usize) -> Option<u64> {
    item[KEY_AT..VALUE_AT].get(i).copied()
}

/// Word `i` of an item's value; `None` beyond the longest.
#[inline(always)]
#[must_use]
pub fn value_word(item: &Item, i: usize) -> Option<u64> {
    item[VALUE_AT..].get(i).copied()
}

/// Whether the key in the frame is the item's.
#[inline(always)]
pub fn has_key<P: Packet + ?Sized>(item: &Item, p: &P, key: &Key) -> bool {
    Lengths::of(item).key == key.len
        && stands_at::<KEY_WORDS, P>(p, key.at, key.len, |i| key_word(item, i))
}

/// Whether the `len` bytes at `at` are those of `MOST` words that are filled up with zeros.
#[inline(always)]
pub(super) fn stands_at<const MOST: usize, P: Packet + ?Sized>(
    p: &P,
    at: usize,
    len: usize,
    word: impl Fn(usize) -> Option<u64>,
) -> bool {
    let mut done = 0;
    for i in 0..MOST {
        if done + 8 > len {
            break;
        }
        let (Some(bytes), Some(word)) = (p.read::<8>(at + done), word(i)) else {
            return false;
        };
        if u64::from_le_bytes(bytes) != word {
            return false;
        }
        done += 8;
    }
    if done == len {
        return true;
    }
    // One after the other: compared as options, what is in neither is read all the same.
    let Some(last) = last_word(p, at + done, at + len) else {
        return false;
    };
    word(done / 8) == Some(last)
}

/// Writes the key in the frame, which must be no longer than [`LONGEST_KEY`], into an item.
#[inline(always)]
pub fn put_key<P: Packet + ?Sized>(item: &mut Item, p: &P, key: &Key) {
    for i in 0..KEY_WORDS {
        item[KEY_AT + i] = part(p, key.at, key.len, i);
    }
}

/// Word `i` of `len` bytes at `at`: filled up with zeros, 0 behind them.
#[inline(always)]
pub(super) fn part<P: Packet + ?Sized>(p: &P, at: usize, len: usize, i: usize) -> u64 {
    let done = 8 * i;
    if done >= len {
        return 0;
    }
    let word = if done + 8 <= len {
        p.read::<8>(at + done).map(u64::from_le_bytes)
    } else {
        last_word(p, at + done, at + len)
    };
    word.unwrap_or(0)
}

/// Whether key and value of a set are within the limits of an item.
#[inline(always)]
#[must_use]
pub const fn fits(set: &Set) -> bool {
    set.key.len <= LONGEST_KEY && set.value_len <= LONGEST_VALUE
}

/// Writes flags and value of a set that [`fits`] over those of an item whose key it has. Only the
/// words that the value needs are written; what follows it in the frame (the end of the line) may show
/// in the last one.
#[inline(always)]
pub fn put_value<P: Packet + ?Sized>(item: &mut Item, p: &P, set: &Set, end: usize) {
    let (flags, size) = (flags_piece(set.flags), size_piece(set.size));
    let lengths = Lengths {
        key: set.key.len,
        value: set.value_len,
        flags: flags.len,
        size: size.len,
    };
    item[LENGTHS] = lengths.to_word();
    item[FLAGS] = flags.word;
    item[SIZE] = size.word;
    for i in 0..VALUE_WORDS {
        if 8 * i >= set.value_len {
            break;
        }
        item[VALUE_AT + i] = word(p, set.value_at + 8 * i, end).unwrap_or(0);
    }
}

/// Copies what a reply needs of an item (everything but its key's words and its own word).
#[inline(always)]
pub fn copy_value(to: &mut Item, from: &Item) {
    let lengths = Lengths::of(from);
    to[LENGTHS] = from[LENGTHS];
    to[FLAGS] = from[FLAGS];
    to[SIZE] = from[SIZE];
    for i in 0..VALUE_WORDS {
        if 8 * i >= lengths.value {
            break;
        }
        to[VALUE_AT + i] = from[VALUE_AT + i];
    }
}

/// An item from user space; `None` where key or value are beyond the limits or flags have more than
/// five digits.
#[cfg(not(target_arch = "bpf"))]
#[must_use]
pub fn item_of(key: &[u8], flags: u32, value: &[u8]) -> Option<Item> {
    if key.is_empty() || key.len() > LONGEST_KEY || value.len() > LONGEST_VALUE || flags > 99_999 {
        return None;
    }
    let (flags, size) = (written(flags), written(value.len() as u32));
    let (flags, size) = (flags_piece(flags), size_piece(size));
    let lengths = Lengths {
        key: key.len(),
        value: value.len(),
        flags: flags.len,
        size: size.len,
    };
    let mut item = [0; ITEM_WORDS];
    item[LENGTHS] = lengths.to_word();
    item[FLAGS] = flags.word;
    item[SIZE] = size.word;
    fill(&mut item[KEY_AT..VALUE_AT], key);
    fill(&mut item[VALUE_AT..], value);
    Some(item)
}

/// A number below 10^7 as digits.
#[cfg(not(target_arch = "bpf"))]
fn written(mut number: u32) -> Digits {
    let mut digits = Digits { word: 0, len: 0 };
    loop {
        digits.word = (digits.word << 8) | (u64::from(b'0') + u64::from(number % 10));
        digits.len += 1;
        number /= 10;
        if number == 0 {
            return digits;
        }
    }
}

#[cfg(not(target_arch = "bpf"))]
fn fill(words: &mut [u64], bytes: &[u8]) {
    for (word, bytes) in words.iter_mut().zip(bytes.chunks(8)) {
        let mut filled = [0; 8];
        filled[..bytes.len()].copy_from_slice(bytes);
        *word = u64::from_le_bytes(filled);
    }
}

/// The value of an item, and how many of the bytes are its.
#[cfg(not(target_arch = "bpf"))]
#[must_use]
pub fn value_of(item: &Item) -> ([u8; LONGEST_VALUE], usize) {
    let mut value = [0; LONGEST_VALUE];
    let (places, _) = value.as_chunks_mut::<8>();
    for (place, word) in places.iter_mut().zip(&item[VALUE_AT..]) {
        *place = word.to_le_bytes();
    }
    (value, Lengths::of(item).value.min(LONGEST_VALUE))
}
