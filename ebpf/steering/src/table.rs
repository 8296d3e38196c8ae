//! The partition table: slots of the hash space, each with an owner and the epoch of its last
//! change.
//!
//! A slot is one `u64`, `epoch << 32 | owner`, so that a reader sees owner and epoch of the same
//! moment without a lock, in user space and in a BPF array alike (whose value is then a plain
//! integer). Moving a partition rewrites one slot.

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_slot_is_reachable() {
        assert_eq!(slot_of(u64::MAX), 1023);
        assert_eq!(slot_of(0), 0);
        assert_eq!(slot_of(1 << 54), 1);
    }

    #[test]
    fn owner_and_epoch_come_back() {
        let value = entry(u32::MAX, 513);
        assert_eq!((epoch_in(value), owner_in(value)), (u32::MAX, 513));
    }
}
