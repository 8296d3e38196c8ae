//! Requests of memcached's binary protocol: a 24-byte header, extras, key, value.

use packet::Packet;

use crate::request::Place;
use crate::{Drop, MAX_KEY_LEN};

/// First byte of a request.
pub const REQUEST_MAGIC: u8 = 0x80;
/// Length of the header in bytes.
pub const HEADER_LEN: usize = 24;

const fn set(opcodes: &[u8]) -> u64 {
    let mut bits = 0;
    let mut i = 0;
    while i < opcodes.len() {
        bits |= 1 << opcodes[i];
        i += 1;
    }
    bits
}

/// Get, Set, Add, Replace, Delete, Increment, Decrement (00-06); GetQ, GetK, GetKQ, Append,
/// Prepend (09, 0c-0f); the quiet stores, deletes and counters (11-16); AppendQ, PrependQ (19, 1a);
/// Touch, GAT, GATQ (1c-1e); GATK, GATKQ (23, 24). All others are without a key (the "key" of Stat
/// names a group of statistics), or unknown, and then any owner can say so.
const KEYED: u64 = set(&[
    0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x09, 0x0c, 0x0d, 0x0e, 0x0f, 0x11, 0x12, 0x13, 0x14,
    0x15, 0x16, 0x19, 0x1a, 0x1c, 0x1d, 0x1e, 0x23, 0x24,
]);

/// Finds the key of the request at `at`; `first` holds its first eight bytes in little-endian
/// order, and the payload ends at `end`.
#[inline(always)]
pub(crate) fn place<P: Packet + ?Sized>(
    p: &P,
    first: u64,
    at: usize,
    end: usize,
) -> Result<Place, Drop> {
    let key_at = at + HEADER_LEN;
    if key_at > end {
        return Err(Drop::Truncated);
    }
    let [_, opcode, key_high, key_low, extras, ..] = first.to_le_bytes();
    let body = u32::from_be_bytes(p.read::<4>(at + 8).ok_or(Drop::Truncated)?) as usize;
    let len = usize::from(u16::from_be_bytes([key_high, key_low]));
    let extras = usize::from(extras);
    if extras + len > body {
        return Err(Drop::BadBinaryHeader);
    }
    if body > end - key_at {
        return Err(Drop::Truncated);
    }
    if opcode > 63 || KEYED >> opcode & 1 == 0 {
        return Ok(Place::Keyless);
    }
    if len == 0 {
        return Err(Drop::EmptyKey);
    }
    if len > MAX_KEY_LEN {
        return Err(Drop::KeyTooLong);
    }
    Ok(Place::Sized {
        at: key_at + extras,
        len,
    })
}

/// Get, GetQ, GetK, GetKQ, No-op and Version: what changes nothing, and what gets of several keys are made of.
const READS: u64 = set(&[0x00, 0x09, 0x0c, 0x0d, 0x0a, 0x0b]);
/// Set, Add, Replace, Append, Prepend, loud and quiet: what has a value.
const STORES: u64 = set(&[0x01, 0x02, 0x03, 0x0e, 0x0f, 0x11, 0x12, 0x13, 0x19, 0x1a]);
/// Flush, FlushQ.
const FLUSHES: u64 = set(&[0x08, 0x18]);

/// A request's header, as far as it tells what the request is and how long.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Head {
    opcode: u8,
    /// Bytes of extras and key.
    named: usize,
    /// Bytes behind the header.
    body: usize,
}

impl Head {
    /// The header at `at`; `None` where none begins there, or the frame ends in it.
    #[inline(always)]
    pub(crate) fn read<P: Packet + ?Sized>(p: &P, at: usize) -> Option<Self> {
        let [magic, opcode, key_high, key_low, extras] = p.read::<5>(at)?;
        let body = p.read::<4>(at + 8).map(u32::from_be_bytes)?;
        (magic == REQUEST_MAGIC).then_some(Self {
            opcode,
            named: usize::from(u16::from_be_bytes([key_high, key_low])) + usize::from(extras),
            body: body as usize,
        })
    }

    /// Bytes of the whole request.
    #[inline(always)]
    pub(crate) const fn len(&self) -> usize {
        HEADER_LEN + self.body
    }

    /// Whether something stands behind the key.
    #[inline(always)]
    pub(crate) const fn has_value(&self) -> bool {
        self.body != self.named
    }

    #[inline(always)]
    const fn is_of(&self, opcodes: u64) -> bool {
        self.opcode < 64 && opcodes >> self.opcode & 1 == 1
    }

    /// Whether it leaves everything as it is.
    #[inline(always)]
    pub(crate) const fn reads(&self) -> bool {
        self.is_of(READS)
    }

    /// Whether it stores a value.
    #[inline(always)]
    pub(crate) const fn stores(&self) -> bool {
        self.is_of(STORES)
    }

    /// Whether it takes all items.
    #[inline(always)]
    pub(crate) const fn flushes(&self) -> bool {
        self.is_of(FLUSHES)
    }
}
