//! Where a memcached datagram's first key stands: ASCII, meta and binary commands.
//!
//! One request is steered by its first key; a multi-key get whose further keys have other owners
//! is the server's business. Grammar: memcached's protocol.txt and its binary protocol document.
//! Strictness: commands are lower-case, one space stands between tokens, keys hold no control
//! characters. Where memcached tolerates more (repeated spaces), the datagram is dropped by name
//! rather than steered by a guess.

use packet::Packet;

use crate::frame::{self, Start};
use crate::words::{delimiters, split, word};
use crate::{Drop, binary, hash};

/// The first key of a datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Located {
    /// The key's bytes: offset in the frame and length, 1 to 250 bytes.
    Key {
        /// Offset of the first byte.
        at: usize,
        /// Number of bytes.
        len: usize,
    },
    /// A command without a key (`version`, `stats`, no-op ...): any owner may serve it.
    Keyless,
}

/// Where the key starts, before its end is known.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Place {
    /// A text key: it ends at a delimiter.
    Text { at: usize },
    /// A binary key, wholly inside the payload.
    Sized { at: usize, len: usize },
    /// No key.
    Keyless,
}

/// What is known of a datagram's key once it has been hashed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyHash {
    /// The key's hash.
    Key(u64),
    /// The command has no key.
    Keyless,
}

/// Finds the first key of the datagram whose UDP payload lies at `payload_at`.
///
/// # Errors
/// The reason for which the datagram is to be dropped.
#[inline(always)]
pub fn locate_key<P: Packet + ?Sized>(
    p: &P,
    payload_at: usize,
    payload_len: usize,
) -> Result<Located, Drop> {
    let end = payload_at + payload_len;
    match place(p, payload_at, end)? {
        Place::Text { at } => {
            hash::hash_text(p, at, end).map(|key| Located::Key { at, len: key.len })
        }
        Place::Sized { at, len } => Ok(Located::Key { at, len }),
        Place::Keyless => Ok(Located::Keyless),
    }
}

/// Finds and hashes the first key in one pass over it.
///
/// # Errors
/// The reason for which the datagram is to be dropped.
#[inline(always)]
pub fn hash_first_key<P: Packet + ?Sized>(
    p: &P,
    payload_at: usize,
    payload_end: usize,
) -> Result<KeyHash, Drop> {
    match place(p, payload_at, payload_end)? {
        Place::Text { at } => hash::hash_text(p, at, payload_end).map(|key| KeyHash::Key(key.hash)),
        Place::Sized { at, len } => hash::hash_key(p, at, len)
            .map(KeyHash::Key)
            .ok_or(Drop::Truncated),
        Place::Keyless => Ok(KeyHash::Keyless),
    }
}

/// Up to eight letters of a command as a word, first letter lowest.
const fn name(letters: &[u8]) -> u64 {
    let mut word = 0;
    let mut i = 0;
    while i < letters.len() {
        word |= (letters[i] as u64) << (8 * i);
        i += 1;
    }
    word
}

const GET_SPACE: u32 = name(b"get ") as u32;
const GET: u64 = name(b"get");
const GETS: u64 = name(b"gets");
const GAT: u64 = name(b"gat");
const GATS: u64 = name(b"gats");
const SET: u64 = name(b"set");
const ADD: u64 = name(b"add");
const REPLACE: u64 = name(b"replace");
const APPEND: u64 = name(b"append");
const PREPEND: u64 = name(b"prepend");
const CAS: u64 = name(b"cas");
const DELETE: u64 = name(b"delete");
const INCR: u64 = name(b"incr");
const DECR: u64 = name(b"decr");
const TOUCH: u64 = name(b"touch");
const META_GET: u64 = name(b"mg");
const META_SET: u64 = name(b"ms");
const META_DELETE: u64 = name(b"md");
const META_ARITHMETIC: u64 = name(b"ma");
const META_NO_OP: u64 = name(b"mn");
const META_DEBUG: u64 = name(b"me");
const VERSION: u64 = name(b"version");
const STATS: u64 = name(b"stats");
const QUIT: u64 = name(b"quit");
const FLUSH_AL: u64 = name(b"flush_al");
const VERBOSIT: u64 = name(b"verbosit");

#[inline(always)]
fn place<P: Packet + ?Sized>(p: &P, payload_at: usize, end: usize) -> Result<Place, Drop> {
    let Start { at, first } = frame::start(p, payload_at, end)?;
    // The commonest command first: it costs one comparison instead of the search below.
    if first as u32 == GET_SPACE {
        return Ok(Place::Text { at: at + 4 });
    }
    if first as u8 == binary::REQUEST_MAGIC {
        return binary::place(p, first, at, end);
    }
    match delimiters(first) {
        0 => long_command(p, first, at, end),
        marks => command(p, first, marks, at, end),
    }
}

/// A command name of up to seven letters.
#[inline(always)]
fn command<P: Packet + ?Sized>(
    p: &P,
    first: u64,
    marks: u64,
    at: usize,
    end: usize,
) -> Result<Place, Drop> {
    let token = split(first, marks);
    let after = at + token.len;
    if after >= end {
        return Err(Drop::Truncated);
    }
    let skip_one_token = match token.word {
        GET | GETS | SET | ADD | REPLACE | APPEND | PREPEND | CAS | DELETE | INCR | DECR
        | TOUCH | META_GET | META_SET | META_DELETE | META_ARITHMETIC | META_DEBUG => false,
        GAT | GATS => true,
        VERSION | STATS | QUIT | META_NO_OP => return keyless(token.delimiter),
        _ => return Err(Drop::UnknownCommand),
    };
    match token.delimiter {
        b' ' => {}
        b'\r' | b'\n' => return Err(Drop::EmptyKey),
        _ => return Err(Drop::UnknownCommand),
    }
    let at = if skip_one_token {
        behind_token(p, after + 1, end)?
    } else {
        after + 1
    };
    Ok(Place::Text { at })
}

/// `flush_all` and `verbosity`, the only names of more than seven letters.
#[inline(always)]
fn long_command<P: Packet + ?Sized>(
    p: &P,
    first: u64,
    at: usize,
    end: usize,
) -> Result<Place, Drop> {
    let last_letter = match first {
        FLUSH_AL => b'l',
        VERBOSIT => b'y',
        _ => return Err(Drop::UnknownCommand),
    };
    if at + 10 > end {
        return Err(Drop::Truncated);
    }
    let [letter, delimiter] = p.read::<2>(at + 8).ok_or(Drop::Truncated)?;
    if letter == last_letter {
        keyless(delimiter)
    } else {
        Err(Drop::UnknownCommand)
    }
}

#[inline(always)]
fn keyless(delimiter: u8) -> Result<Place, Drop> {
    match delimiter {
        b' ' | b'\r' | b'\n' => Ok(Place::Keyless),
        _ => Err(Drop::UnknownCommand),
    }
}

/// Steps over a token of at most 23 bytes (an expiry time has at most 20) and the space behind it.
#[inline(always)]
fn behind_token<P: Packet + ?Sized>(p: &P, start: usize, end: usize) -> Result<usize, Drop> {
    let mut at = start;
    for _ in 0..3 {
        let word = word(p, at, end).ok_or(Drop::Truncated)?;
        let marks = delimiters(word);
        if marks == 0 {
            at += 8;
            continue;
        }
        let token = split(word, marks);
        let after = at + token.len;
        if after >= end {
            return Err(Drop::Truncated);
        }
        return match token.delimiter {
            b' ' if after > start => Ok(after + 1),
            _ => Err(Drop::EmptyKey),
        };
    }
    Err(Drop::UnknownCommand)
}
