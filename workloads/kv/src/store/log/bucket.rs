//! A bucket of the index: one cache line of eight words.
//!
//! The first word holds the version (upper half, see [`version`](super::version)) and the number of
//! the next bucket of a chain (lower half, 0 is none); the others are entries: 16 bits of the key's
//! hash, never 0, and the item's position in 48 bits; an empty entry is 0. So has MICA's (Lim et
//! al., NSDI'14, section 4.3.2; the sources' `ltable.h` with seven entries).

use super::super::key::Key;

/// Bytes of a bucket.
pub(super) const BUCKET: usize = 64;
/// Entries of a bucket.
pub(super) const ENTRIES: usize = 7;

/// The words of a bucket, as they lie in memory.
pub(super) type Words = [[u8; 8]; ENTRIES + 1];

/// A bucket, where its words lie: they are compared without being copied.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bucket<'a>(pub(super) &'a Words);

/// An entry's place in its bucket, 1 to 7.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Way(pub(super) u8);

/// The 16 bits of a key that entries hold. The bucket is found by others ([`Key::tag`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mark(u64);

impl Mark {
    #[inline]
    pub(super) fn of(key: Key<'_>) -> Self {
        Self(u64::from(key.mark()) << 48)
    }

    #[inline]
    pub(super) fn entry(self, position: usize) -> u64 {
        self.0 | position as u64
    }
}

/// The mark of an entry, to give to another position.
#[inline]
pub(super) fn mark_of(entry: u64) -> Mark {
    Mark(entry & !POSITION)
}

const POSITION: u64 = (1 << 48) - 1;

/// The position that an entry names.
#[inline]
pub(super) fn position(entry: u64) -> usize {
    (entry & POSITION) as usize
}

impl<'a> Bucket<'a> {
    /// The bucket at byte `at` of its owner's memory; an empty one beyond it.
    #[inline]
    pub(super) fn at(bytes: &'a [u8], at: usize) -> Self {
        const EMPTY: &Words = &[[0; 8]; ENTRIES + 1];
        let line = bytes.get(at..).and_then(<[u8]>::first_chunk::<BUCKET>);
        let words = line.and_then(|line| line.as_chunks::<8>().0.first_chunk());
        Self(words.unwrap_or(EMPTY))
    }

    #[inline]
    fn word(self, at: usize) -> u64 {
        u64::from_le_bytes(self.0[at])
    }

    /// The number of the next bucket of the chain; 0 is none.
    #[inline]
    pub(super) fn next(self) -> u32 {
        self.word(0) as u32
    }

    /// The first word with another next bucket.
    #[inline]
    pub(super) fn with_next(self, next: u32) -> u64 {
        self.word(0) >> 32 << 32 | u64::from(next)
    }

    /// The entry at `way`.
    #[inline]
    pub(super) fn entry(self, way: Way) -> u64 {
        self.word(usize::from(way.0))
    }

    /// The ways whose entries have this mark. All are compared, without a branch on any: which way
    /// it is cannot be predicted.
    #[inline]
    pub(super) fn ways(self, mark: Mark) -> impl Iterator<Item = Way> + use<> {
        let mut found = 0u32;
        for at in 1..=ENTRIES {
            found |= u32::from((self.word(at) ^ mark.0) >> 48 == 0) << at;
        }
        std::iter::from_fn(move || {
            let way = found.trailing_zeros();
            found &= found.wrapping_sub(1);
            (way < 32).then_some(Way(way as u8))
        })
    }

    /// The ways that are occupied, with their entries.
    #[inline]
    pub(super) fn occupied(self) -> impl Iterator<Item = (Way, u64)> {
        (1..=ENTRIES as u8)
            .map(move |way| (Way(way), self.entry(Way(way))))
            .filter(|(_, entry)| *entry != 0)
    }

    /// A way without an entry.
    #[inline]
    pub(super) fn vacant(self) -> Option<Way> {
        (1..=ENTRIES as u8)
            .map(Way)
            .find(|way| self.entry(*way) == 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ways_are_those_of_the_mark() {
        let key = Key::with_hash(b"k", 7).unwrap();
        let mark = Mark::of(key);
        let other = Mark(mark.0 ^ 1 << 48);
        let words = [
            9 << 32,
            mark.entry(8),
            0,
            other.entry(8),
            mark.entry(16),
            0,
            0,
            other.entry(0),
        ];
        let words = words.map(u64::to_le_bytes);
        let bucket = Bucket(&words);
        let ways: Vec<_> = bucket.ways(mark).map(|way| way.0).collect();
        assert_eq!(ways, [1, 4]);
        assert_eq!(bucket.vacant(), Some(Way(2)));
        assert_eq!(bucket.occupied().count(), 4);
        assert_eq!(position(bucket.entry(Way(4))), 16);
        assert_eq!(mark_of(bucket.entry(Way(4))), mark);
        assert_eq!(bucket.with_next(5), 9 << 32 | 5);
    }

    #[test]
    fn no_mark_is_that_of_an_empty_entry() {
        let empty = Bucket(&[[0; 8]; 8]);
        for hash in 0..1000u64 {
            let key = Key::with_hash(b"k", hash << 40).unwrap();
            assert_eq!(empty.ways(Mark::of(key)).count(), 0);
        }
    }
}
