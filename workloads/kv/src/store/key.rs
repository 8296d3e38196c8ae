//! A key together with its hash.

/// Longest key in bytes, as in memcached.
pub const KEY_LIMIT: usize = 250;

/// A key of 1 to [`KEY_LIMIT`] bytes and its hash, computed once per request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key<'a> {
    bytes: &'a [u8],
    hash: u64,
}

/// Whether two keys are the same. They are short, so that a call of `memcmp` would cost more than the
/// comparison does.
#[inline]
pub(super) fn same_bytes(one: &[u8], other: &[u8]) -> bool {
    if one.len() != other.len() {
        return false;
    }
    let ((words, rest), (others, remains)) = (one.as_chunks::<8>(), other.as_chunks::<8>());
    let word = |bytes: &[u8; 8]| u64::from_ne_bytes(*bytes);
    let equal = words
        .iter()
        .zip(others)
        .all(|(one, other)| word(one) == word(other));
    equal && rest.iter().zip(remains).all(|(one, other)| one == other)
}

impl<'a> Key<'a> {
    /// Hashes `bytes`; `None` when they are empty or too long for a key.
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Option<Self> {
        Self::with_hash(bytes, steering::hash::hash_bytes(bytes))
    }

    /// Takes over a hash that was computed before. It must be `steering`'s hash of the same
    /// bytes: a key stored under one hash is not found under another.
    #[must_use]
    pub fn with_hash(bytes: &'a [u8], hash: u64) -> Option<Self> {
        (!bytes.is_empty() && bytes.len() <= KEY_LIMIT).then_some(Self { bytes, hash })
    }

    /// The key's bytes.
    #[must_use]
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The steering hash of the key.
    #[must_use]
    pub fn hash(&self) -> u64 {
        self.hash
    }

    /// The 32 bits that the index keeps. A partition's keys agree in the bits that chose their
    /// slot of the partition table, so all bits are mixed before any are dropped.
    #[inline]
    pub(super) fn tag(&self) -> u32 {
        (self.mixed() >> 32) as u32
    }

    /// 16 further bits, never all 0, that tell keys apart which share a bucket.
    #[inline]
    pub(super) fn mark(&self) -> u16 {
        ((self.mixed() >> 16) as u16).max(1)
    }

    #[inline]
    fn mixed(&self) -> u64 {
        self.hash.wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }
}
