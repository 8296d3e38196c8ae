//! What is in a cache, and what is to come in and go. Pure; [`super`] does it.
//!
//! What is cached is worth what it saved in the last interval: how often it was given out, times what it costs to come
//! by otherwise. Items of a store cost alike, 1 each; a response costs the CPU time that computed it. Otherwise this is the
//! controller of NetCache (SOSP 2017, section 4.4.3): a key that the program reports hot comes in; where
//! there is no room it takes the place of the one that was given out least in the last interval, if
//! that one was asked for less. An item whose key was written is read again.

use std::collections::HashMap;
use std::sync::Arc;

use steering::hash::hash_bytes;

/// The bytes of a key.
pub(super) type KeyBytes = Arc<[u8]>;

/// An item, or a response, in the cache.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    key: KeyBytes,
    slot: u32,
    /// What it saves each time that it is given out.
    cost: u64,
    /// The sum of its clocks when its value was read; the program gives it out while that is the sum.
    clock: u64,
}

/// See the [module](self).
#[derive(Debug)]
pub(super) struct Contents {
    capacity: usize,
    entries: HashMap<u64, Entry>,
    free: Vec<u32>,
    /// Slots that the program may still read.
    retired: Vec<u32>,
    /// How often each slot was given out in the last interval.
    hits: Vec<u64>,
}

/// What has to be done to publish an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Admitted {
    /// The slot to write it into.
    pub(super) slot: u32,
    /// The hash whose item has to leave first.
    pub(super) evicted: Option<u64>,
}

impl Contents {
    /// An empty cache for `capacity` items in `slots` slots. The slots beyond the capacity are for items
    /// that take another one's place while that one may still be read.
    pub(super) fn new(capacity: usize, slots: u32) -> Self {
        Self {
            capacity,
            entries: HashMap::with_capacity(capacity),
            free: (0..slots).rev().collect(),
            retired: Vec::new(),
            hits: vec![0; slots as usize],
        }
    }

    /// Items in the cache.
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether what would save so much in an interval should come in.
    pub(super) fn wants(&self, hash: u64, worth: u64) -> bool {
        if self.entries.contains_key(&hash) {
            return false;
        }
        self.entries.len() < self.capacity || self.coldest().is_some_and(|(_, least)| least < worth)
    }

    /// The sum of clocks of what is in the cache under these bytes.
    pub(super) fn clock_of(&self, key: &[u8]) -> Option<u64> {
        let entry = self.entries.get(&hash_bytes(key))?;
        (*entry.key == *key).then_some(entry.clock)
    }

    /// Keys whose items are not given out any more, for `executed` (the sum of a hash's clocks as the
    /// server has them) has gone on.
    pub(super) fn stale(&self, executed: impl Fn(u64) -> u64) -> Vec<KeyBytes> {
        let stale = |(hash, entry): &(&u64, &Entry)| executed(**hash) != entry.clock;
        let entries = self.entries.iter().filter(stale);
        entries.map(|(_, entry)| Arc::clone(&entry.key)).collect()
    }

    /// Takes in what was read or computed at `clock` and saves `cost` each time; nothing if no slot is free.
    pub(super) fn admit(&mut self, key: &KeyBytes, clock: u64, cost: u64) -> Option<Admitted> {
        let hash = hash_bytes(key);
        let slot = self.free.pop()?;
        let entry = Entry {
            key: Arc::clone(key),
            slot,
            cost,
            clock,
        };
        // Too few hits for the new one in its first interval would let it be the next to leave.
        self.hits[slot as usize] = u64::MAX;
        if let Some(before) = self.entries.insert(hash, entry) {
            self.hits[slot as usize] = self.hits[before.slot as usize];
            self.retired.push(before.slot);
            return Some(Admitted {
                slot,
                evicted: None,
            });
        }
        let evicted = (self.entries.len() > self.capacity)
            .then(|| self.coldest().map(|(hash, _)| hash))
            .flatten();
        if let Some(evicted) = evicted {
            self.remove(evicted);
        }
        Some(Admitted { slot, evicted })
    }

    /// Forgets an item that the index no longer names.
    pub(super) fn remove(&mut self, hash: u64) -> bool {
        let removed = self.entries.remove(&hash);
        self.retired
            .extend(removed.as_ref().map(|entry| entry.slot));
        removed.is_some()
    }

    /// Whether it is time for a grace period: fewer slots are free than wait for one.
    pub(super) fn needs_grace(&self) -> bool {
        !self.retired.is_empty() && self.free.len() <= self.retired.len()
    }

    /// A grace period has passed since the last change.
    pub(super) fn reclaim(&mut self) {
        self.free.append(&mut self.retired);
    }

    /// An interval has ended, in which each slot was given out so often.
    pub(super) fn interval(&mut self, hits: Vec<u64>) {
        self.hits = hits;
    }

    /// The hash of what saved least, and how much that was.
    fn coldest(&self) -> Option<(u64, u64)> {
        let hits = |entry: &Entry| self.hits.get(entry.slot as usize).copied().unwrap_or(0);
        let entries = self.entries.iter();
        entries
            .map(|(hash, entry)| (*hash, hits(entry).saturating_mul(entry.cost)))
            .min_by_key(|(hash, worth)| (*worth, *hash))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str) -> KeyBytes {
        Arc::from(name.as_bytes())
    }

    fn hash(name: &str) -> u64 {
        hash_bytes(name.as_bytes())
    }

    #[test]
    fn the_coldest_gives_way_to_the_hotter() {
        let mut cache = Contents::new(2, 4);
        let first = cache.admit(&key("a"), 0, 1).expect("room");
        let second = cache.admit(&key("b"), 0, 1).expect("room");
        assert_eq!((first.evicted, second.evicted), (None, None));
        let mut hits = vec![0; 4];
        hits[first.slot as usize] = 10;
        hits[second.slot as usize] = 5;
        cache.interval(hits);
        assert!(!cache.wants(hash("a"), 100), "it is there");
        assert!(!cache.wants(hash("c"), 5) && cache.wants(hash("c"), 6));
        let third = cache.admit(&key("c"), 0, 1).expect("room");
        assert_eq!(third.evicted, Some(hash("b")));
        assert_eq!(cache.len(), 2);
        assert!(
            !cache.wants(hash("d"), 9),
            "the new one stays for an interval"
        );
    }

    #[test]
    fn a_slot_is_used_again_after_a_grace_period_only() {
        let mut cache = Contents::new(1, 2);
        let first = cache.admit(&key("a"), 0, 1).expect("room");
        let again = cache.admit(&key("a"), 1, 1).expect("room");
        assert_ne!(first.slot, again.slot);
        assert!(cache.needs_grace());
        assert_eq!(cache.admit(&key("a"), 2, 1), None);
        cache.reclaim();
        assert_eq!(
            cache.admit(&key("a"), 2, 1).map(|it| it.slot),
            Some(first.slot)
        );
        assert!(cache.remove(hash("a")) && !cache.remove(hash("a")));
        assert_eq!(cache.len(), 0);
    }

    #[test]
    fn what_costs_more_stays_longer() {
        let mut cache = Contents::new(2, 4);
        let cheap = cache.admit(&key("cheap"), 3, 10).expect("room");
        let dear = cache.admit(&key("dear"), 4, 1_000).expect("room");
        let mut hits = vec![0; 4];
        hits[cheap.slot as usize] = 50;
        hits[dear.slot as usize] = 1;
        cache.interval(hits);
        assert!(!cache.wants(hash("new"), 500) && cache.wants(hash("new"), 501));
        let new = cache.admit(&key("new"), 5, 501).expect("room");
        assert_eq!(new.evicted, Some(hash("cheap")));
        assert_eq!(cache.clock_of(b"dear"), Some(4));
        assert_eq!(cache.clock_of(b"cheap"), None);
    }

    #[test]
    fn what_was_written_since_is_stale() {
        let mut cache = Contents::new(4, 8);
        for name in ["a", "b"] {
            cache.admit(&key(name), 7, 1).expect("room");
        }
        let executed = |of: u64| if of == hash("b") { 8 } else { 7 };
        assert_eq!(cache.stale(executed), [key("b")]);
        cache.admit(&key("b"), 8, 1).expect("room");
        assert!(cache.stale(executed).is_empty());
    }
}
