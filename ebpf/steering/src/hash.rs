//! The key hash: eight bytes at a time, multiply and xor-shift.
//!
//! Each word is scrambled on its own before it enters the chain, so that a long key costs one
//! xor and one multiplication of latency per word (the shape of MurmurHash2's 64-bit variant,
//! Appleby 2008; constants and finish are our own choice from the same family). wyhash and
//! rapidhash would be better hashes, but their 64 x 64 -> 128 bit product does not link for BPF.
//! The hash spreads keys over partitions; it does not resist an adversary.
//!
//! The verifier wants a constant trip count and a comparison against the packet's end before each
//! load: hence loops of `WORDS` rounds that leave early.
//!
//! The key of a text command is hashed in the same pass that finds its end. Text and binary
//! commands hash equal keys equally: both hash the bytes that stand on the wire (a meta command's
//! base64 key is hashed as it is written).

use packet::Packet;

use crate::Drop;
use crate::words::{delimiters, last_word, split};

/// Longest key in bytes, as in memcached.
pub const MAX_KEY_LEN: usize = 250;

/// Words that hold the longest key and its delimiter.
const WORDS: usize = MAX_KEY_LEN / 8 + 1;

pub(crate) const SEED: u64 = 0x9e37_79b9_7f4a_7c15;
const WORD_FACTOR: u64 = 0xff51_afd7_ed55_8ccd;
const CHAIN_FACTOR: u64 = 0xd6e8_feb8_6659_fd93;

/// A key that was hashed where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hashed {
    /// The hash; [`hash_bytes`] gives the same for the same bytes.
    pub hash: u64,
    /// Length of the key in bytes, 1 to [`MAX_KEY_LEN`].
    pub len: usize,
    /// Whether its line ends with it.
    pub ends_line: bool,
}

#[inline(always)]
pub(crate) const fn absorb(chain: u64, word: u64) -> u64 {
    let scrambled = word.wrapping_mul(WORD_FACTOR);
    (chain ^ scrambled ^ (scrambled >> 32)).wrapping_mul(CHAIN_FACTOR)
}

/// The last word always enters, also an empty one, so that no walker needs a special case.
#[inline(always)]
pub(crate) const fn finish(chain: u64, last: u64, len: usize) -> u64 {
    let mut hash = absorb(chain, last) ^ len as u64;
    hash = (hash ^ (hash >> 32)).wrapping_mul(WORD_FACTOR);
    hash ^ (hash >> 29)
}

/// Hash of a key in memory. Only the first [`MAX_KEY_LEN`] bytes count.
#[must_use]
pub fn hash_bytes(key: &[u8]) -> u64 {
    let key = key.get(..MAX_KEY_LEN).unwrap_or(key);
    let (words, rest) = key.as_chunks::<8>();
    let chain = words
        .iter()
        .fold(SEED, |chain, word| absorb(chain, u64::from_le_bytes(*word)));
    let mut last = [0; 8];
    for (to, from) in last.iter_mut().zip(rest) {
        *to = *from;
    }
    finish(chain, u64::from_le_bytes(last), key.len())
}

/// Hash of the `len` bytes at `at`. `None` if they are not all inside, if `len` exceeds
/// [`MAX_KEY_LEN`], or if fewer than eight bytes stand before the key's end (headers always do).
#[inline(always)]
pub fn hash_key<P: Packet + ?Sized>(p: &P, at: usize, len: usize) -> Option<u64> {
    if len > MAX_KEY_LEN {
        return None;
    }
    let mut chain = SEED;
    let mut done = 0;
    for _ in 0..WORDS {
        if len - done < 8 {
            break;
        }
        chain = absorb(chain, u64::from_le_bytes(p.read::<8>(at + done)?));
        done += 8;
    }
    let last = last_word(p, at + done, at + len)?;
    Some(finish(chain, last, len))
}

/// Finds the end of the text key at `at` and hashes it; the datagram's payload ends at `end`.
///
/// A key ends at a space or at the end of the line.
///
/// # Errors
/// [`Drop::EmptyKey`], [`Drop::KeyTooLong`], [`Drop::BadKeyByte`], or [`Drop::Truncated`] where the
/// payload ends before the key does.
#[inline(always)]
pub fn hash_text<P: Packet + ?Sized>(p: &P, at: usize, end: usize) -> Result<Hashed, Drop> {
    match hash_text_within::<WORDS, P>(p, at, end)? {
        Some(key) => Ok(key),
        None if at + MAX_KEY_LEN < end => Err(Drop::KeyTooLong),
        None => Err(Drop::Truncated),
    }
}

/// [`hash_text`] that looks no further than `MOST` words, and says nothing of a key that does not end
/// before or right behind them.
///
/// # Errors
/// As [`hash_text`].
#[inline(always)]
pub(crate) fn hash_text_within<const MOST: usize, P: Packet + ?Sized>(
    p: &P,
    at: usize,
    end: usize,
) -> Result<Option<Hashed>, Drop> {
    let mut chain = SEED;
    let mut done = 0;
    for _ in 0..MOST {
        let Some(bytes) = p.read::<8>(at + done) else {
            let word = last_word(p, at + done, end).ok_or(Drop::Truncated)?;
            return finish_text(chain, word, done, at, end).map(Some);
        };
        let word = u64::from_le_bytes(bytes);
        if delimiters(word) != 0 {
            return finish_text(chain, word, done, at, end).map(Some);
        }
        chain = absorb(chain, word);
        done += 8;
    }
    Ok(None)
}

/// Judges the word in which the key ends, `done` bytes into it.
#[inline(always)]
fn finish_text(chain: u64, word: u64, done: usize, at: usize, end: usize) -> Result<Hashed, Drop> {
    let last = split(word, delimiters(word));
    let len = done + last.len;
    // Beyond the payload there is padding, or the zeros of `last_word`.
    if at + len >= end {
        return Err(Drop::Truncated);
    }
    if !matches!(last.delimiter, b' ' | b'\r' | b'\n') {
        return Err(Drop::BadKeyByte);
    }
    if len == 0 {
        return Err(Drop::EmptyKey);
    }
    if len > MAX_KEY_LEN {
        return Err(Drop::KeyTooLong);
    }
    Ok(Hashed {
        hash: finish(chain, last.word, len),
        len,
        ends_line: last.delimiter != b' ',
    })
}
