//! Taking the items of a partition slot out of a shard, when the slot changes owners.

use super::super::item::Item;
use super::super::items::Items;
use super::super::key::Key;
use super::Shard;
use steering::SLOTS;

impl<M: Items> Shard<M> {
    /// Unlinks every item that `slot_of` files under one of `slots` of the partition table, after giving each
    /// that is still valid to `each` with its slot; returns how many those were. Reads all memory in
    /// use once, however many slots there are.
    pub fn take_slots(
        &mut self,
        slots: &[u16],
        slot_of: impl Fn(Key<'_>) -> u16,
        now: u32,
        mut each: impl FnMut(u16, &Item<'_>),
    ) -> u64 {
        let mut wanted = [false; SLOTS];
        for slot in slots {
            wanted[usize::from(*slot) % SLOTS] = true;
        }
        let in_slots =
            |key: &[u8]| Key::new(key).is_some_and(|key| wanted[usize::from(slot_of(key)) % SLOTS]);
        let mut taken = 0;
        for bytes in self.items.keys(in_slots) {
            // Unlinks what has expired or was flushed, and then finds nothing.
            if let Some(key) = Key::new(&bytes)
                && let Some(place) = self.locate(key, now)
            {
                each(slot_of(key), &self.item_at(place));
                self.items.remove(place);
                taken += 1;
            }
        }
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::log::LogConfig;
    use super::super::{ShardConfig, StoreRequest};
    use super::*;

    fn slot_of(key: Key<'_>) -> u16 {
        steering::slot_of(key.hash())
    }

    #[test]
    fn exactly_the_slots_items_leave() {
        leave(Shard::new(ShardConfig { bytes: 8 << 20 }).unwrap());
        leave(Shard::log(LogConfig::cache(8 << 20)).unwrap());
    }

    fn leave<M: Items>(mut shard: Shard<M>) {
        let keys: Vec<String> = (0..5000).map(|n| format!("key-{n}")).collect();
        for key in &keys {
            let value = vec![b'v'; key.len() * 40];
            shard.store(
                &StoreRequest::set(Key::new(key.as_bytes()).unwrap(), &value),
                1,
            );
        }
        let slot = slot_of(Key::new(b"key-7").unwrap());
        let mut left = Vec::new();
        let taken = shard.take_slots(&[slot], slot_of, 1, |of, item| {
            assert_eq!(of, slot);
            assert_eq!(item.value.len(), item.key.len() * 40);
            left.push(item.key.to_vec());
        });
        assert_eq!(taken as usize, left.len());
        assert!(left.contains(&b"key-7".to_vec()));
        for key in &keys {
            let bytes = key.as_bytes();
            let key = Key::new(bytes).unwrap();
            assert_eq!(shard.get(key, 1).is_none(), slot_of(key) == slot);
            assert_eq!(left.iter().any(|gone| gone == bytes), slot_of(key) == slot);
        }
        assert_eq!(shard.take_slots(&[slot], slot_of, 1, |_, _| ()), 0);
    }

    #[test]
    fn what_has_expired_goes_without_being_shown() {
        expire(Shard::new(ShardConfig { bytes: 8 << 20 }).unwrap());
        expire(Shard::log(LogConfig::cache(8 << 20)).unwrap());
    }

    fn expire<M: Items>(mut shard: Shard<M>) {
        let key = Key::new(b"short").unwrap();
        let request = StoreRequest {
            deadline: 5,
            ..StoreRequest::set(key, b"x")
        };
        shard.store(&request, 1);
        assert_eq!(
            shard.take_slots(&[slot_of(key)], slot_of, 9, |_, _| panic!("shown")),
            0
        );
        assert_eq!(shard.usage().curr_items, 0);
    }
}
