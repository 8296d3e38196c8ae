//! Where each key's slot is: open addressing with linear probing, at the start of the region.
//!
//! An entry is 8 bytes: 32 bits of the mixed hash and the slot. The tag also says where the
//! entry's home is, so a deletion can shift its successors back without reading any item, and
//! no tombstones build up. The tag is compared before the key is, so a lookup costs one line of
//! the index and one of the item, but for a chance of 2^-32 times the probe length.

use super::item::Slot;
use super::region::Region;

/// Bytes of one entry.
pub(super) const ENTRY: usize = 8;

/// The index's extent; its entries are in the region.
#[derive(Debug, Clone)]
pub(super) struct Index {
    entries: usize,
}

/// An occupied entry's position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Position(usize);

impl Index {
    /// An index of `bytes` at the start of the (zeroed) region.
    pub(super) fn new(bytes: usize) -> Self {
        Self {
            entries: bytes / ENTRY,
        }
    }

    /// Entries that may be occupied, so that a probe always ends: seven eighths.
    pub(super) fn limit(&self) -> usize {
        self.entries - self.entries / 8
    }

    #[inline]
    fn home(&self, tag: u32) -> usize {
        ((u64::from(tag) * self.entries as u64) >> 32) as usize
    }

    #[inline]
    fn next(&self, at: usize) -> usize {
        if at + 1 == self.entries { 0 } else { at + 1 }
    }

    /// The entry at `at` as tag and slot; slot 0 is the index itself and stands for empty.
    #[inline]
    fn entry(region: &Region, at: usize) -> (u32, Slot) {
        let word = u64::from_le_bytes(region.read(at * ENTRY));
        ((word >> 32) as u32, Slot(word as u32))
    }

    #[inline]
    fn set(region: &mut Region, at: usize, tag: u32, slot: Slot) {
        let word = u64::from(tag) << 32 | u64::from(slot.0);
        region.write(at * ENTRY, &word.to_le_bytes());
    }

    /// Byte offset of the home entry: what to prefetch.
    #[inline]
    pub(super) fn home_at(&self, tag: u32) -> usize {
        self.home(tag) * ENTRY
    }

    /// The first slot under `tag` for which `is_it` holds.
    #[inline]
    pub(super) fn find(
        &self,
        region: &Region,
        tag: u32,
        is_it: impl Fn(Slot) -> bool,
    ) -> Option<(Position, Slot)> {
        let mut at = self.home(tag);
        loop {
            let (other, slot) = Self::entry(region, at);
            if slot.0 == 0 {
                return None;
            }
            if other == tag && is_it(slot) {
                return Some((Position(at), slot));
            }
            at = self.next(at);
        }
    }

    /// Adds an entry. The caller keeps the number of entries below [`limit`](Self::limit).
    pub(super) fn insert(&self, region: &mut Region, tag: u32, slot: Slot) {
        let mut at = self.home(tag);
        while Self::entry(region, at).1.0 != 0 {
            at = self.next(at);
        }
        Self::set(region, at, tag, slot);
    }

    /// Lets an entry point to another slot.
    pub(super) fn replace(&self, region: &mut Region, position: Position, tag: u32, slot: Slot) {
        Self::set(region, position.0, tag, slot);
    }

    /// Removes an entry and moves back the ones behind it that probed past it.
    pub(super) fn remove(&self, region: &mut Region, position: Position) {
        let mut hole = position.0;
        let mut at = hole;
        loop {
            at = self.next(at);
            let (tag, slot) = Self::entry(region, at);
            if slot.0 == 0 {
                break;
            }
            let distance = |from: usize, to: usize| (to + self.entries - from) % self.entries;
            if distance(self.home(tag), at) >= distance(hole, at) {
                Self::set(region, hole, tag, slot);
                hole = at;
            }
        }
        Self::set(region, hole, 0, Slot(0));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn behaves_like_a_set_of_pairs(
            steps in prop::collection::vec((any::<bool>(), 0..6u32, 1..40u32), 0..200),
        ) {
            let mut region = Region::new(64 * ENTRY).unwrap();
            let index = Index::new(64 * ENTRY);
            let mut model = std::collections::HashMap::new();
            for (add, group, id) in steps {
                // Few homes, some of them at the wrap-around.
                let tag = group.wrapping_mul(0x3000_0000).wrapping_sub(1);
                let found = index.find(&region, tag, |slot| slot.0 == id);
                prop_assert_eq!(found.is_some(), model.contains_key(&(tag, id)));
                match (add, found) {
                    (true, None) if model.len() < index.limit() => {
                        index.insert(&mut region, tag, Slot(id));
                        model.insert((tag, id), ());
                    }
                    (false, Some((position, _))) => {
                        index.remove(&mut region, position);
                        model.remove(&(tag, id));
                    }
                    (true, _) | (false, None) => {}
                }
                for (tag, id) in model.keys() {
                    prop_assert!(index.find(&region, *tag, |slot| slot.0 == *id).is_some());
                }
            }
        }
    }
}
