//! The commands that a store in the kernel understands: a get of one key and a set, in the classic text
//! protocol (memcached's protocol.txt), each the only command of its datagram.
//!
//! Strict on purpose. Whatever is not exactly one of these, down to the last byte of the datagram, is
//! [`Command::Other`]: a key longer than an item holds, a second command behind the first, numbers with
//! leading zeros, lines that end
//! without a carriage return, the meta and the binary protocol. What a cache in the path must know of those
//! is in [`super::effect`].

use packet::Packet;

use super::item::{KEY_WORDS, LONGEST_KEY};
use crate::Drop;
use crate::frame::{self, Start};
use crate::hash::hash_text_within;
use crate::words::{delimiters, split, word};

/// A key where it stands in the frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    /// Offset of its first byte.
    pub at: usize,
    /// Its length in bytes, 1 to [`LONGEST_KEY`].
    pub len: usize,
    /// Its hash.
    pub hash: u64,
}

/// A number as it is written: digits, the first one lowest, and how many there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Digits {
    /// The digits, filled up with zeros.
    pub word: u64,
    /// How many, at least 1.
    pub len: usize,
}

/// A set, whole and consistent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Set {
    /// The key.
    pub key: Key,
    /// The client's flags, at most five digits: the 16 bits that memcached began with.
    pub flags: Digits,
    /// The length of the value as it is written, at most four digits.
    pub size: Digits,
    /// Offset of the value.
    pub value_at: usize,
    /// Length of the value in bytes.
    pub value_len: usize,
    /// Whether the item is to expire.
    pub expires: bool,
    /// Whether the client wants no reply.
    pub noreply: bool,
}

/// What a datagram asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// `get` of one key.
    Get(Key),
    /// `set`.
    Set(Set),
    /// Anything else, well-formed or not.
    Other,
}

pub(super) const GET: u64 = u32::from_le_bytes(*b"get ") as u64;
const SET: u64 = u32::from_le_bytes(*b"set ") as u64;
pub(super) const FOUR_LETTERS: u64 = 0xffff_ffff;
const LINE_END: u16 = u16::from_le_bytes(*b"\r\n");
const NO_REPLY: u64 = u64::from_le_bytes(*b"noreply\r");

/// Words of the longest key and its delimiter.
const WORDS: usize = KEY_WORDS + 1;
/// No key that is understood is longer than this.
const KEY_MASK: usize = 2 * LONGEST_KEY - 1;
/// Most digits of the client's flags.
const FLAGS_DIGITS: usize = 5;
/// Most digits of a value's length: no frame holds more.
pub(super) const SIZE_DIGITS: usize = 4;

/// Reads the command of the datagram whose UDP payload reaches from `payload_at` to `payload_end`.
///
/// # Errors
/// The reason for which the datagram is to be dropped: its frame header, or the key of a get or set.
#[inline(always)]
pub fn command<P: Packet + ?Sized>(
    p: &P,
    payload_at: usize,
    payload_end: usize,
) -> Result<Command, Drop> {
    let Start { at, first } = frame::start(p, payload_at, payload_end)?;
    let letters = first & FOUR_LETTERS;
    if letters != GET && letters != SET {
        return Ok(Command::Other);
    }
    let Some(key) = key_within(p, at + 4, payload_end)? else {
        return Ok(Command::Other);
    };
    Ok(if letters == SET {
        set(p, key, payload_end).map_or(Command::Other, Command::Set)
    } else if is_last_line(p, &key, payload_end) {
        Command::Get(key)
    } else {
        Command::Other
    })
}

/// The text key at `at`; `None` where it is longer than an item's.
///
/// # Errors
/// Why it is none.
#[inline(always)]
pub(super) fn key_within<P: Packet + ?Sized>(
    p: &P,
    at: usize,
    end: usize,
) -> Result<Option<Key>, Drop> {
    let hashed = hash_text_within::<WORDS, P>(p, at, end)?;
    Ok(hashed
        .filter(|hashed| hashed.len <= LONGEST_KEY)
        .map(|hashed| Key {
            at,
            len: p.forget(hashed.len) & KEY_MASK,
            hash: hashed.hash,
        }))
}

/// Whether the line ends behind the key, and the datagram with it.
#[inline(always)]
pub(super) fn is_last_line<P: Packet + ?Sized>(p: &P, key: &Key, end: usize) -> bool {
    let at = key.at + key.len;
    at + 2 == end && p.read::<2>(at).map(u16::from_le_bytes) == Some(LINE_END)
}

#[inline(always)]
fn set<P: Packet + ?Sized>(p: &P, key: Key, end: usize) -> Option<Set> {
    let at = key.at + key.len;
    if p.u8(at)? != b' ' {
        return None;
    }
    let (flags, delimiter) = digits(p, at + 1, end, FLAGS_DIGITS)?;
    if delimiter != b' ' {
        return None;
    }
    let at = at + 1 + flags.len + 1;
    let (expiry, delimiter) = digits(p, at, end, 7)?;
    if delimiter != b' ' {
        return None;
    }
    let at = at + expiry.len + 1;
    let (size, delimiter) = digits(p, at, end, SIZE_DIGITS)?;
    let at = at + size.len;
    let (line_end, noreply) = match delimiter {
        b'\r' => (at, false),
        b' ' if p.read::<8>(at + 1).map(u64::from_le_bytes) == Some(NO_REPLY) => (at + 8, true),
        _ => return None,
    };
    let value_len = number(size);
    let value_at = line_end + 2;
    // Each end is known before anything is read there.
    let ends = [line_end, value_at + value_len];
    if ends[1] + 2 != end {
        return None;
    }
    for at in ends {
        if p.read::<2>(at).map(u16::from_le_bytes) != Some(LINE_END) {
            return None;
        }
    }
    Some(Set {
        key,
        flags,
        size,
        value_at,
        value_len,
        expires: expiry.word != u64::from(b'0'),
        noreply,
    })
}

/// The number at `at`, of at most `most` (up to seven) digits without leading zeros, and the byte behind
/// it.
#[inline(always)]
pub(super) fn digits<P: Packet + ?Sized>(
    p: &P,
    at: usize,
    end: usize,
    most: usize,
) -> Option<(Digits, u8)> {
    let word = word(p, at, end)?;
    let marks = delimiters(word);
    if marks == 0 {
        return None;
    }
    let token = split(word, marks);
    if token.len == 0 || token.len > most {
        return None;
    }
    let leading_zero = token.len > 1 && token.word as u8 == b'0';
    if leading_zero || !all_digits(token.word, token.len) {
        return None;
    }
    let digits = Digits {
        word: token.word,
        len: token.len,
    };
    Some((digits, token.delimiter))
}

/// Whether the `len` lowest bytes of a word, whose others are zero, are all digits.
#[inline(always)]
pub(super) const fn all_digits(word: u64, len: usize) -> bool {
    const HIGH_NIBBLES: u64 = 0xf0f0_f0f0_f0f0_f0f0;
    const THREES: u64 = 0x3030_3030_3030_3030;
    const SIXES: u64 = 0x0606_0606_0606_0606;
    let expected = THREES & ((1 << (8 * len)) - 1);
    // Digits are 0x30 to 0x39: what is above carries into the high nibble when 6 is added.
    word & HIGH_NIBBLES == expected && ((word & !HIGH_NIBBLES) + SIXES) & HIGH_NIBBLES == 0
}

/// The value of at most four digits.
#[inline(always)]
pub(super) const fn number(digits: Digits) -> usize {
    let mut value = 0;
    let mut place = 0;
    while place < SIZE_DIGITS {
        if place < digits.len {
            value = value * 10 + (digits.word >> (8 * place) & 0xf) as usize;
        }
        place += 1;
    }
    value
}
