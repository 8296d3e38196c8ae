//! What a datagram can change of what is stored, as a cache in its path has to know before it lets the
//! datagram on.
//!
//! A command that names its key, whatever its protocol, concerns that key alone, but only if it is the only
//! command of its datagram: the server goes on behind it, and what it takes for the next command may be the
//! value of one whose first line it refuses. So a line is believed to be a write of one key only where the
//! server cannot refuse it before it has taken the value, and its value ends with the datagram. Of several
//! commands in one datagram only reads of the binary protocol are told (its gets of many keys come so);
//! everything else is taken for what can change any key. So are writes of keys longer than an item's, lines of more
//! than 256 bytes behind the key, and keys that a meta command has in base64, whose bytes do not stand there.
//!
//! A datagram that the steering program would drop is to be dropped here for the same reason: the server never
//! sees it.

use packet::Packet;

use super::coherence::{EVERY_KEY, clock_of};
use super::command::{
    FOUR_LETTERS, GET, Key, SIZE_DIGITS, all_digits, digits, is_last_line, key_within, number,
};
use super::item::LONGEST_KEY;
use crate::frame::{self, Start};
use crate::hash::hash_key;
use crate::request::{self, Place};
use crate::words::{before, count, delimiters, marks_of, split, word};
use crate::{Drop, binary};

/// See the [module](self).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// None: a classic get of this one key, which a cache may answer.
    Get(Key),
    /// None: any other command that stores, deletes and touches nothing.
    Reads,
    /// It can change the item whose key has this hash, and no other.
    Writes(u64),
    /// It can change any item.
    Anything,
}

impl Effect {
    /// The clock that it advances ([`super::coherence`]); none where it changes nothing.
    #[inline(always)]
    #[must_use]
    pub const fn clock(&self) -> Option<u32> {
        match self {
            Self::Get(_) | Self::Reads => None,
            Self::Writes(hash) => Some(clock_of(*hash)),
            Self::Anything => Some(EVERY_KEY),
        }
    }
}

/// The effect of the datagram whose UDP payload reaches from `payload_at` to `end`.
///
/// # Errors
/// The reason for which the datagram is to be dropped, as [`hash_first_key`](crate::request::hash_first_key) has it.
#[inline(always)]
pub fn effect<P: Packet + ?Sized>(p: &P, payload_at: usize, end: usize) -> Result<Effect, Drop> {
    let Start { at, first } = frame::start(p, payload_at, end)?;
    if first as u8 == binary::REQUEST_MAGIC {
        return of_binary(p, first, at, end);
    }
    let line = if first & FOUR_LETTERS == GET {
        match key_within(p, at + 4, end)? {
            Some(key) if is_last_line(p, &key, end) => return Ok(Effect::Get(key)),
            Some(_) | None => Some(Line::reading(at + 4)),
        }
    } else {
        match request::text_key(p, first, at, end)? {
            Some(key_at) => {
                let Some(key) = key_within(p, key_at, end)? else {
                    return Ok(Effect::Anything);
                };
                // The name is read anew, lest the verifier follow the key once for every name.
                let first = word(p, place(p, at), end).ok_or(Drop::Truncated)?;
                Line::about(p, first, key.hash, place(p, key_at + key.len), end)
            }
            None if first == FLUSH => None,
            None => Some(Line::reading(at)),
        }
    };
    let told = line.and_then(|line| line.effect(p, end));
    Ok(told.unwrap_or(Effect::Anything))
}

/// The first letters of `flush_all`, the only command without a key that changes items.
const FLUSH: u64 = u64::from_le_bytes(*b"flush_al");

/// How a line is to be understood, as bits of a number: what the verifier knows of a number it can be made to
/// forget, so that it walks through the search for the line's end once, and not once for every command.
mod rule {
    /// It changes nothing.
    pub(super) const READS: usize = 1;
    /// It changes the items of all keys that it names, and may name several.
    pub(super) const SEVERAL: usize = 2;
    /// It changes its item if a flag says so: a meta get that touches (`T`) or creates (`N`) what it gets.
    pub(super) const IF_TOLD: usize = 4;
    /// A flag `b` says that its key is in base64.
    pub(super) const META: usize = 8;
}

/// A place in the frame of which the verifier knows no more than that it is one: it follows what comes then once,
/// and not once for every way that leads there.
#[inline(always)]
fn place<P: Packet + ?Sized>(p: &P, at: usize) -> usize {
    p.forget(at) & OFFSETS
}

/// A text command whose name and key have been read.
#[derive(Debug, Clone, Copy)]
struct Line {
    hash: u64,
    /// What holds of [`rule`]; by default it changes the item of its key.
    rules: usize,
    /// Where what has not been looked at begins: the byte behind a word.
    from: usize,
    /// Words that may follow there.
    words: usize,
    /// Bytes of the value behind the line, its end of line included.
    value: usize,
}

/// Flags that a meta set may have: the server refuses a line of more than 19 words, and takes what follows it
/// for a command.
const META_SET_FLAGS: usize = 16;
/// Offsets in a frame are below this power of two.
const OFFSETS: usize = 0x3fff;

impl Line {
    /// One that changes nothing.
    const fn reading(from: usize) -> Self {
        Self {
            hash: 0,
            rules: rule::READS,
            from,
            words: LINE_MASK,
            value: 0,
        }
    }

    /// The command that begins with the word `first` and names a key of this hash, which ends at `from`; `None`
    /// where the server may find another command behind its line.
    #[inline(always)]
    fn about<P: Packet + ?Sized>(
        p: &P,
        first: u64,
        hash: u64,
        from: usize,
        end: usize,
    ) -> Option<Self> {
        use request::{
            ADD, APPEND, BGET, CAS, GAT, GATS, GETS, META_ARITHMETIC, META_DEBUG, META_DELETE,
            META_GET, META_SET, PREPEND, REPLACE, SET,
        };
        let name = split(first, delimiters(first)).word;
        let line = Self {
            hash,
            rules: match name {
                request::GET | BGET | GETS | META_DEBUG => rule::READS,
                GAT | GATS => rule::SEVERAL,
                META_GET => rule::META | rule::IF_TOLD,
                META_SET | META_DELETE | META_ARITHMETIC => rule::META,
                _ => 0,
            },
            from,
            words: LINE_MASK,
            value: 0,
        };
        match name {
            SET | ADD | REPLACE | APPEND | PREPEND | CAS | META_SET => {
                line.with_value(p, name, end)
            }
            _ => Some(line),
        }
    }

    /// Reads the numbers of a command that has a value.
    #[inline(always)]
    fn with_value<P: Packet + ?Sized>(self, p: &P, name: u64, end: usize) -> Option<Self> {
        let mut at = self.from;
        if name != request::META_SET {
            // The client's flags and the expiry time, of which the latter may be negative.
            for number in 0..2 {
                if p.u8(at)? != b' ' {
                    return None;
                }
                let signed = number == 1 && p.u8(at + 1)? == b'-';
                at = place(p, behind_number(p, at + 1 + usize::from(signed), end)?);
            }
        }
        if p.u8(at)? != b' ' {
            return None;
        }
        let (size, delimiter) = digits(p, at + 1, end, SIZE_DIGITS)?;
        let mut from = place(p, at + 1 + size.len);
        if name == request::CAS {
            if delimiter != b' ' {
                return None;
            }
            from = place(p, behind_number(p, from + 1, end)?);
        }
        let words = match name {
            request::META_SET => META_SET_FLAGS,
            _ => 1,
        };
        Some(Self {
            from,
            words,
            value: number(size) + 2,
            ..self
        })
    }

    /// What it does, if it is all of its datagram.
    #[inline(always)]
    fn effect<P: Packet + ?Sized>(self, p: &P, end: usize) -> Option<Effect> {
        let from = place(p, self.from);
        let [rules, words, value] = [self.rules, self.words, self.value].map(|it| p.forget(it));
        let rest = Rest::of(p, from, end)?;
        let holds = |rule: usize| rules & rule != 0;
        // A carriage return elsewhere than before the line's end is a letter to the server.
        let whole_word = match p.u8(from)? {
            b'\r' => rest.end == from + 2,
            b' ' | b'\n' => true,
            _ => holds(rule::READS),
        };
        if !whole_word || rest.end + value != end || rest.words > words {
            return None;
        }
        if holds(rule::READS) || (holds(rule::IF_TOLD) && rest.told == 0) {
            return Some(Effect::Reads);
        }
        let elsewhere = holds(rule::META) && rest.base64 != 0;
        let several = holds(rule::SEVERAL) && rest.words > 0;
        (!elsewhere && !several).then_some(Effect::Writes(self.hash))
    }
}

/// Words that are looked through for the end of a line: the verifier walks through all of them, several times over.
const LINE_WORDS: usize = 32;
/// No line that is looked through is longer than this, or has more words.
const LINE_MASK: usize = 0x1ff;

/// What stands behind a word up to the end of its line.
#[derive(Debug, Clone, Copy, Default)]
struct Rest {
    /// Behind the line's end.
    end: usize,
    /// How many blanks there are, and so at most so many words.
    words: usize,
    /// Marks where words begin with `b`.
    base64: u64,
    /// Marks where words begin with `T` or `N`.
    told: u64,
    /// Marks the next letter, if it stands behind a blank.
    begins: u64,
}

impl Rest {
    #[inline(always)]
    fn of<P: Packet + ?Sized>(p: &P, from: usize, end: usize) -> Option<Self> {
        let mut rest = Self::default();
        let mut done = 0;
        for _ in 0..LINE_WORDS {
            let Some(bytes) = p.read::<8>(from + done) else {
                break;
            };
            let word = u64::from_le_bytes(bytes);
            if marks_of(word, b'\n') != 0 {
                break;
            }
            rest.take(word, u64::MAX);
            done += 8;
        }
        let done = p.forget(done) & LINE_MASK;
        rest.words = p.forget(rest.words);
        let word = word(p, from + done, end)?;
        let ends = marks_of(word, b'\n');
        let inside = before(ends);
        rest.take(word, inside);
        rest.end = from + done + count(inside & EVERY_BYTE) as usize + 1;
        (ends != 0).then_some(rest)
    }

    /// Takes those of eight letters in that are `inside` the line.
    #[inline(always)]
    const fn take(&mut self, word: u64, inside: u64) {
        let blanks = marks_of(word, b' ') & inside;
        let begins = (blanks << 8 | self.begins) & inside;
        self.words += count(blanks) as usize;
        self.base64 |= begins & marks_of(word, b'b');
        self.told |= begins & (marks_of(word, b'T') | marks_of(word, b'N'));
        self.begins = blanks >> 56;
    }
}

/// A mark in every byte.
const EVERY_BYTE: u64 = 0x8080_8080_8080_8080;

/// Words of a number that is stepped over, of at most 15 digits: more might not fit where the server puts it.
const NUMBER_WORDS: usize = 2;

/// Where the number at `at` ends.
#[inline(always)]
fn behind_number<P: Packet + ?Sized>(p: &P, at: usize, end: usize) -> Option<usize> {
    let mut len = 0;
    for _ in 0..NUMBER_WORDS {
        let word = word(p, at + len, end)?;
        let marks = delimiters(word);
        if marks != 0 {
            let token = split(word, marks);
            let is_number = len + token.len > 0 && all_digits(token.word, token.len);
            return is_number.then_some(at + len + token.len);
        }
        if !(all_digits(word & 0xffff_ffff, 4) && all_digits(word >> 32, 4)) {
            return None;
        }
        len += 8;
    }
    None
}

/// Most commands of one datagram that are looked at.
const BINARY_COMMANDS: usize = 32;

/// The effect of commands of the binary protocol.
#[inline(always)]
fn of_binary<P: Packet + ?Sized>(p: &P, first: u64, at: usize, end: usize) -> Result<Effect, Drop> {
    let place = binary::place(p, first, at, end)?;
    let head = binary::Head::read(p, at).ok_or(Drop::Truncated)?;
    if at + head.len() != end {
        return Ok(match only_binary_reads(p, at, end) {
            true => Effect::Reads,
            false => Effect::Anything,
        });
    }
    // Behind a command that has no value the server looks for the next one.
    if head.has_value() && !head.stores() {
        return Ok(Effect::Anything);
    }
    if head.reads() {
        return Ok(Effect::Reads);
    }
    Ok(match place {
        Place::Sized { len, .. } if len > LONGEST_KEY => Effect::Anything,
        Place::Sized { at, len } => Effect::Writes(hash_key(p, at, len).ok_or(Drop::Truncated)?),
        Place::Text { .. } | Place::Keyless if head.flushes() => Effect::Anything,
        Place::Text { .. } | Place::Keyless => Effect::Reads,
    })
}

/// Whether all commands up to the datagram's end only read.
#[inline(always)]
fn only_binary_reads<P: Packet + ?Sized>(p: &P, mut at: usize, end: usize) -> bool {
    for _ in 0..BINARY_COMMANDS {
        let Some(head) = binary::Head::read(p, at) else {
            return false;
        };
        at += head.len();
        if !head.reads() || head.has_value() || at > end {
            return false;
        }
        if at == end {
            return true;
        }
    }
    false
}
