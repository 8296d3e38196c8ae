//! Batched lookups: the memory of many keys is on its way at the same time.
//!
//! MICA's pipeline (Lim et al., NSDI'14, section 4.1.3): first the index buckets of all keys are asked for,
//! then the items that the buckets name, then the keys are served. A miss in the processor's
//! caches costs about as much as serving a request twice over, and a core keeps about ten misses
//! under way, so that the batch's misses cost little more than one.

use super::Shard;
use crate::store::item::Item;
use crate::store::items::Items;
use crate::store::key::Key;

impl<M: Items> Shard<M> {
    /// Asks for what a request for this key reads first: the first stage.
    #[inline]
    pub fn prefetch(&self, key: Key<'_>) {
        self.items.prefetch_index(key);
    }

    /// Asks for the item itself: the second stage, which reads what the first one has asked for.
    #[inline]
    pub fn prefetch_item(&self, key: Key<'_>) {
        self.items.prefetch_item(key);
    }

    /// Gets all keys, and shows each with what was found under it, in order.
    pub fn get_batch<'k>(
        &mut self,
        keys: &[Key<'k>],
        now: u32,
        mut each: impl FnMut(Key<'k>, Option<Item<'_>>),
    ) {
        for key in keys {
            self.prefetch(*key);
        }
        for key in keys {
            self.prefetch_item(*key);
        }
        for key in keys {
            each(*key, self.get(*key, now));
        }
    }
}
