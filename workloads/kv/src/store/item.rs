//! An item in its slot: a header of 32 bytes, the key, the value.

use super::region::Region;

/// Bytes of an item's header in this store.
pub(super) const HEADER: usize = 32;

/// Largest item as memcached counts it (`-I`, 1 MiB by default): its own header, key and value.
pub const ITEM_LIMIT: usize = 1 << 20;

/// What memcached adds to key and value: header of 48 bytes, a NUL behind the key, the cas
/// number, the value's end of line, and four bytes where flags are not 0.
const MEMCACHED_OVERHEAD: usize = 48 + 1 + 8 + 2;

/// Whether memcached would store an item of these sizes. The limit is taken over to the byte,
/// so that a client sees the same refusals; this store's own header is smaller.
#[must_use]
pub fn fits_limit(key_len: usize, flags: u32, value_len: usize) -> bool {
    let flags_len = if flags == 0 { 0 } else { 4 };
    value_len
        .checked_add(key_len + MEMCACHED_OVERHEAD + flags_len)
        .is_some_and(|total| total <= ITEM_LIMIT)
}

/// Bytes an item occupies in this store, before rounding to its size class.
pub(super) fn footprint(key_len: usize, value_len: usize) -> usize {
    HEADER + key_len + value_len
}

/// A slot's place in the region in units of 8 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Slot(pub(super) u32);

impl Slot {
    #[inline]
    pub(super) fn at(self) -> usize {
        self.0 as usize * 8
    }

    #[inline]
    pub(super) fn from_at(at: usize) -> Self {
        Self((at / 8) as u32)
    }
}

/// The slot holds an item.
pub(super) const LIVE: u8 = 1;
/// Used since the clock hand last passed.
pub(super) const REFERENCED: u8 = 2;
/// Fetched since it was stored (meta flag `h`).
pub(super) const FETCHED: u8 = 4;
/// Marked by `md` with `I` (meta reply `X`).
pub(super) const STALE: u8 = 8;
/// A client already won the right to recache it (meta replies `W` and `Z`).
pub(super) const TOKEN_SENT: u8 = 16;
/// The key was given in base64 and is shown so.
pub(super) const KEY_BINARY: u8 = 32;

/// An item's header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// The index tag of the key; in a free slot, the next free slot.
    pub(super) tag: u32,
    /// Unix time in seconds; 0 is never.
    pub(super) deadline: u32,
    pub(super) cas: u64,
    pub(super) flags: u32,
    pub(super) value_len: u32,
    /// Unix time in seconds of the last store or fetch.
    pub(super) accessed: u32,
    pub(super) key_len: u8,
    pub(super) bits: u8,
    /// In a log: unused room behind the value, in units of 8 bytes.
    pub(super) slack: u16,
}

impl Header {
    #[inline]
    pub(super) fn read(region: &Region, slot: Slot) -> Self {
        Self::decode(region.read(slot.at()))
    }

    #[inline]
    pub(super) fn write(&self, region: &mut Region, slot: Slot) {
        region.write(slot.at(), &self.encode());
    }

    #[inline]
    pub(super) fn decode(b: [u8; HEADER]) -> Self {
        let word = |at: usize| u32::from_le_bytes([b[at], b[at + 1], b[at + 2], b[at + 3]]);
        Self {
            tag: word(0),
            deadline: word(4),
            cas: u64::from(word(8)) | u64::from(word(12)) << 32,
            flags: word(16),
            value_len: word(20),
            accessed: word(24),
            key_len: b[28],
            bits: b[29],
            slack: u16::from_le_bytes([b[30], b[31]]),
        }
    }

    #[inline]
    pub(super) fn encode(&self) -> [u8; HEADER] {
        let mut b = [0; HEADER];
        b[0..4].copy_from_slice(&self.tag.to_le_bytes());
        b[4..8].copy_from_slice(&self.deadline.to_le_bytes());
        b[8..16].copy_from_slice(&self.cas.to_le_bytes());
        b[16..20].copy_from_slice(&self.flags.to_le_bytes());
        b[20..24].copy_from_slice(&self.value_len.to_le_bytes());
        b[24..28].copy_from_slice(&self.accessed.to_le_bytes());
        b[28] = self.key_len;
        b[29] = self.bits;
        b[30..32].copy_from_slice(&self.slack.to_le_bytes());
        b
    }

    /// Bytes that a header starts with, wherever they are.
    #[inline]
    pub(super) fn at(bytes: &[u8], at: usize) -> Self {
        let mut b = [0; HEADER];
        b.copy_from_slice(&bytes[at..at + HEADER]);
        Self::decode(b)
    }

    /// The item of which this is the header, where `bytes` has it at `at`.
    #[inline]
    pub(super) fn item<'a>(&self, bytes: &'a [u8], at: usize) -> Item<'a> {
        let (key_len, value_len) = (usize::from(self.key_len), self.value_len as usize);
        let (key, value) = bytes[at + HEADER..at + HEADER + key_len + value_len].split_at(key_len);
        Item {
            key,
            value,
            facts: ItemFacts::from(self),
        }
    }

    /// Whether it has expired at `now` (Unix seconds).
    #[inline]
    pub(super) fn expired(&self, now: u32) -> bool {
        self.deadline != 0 && self.deadline <= now
    }

    #[inline]
    pub(super) fn has(&self, bit: u8) -> bool {
        self.bits & bit != 0
    }

    #[inline]
    pub(super) fn footprint(&self) -> usize {
        footprint(usize::from(self.key_len), self.value_len as usize)
    }

    #[inline]
    pub(super) fn key<'a>(&self, region: &'a Region, slot: Slot) -> &'a [u8] {
        let at = slot.at() + HEADER;
        &region.bytes()[at..at + usize::from(self.key_len)]
    }

    #[inline]
    pub(super) fn value_at(&self, slot: Slot) -> usize {
        slot.at() + HEADER + usize::from(self.key_len)
    }
}

/// An item as a request sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Item<'a> {
    /// The key's bytes as stored.
    pub key: &'a [u8],
    /// The value.
    pub value: &'a [u8],
    /// What else is known of it.
    pub facts: ItemFacts,
}

/// An item's attributes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ItemFacts {
    /// The client's opaque flags.
    pub flags: u32,
    /// Changes with every modification; unique in a shard.
    pub cas: u64,
    /// Unix time in seconds at which it expires; 0 is never.
    pub deadline: u32,
    /// Unix time in seconds of the last store or fetch before this one.
    pub accessed: u32,
    /// It was fetched before.
    pub fetched: bool,
    /// It was marked stale.
    pub stale: bool,
    /// A client already won the right to recache it.
    pub token_sent: bool,
    /// Its key was given in base64.
    pub key_binary: bool,
}

impl From<&Header> for ItemFacts {
    #[inline]
    fn from(header: &Header) -> Self {
        Self {
            flags: header.flags,
            cas: header.cas,
            deadline: header.deadline,
            accessed: header.accessed,
            fetched: header.has(FETCHED),
            stale: header.has(STALE),
            token_sent: header.has(TOKEN_SENT),
            key_binary: header.has(KEY_BINARY),
        }
    }
}
