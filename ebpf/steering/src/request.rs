//! Where a memcached datagram's first key stands: ASCII, meta and binary commands.
//!
//! One request is steered by its first key; a multi-key get whose further keys have other owners
//! is the server's business. Grammar: memcached's protocol.txt and its binary protocol document.
//! Strictness: commands are lower-case, one space stands between tokens, keys hold no control
//! characters. Where memcached tolerates more (repeated spaces), the datagram is dropped by name
//! rather than steered by a guess. A line that begins with no command of memcached's has no key: any
//! owner answers `ERROR` to it.

use packet::Packet;

use crate::frame::{self, Start};
use crate::words::{delimiters, split, word};
use crate::{Drop, KeyNote, binary, hash};

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
    /// A command without a key (`version`, `stats`, no-op ...), or none that memcached knows: any owner
    /// may answer it.
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
    /// The key's hash, and where the key stands.
    Key(KeyNote),
    /// There is no key.
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
        Place::Text { at } => hash::hash_text(p, at, payload_end)
            .map(|key| KeyHash::Key(KeyNote::new(key.hash, at, key.len))),
        Place::Sized { at, len } => hash::hash_key(p, at, len)
            .map(|hash| KeyHash::Key(KeyNote::new(hash, at, len)))
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
pub(crate) const GET: u64 = name(b"get");
pub(crate) const BGET: u64 = name(b"bget");
pub(crate) const GETS: u64 = name(b"gets");
pub(crate) const GAT: u64 = name(b"gat");
pub(crate) const GATS: u64 = name(b"gats");
pub(crate) const SET: u64 = name(b"set");
pub(crate) const ADD: u64 = name(b"add");
pub(crate) const REPLACE: u64 = name(b"replace");
pub(crate) const APPEND: u64 = name(b"append");
pub(crate) const PREPEND: u64 = name(b"prepend");
pub(crate) const CAS: u64 = name(b"cas");
const DELETE: u64 = name(b"delete");
const INCR: u64 = name(b"incr");
const DECR: u64 = name(b"decr");
const TOUCH: u64 = name(b"touch");
pub(crate) const META_GET: u64 = name(b"mg");
pub(crate) const META_SET: u64 = name(b"ms");
pub(crate) const META_DELETE: u64 = name(b"md");
pub(crate) const META_ARITHMETIC: u64 = name(b"ma");
pub(crate) const META_DEBUG: u64 = name(b"me");

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
    Ok(match text_key(p, first, at, end)? {
        Some(at) => Place::Text { at },
        None => Place::Keyless,
    })
}

/// Where the first key of the text command at `at`, whose first eight bytes are `first`, starts; `None` where the
/// command has none.
#[inline(always)]
pub(crate) fn text_key<P: Packet + ?Sized>(
    p: &P,
    first: u64,
    at: usize,
    end: usize,
) -> Result<Option<usize>, Drop> {
    match delimiters(first) {
        // No command of eight letters or more (`flush_all`, `verbosity`) has a key.
        0 if at + 8 < end => Ok(None),
        0 => Err(Drop::Truncated),
        marks => command(p, first, marks, at, end),
    }
}

/// A word of up to seven letters, its delimiter behind it.
#[inline(always)]
fn command<P: Packet + ?Sized>(
    p: &P,
    first: u64,
    marks: u64,
    at: usize,
    end: usize,
) -> Result<Option<usize>, Drop> {
    let token = split(first, marks);
    let after = at + token.len;
    if after >= end {
        return Err(Drop::Truncated);
    }
    let skip_one_token = match token.word {
        GET | BGET | GETS | SET | ADD | REPLACE | APPEND | PREPEND | CAS | DELETE | INCR | DECR
        | TOUCH | META_GET | META_SET | META_DELETE | META_ARITHMETIC | META_DEBUG => false,
        GAT | GATS => true,
        // The server skips the blank and finds a command that is not looked for here.
        0 if token.delimiter == b' ' => return Err(Drop::BadCommandLine),
        _ => return Ok(None),
    };
    match token.delimiter {
        b' ' => {}
        b'\r' | b'\n' => return Err(Drop::EmptyKey),
        // The name goes on with a control character, and so is none.
        _ => return Ok(None),
    }
    let at = if skip_one_token {
        behind_token(p, after + 1, end)?
    } else {
        after + 1
    };
    Ok(Some(at))
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
    Err(Drop::BadCommandLine)
}
