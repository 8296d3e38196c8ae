//! The partition table of user space. Not compiled for BPF, which has a map in its place and lacks
//! the atomic types.

use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use crate::Policy;
use crate::table::{SLOTS, Table, entry, owner_in, slot_of};

/// What a repartition of an even table changes: the first `slots` slots, each with its new owner,
/// the next one. The slots of all owners come in turn. Nothing changes with less than two owners.
pub fn passed_on(owners: u16, slots: u16) -> impl Iterator<Item = (u16, u16)> {
    let slots = if owners < 2 { 0 } else { slots };
    (0..slots.min(SLOTS as u16)).map(move |slot| (slot, (slot % owners + 1) % owners))
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
        Self::dealt(|slot| slot % owners)
    }

    /// A range of neighbouring slots to each of `owners`, at epoch 0, so that owners differ by at most one
    /// slot. Zero owners count as one.
    #[must_use]
    pub fn in_ranges(owners: u16) -> Self {
        let owners = usize::from(owners.max(1));
        Self::dealt(|slot| slot * owners / SLOTS)
    }

    /// The table that a policy begins with.
    #[must_use]
    pub fn of(policy: Policy, owners: u16) -> Self {
        match policy {
            Policy::Range(_) => Self::in_ranges(owners),
            Policy::Rss
            | Policy::Key
            | Policy::Port
            | Policy::Cluster
            | Policy::FlowToeplitz
            | Policy::FlowMix
            | Policy::Token
            | Policy::Function
            | Policy::Argument(_)
            | Policy::ScansInTurn => Self::even(owners),
        }
    }

    fn dealt(owner: impl Fn(usize) -> usize) -> Self {
        Self {
            slots: core::array::from_fn(|slot| AtomicU64::new(entry(0, owner(slot) as u16))),
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
        self.slots
            .get(usize::from(slot))
            .map(|slot| slot.load(Ordering::Acquire))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::epoch_in;

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
    fn ranges_are_even_and_in_order() {
        for owners in [1_u16, 2, 3, 7, 64] {
            let table = PartitionTable::in_ranges(owners).snapshot();
            let owner_by_slot = || table.iter().map(|value| owner_in(*value) as usize);
            assert!(owner_by_slot().is_sorted());
            let mut counts = [0_usize; 64];
            owner_by_slot().for_each(|owner| counts[owner] += 1);
            let used = &counts[..usize::from(owners)];
            let spread = used.iter().max().unwrap() - used.iter().min().unwrap();
            assert!(spread <= 1, "{owners} owners: {used:?}");
            assert_eq!(used.iter().sum::<usize>(), SLOTS);
        }
    }

    #[test]
    fn what_is_passed_on_leaves_its_owner_and_keeps_the_spread() {
        let table = PartitionTable::even(3);
        for (slot, to) in passed_on(3, 1024) {
            assert_ne!(table.owner_of(u64::from(slot) << 54), to);
            table.move_slot(slot, to);
        }
        let mut counts = [0; 3];
        for value in table.snapshot() {
            counts[owner_in(value) as usize] += 1;
        }
        counts.sort_unstable();
        assert_eq!(counts, [341, 341, 342]);
        assert_eq!(passed_on(2, 10).count(), 10);
        assert_eq!(passed_on(1, 10).count() + passed_on(0, 10).count(), 0);
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
}
