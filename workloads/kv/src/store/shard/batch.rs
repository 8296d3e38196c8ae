//! Batched lookups: the memory of many keys is on its way at the same time.
//!
//! MICA's two stages of prefetching (Lim et al., NSDI'14, section 4.1.3): first a key's index bucket is asked for, later
//! the item that the bucket names, and later still the key is served. A miss in the processor's
//! caches costs about as much as serving a request twice over, and a core keeps some twenty misses
//! under way, so that they cost little more than one.

use super::Shard;
use crate::store::item::Item;
use crate::store::items::Items;
use crate::store::key::Key;

/// Requests between a stage and the next: enough to hide a miss to memory, and a power of 2. Between 8
/// and 32 the rate hardly depends on it as long as all lines of an item are asked for.
const DISTANCE: usize = 16;

/// Requests that are on their way.
const UNDER_WAY: usize = 2 * DISTANCE;

/// What asks for memory before it is needed.
pub trait Prefetch {
    /// Asks for what a request for this key reads first: the first stage.
    fn prefetch(&self, key: Key<'_>);

    /// Asks for the item itself: the second stage, which reads what the first one has asked for.
    fn prefetch_item(&self, key: Key<'_>);
}

/// Runs `serve` on every request, in order, while the memory of those behind it is on its way.
#[inline]
pub fn pipeline<'k, S: Prefetch, T: Copy>(
    store: &mut S,
    mut requests: impl Iterator<Item = (Key<'k>, T)>,
    mut serve: impl FnMut(&mut S, Key<'k>, T),
) {
    let mut waiting = [None; UNDER_WAY];
    let mut turn = 0;
    let mut left = UNDER_WAY;
    while left > 0 {
        // The place of the request that is served now is that of the one that comes in.
        let place = turn % UNDER_WAY;
        if let Some((key, what)) = waiting[place].take() {
            serve(store, key, what);
        }
        match requests.next() {
            Some((key, what)) => {
                store.prefetch(key);
                waiting[place] = Some((key, what));
            }
            None => left -= 1,
        }
        if let Some((key, _)) = waiting[(turn + DISTANCE) % UNDER_WAY] {
            store.prefetch_item(key);
        }
        turn += 1;
    }
}

impl<M: Items> Prefetch for Shard<M> {
    #[inline]
    fn prefetch(&self, key: Key<'_>) {
        self.items.prefetch_index(key);
    }

    #[inline]
    fn prefetch_item(&self, key: Key<'_>) {
        self.items.prefetch_item(key);
    }
}

impl<M: Items> Shard<M> {
    /// Gets all keys, and shows each with what was found under it, in order.
    pub fn get_batch<'k>(
        &mut self,
        keys: &[Key<'k>],
        now: u32,
        mut each: impl FnMut(Key<'k>, Option<Item<'_>>),
    ) {
        let requests = keys.iter().map(|key| (*key, ()));
        pipeline(self, requests, |shard, key, ()| {
            each(key, shard.get(key, now));
        });
    }
}
