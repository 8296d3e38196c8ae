//! The partition table: slots of the hash space, each with an owner and the epoch of its last
//! change.
//!
//! A slot is one `u64`, `epoch << 32 | owner`, so that a reader sees owner and epoch of the same
//! moment without a lock, in user space and in a BPF array alike (whose value is then a plain
//! integer). Moving a partition rewrites one slot.

use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// Number of slots.
pub const SLOTS: usize = 1024;

/// The slot of a hash: its topmost bits, the best mixed ones of a multiplication.
#[inline(always)]
#[must_use]
pub const fn slot_of(hash: u64) -> u16 {
    (hash >> (64 - SLOTS.ilog2())) as u16
}

/// A slot's value.
#[inline(always)]
#[must_use]
pub const fn entry(epoch: u32, owner: u16) -> u64 {
    (epoch as u64) << 32 | owner as u64
}

/// The owner in a slot's value. Any `u32` can come out of a corrupted slot.
#[inline(always)]
#[must_use]
pub const fn owner_in(entry: u64) -> u32 {
    entry as u32
}

/// The epoch in a slot's value.
#[inline(always)]
#[must_use]
pub const fn epoch_in(entry: u64) -> u32 {
    (entry >> 32) as u32
}

/// Something that knows the slots: the kernel's map or an array.
pub trait Table {
    /// The value of a slot below [`SLOTS`]; `None` if there is none.
    fn entry(&self, slot: u16) -> Option<u64>;
}

impl Table for [u64] {
    #[inline(always)]
    fn entry(&self, slot: u16) -> Option<u64> {
        self.get(usize::from(slot)).copied()
    }
}

/// The table of user space, shared by threads.
#[derive(Debug)]
pub struct PartitionTable {
    slots: [AtomicU64; SLOTS],
    epoch: AtomicU32,
}

impl PartitionTable {
    /// Slots dealt to `owners` in turn, at epoch 0, so that owners differ by at most one slot.
    /// Zero owners count as one.
    #[must_use]
    pub fn even(owners: u16) -> Self {
        let owners = usize::from(owners.max(1));
        Self {
            slots: core::array::from_fn(|slot| AtomicU64::new(entry(0, (slot % owners) as u16))),
            epoch: AtomicU32::new(0),
        }
    }

    /// Owner of a key by its hash.
    #[must_use]
    pub fn owner_of(&self, hash: u64) -> u16 {
        owner_in(self.load(slot_of(hash))) as u16
    }

    /// Gives a slot (taken modulo [`SLOTS`]) to another owner; returns the epoch of the change.
    pub fn move_slot(&self, slot: u16, owner: u16) -> u32 {
        let epoch = self.epoch.fetch_add(1, Ordering::AcqRel) + 1;
        self.slots[usize::from(slot) % SLOTS].store(entry(epoch, owner), Ordering::Release);
        epoch
    }

    /// Number of changes so far.
    #[must_use]
    pub fn epoch(&self) -> u32 {
        self.epoch.load(Ordering::Acquire)
    }

    /// All slots' values, each read atomically.
    #[must_use]
    pub fn snapshot(&self) -> [u64; SLOTS] {
        core::array::from_fn(|slot| self.slots[slot].load(Ordering::Acquire))
    }

    fn load(&self, slot: u16) -> u64 {
        self.slots[usize::from(slot)].load(Ordering::Acquire)
    }
}

impl Table for PartitionTable {
    fn entry(&self, slot: u16) -> Option<u64> {
        self.slots.get(usize::from(slot)).map(|slot| slot.load(Ordering::Acquire))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_dealt_evenly() {
        for owners in [1_u16, 2, 3, 7, 64] {
            let table = PartitionTable::even(owners);
            let mut counts = [0_usize; 64];
            for value in table.snapshot() {
                counts[owner_in(value) as usize] += 1;
            }
            let used = &counts[..usize::from(owners)];
            let spread = used.iter().max().unwrap() - used.iter().min().unwrap();
            assert!(spread <= 1, "{owners} owners: {used:?}");
            assert_eq!(used.iter().sum::<usize>(), SLOTS);
        }
    }

    #[test]
    fn a_move_changes_one_slot_and_the_epoch() {
        let table = PartitionTable::even(4);
        let before = table.snapshot();
        assert_eq!(table.move_slot(10, 3), 1);
        assert_eq!(table.move_slot(11, 2), 2);
        let after = table.snapshot();
        assert_eq!(table.epoch(), 2);
        assert_eq!((epoch_in(after[11]), owner_in(after[11])), (2, 2));
        let changed = before.iter().zip(&after).filter(|(a, b)| a != b).count();
        assert_eq!(changed, 2);
        assert_eq!(table.owner_of(10 << 54), 3);
    }

    #[test]
    fn every_slot_is_reachable() {
        assert_eq!(slot_of(u64::MAX), 1023);
        assert_eq!(slot_of(0), 0);
        assert_eq!(slot_of(1 << 54), 1);
    }
}
