//! Which keys one owner was asked for most, by a sample of its gets.
//!
//! The Count-Min sketch of [`steering::in_kernel::sketch`], which the program of `netcache` keeps in the
//! path, here in the thread that executes: it has the key and its hash at hand. What the program
//! leaves to a Bloom filter and a threshold, a short list of the hottest does here.

use std::collections::HashMap;

use steering::in_kernel::sketch::{CELLS, ROWS, cell, is_sampled};

use super::KeyBytes;
use super::by_hash::ByHash;

/// One of 2^this gets is counted.
const SAMPLE_SHIFT: u32 = 2;
/// Sampled gets of an interval that let a key into the list.
const LEAST: u32 = 2;

/// A key with its gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Counted {
    /// The key's hash.
    pub(super) hash: u64,
    /// The key.
    pub(super) key: KeyBytes,
    /// Sampled gets in one interval, by the sketch's estimate: never too few.
    pub(super) gets: u32,
}

/// See the [module](self).
#[derive(Debug)]
pub(crate) struct Census {
    cells: Box<[u32]>,
    list: ByHash<Counted>,
    most: usize,
    /// While the list is full: the fewest gets in it.
    floor: u32,
    random: u32,
    ends_ns: u64,
}

impl Census {
    /// An empty one that lists `most` keys.
    pub(crate) fn new(most: usize) -> Self {
        Self {
            cells: vec![0; CELLS].into_boxed_slice(),
            list: HashMap::default(),
            most,
            floor: 0,
            random: 0x9e37_79b9,
            ends_ns: 0,
        }
    }

    /// A get of this key was executed.
    #[inline]
    pub(crate) fn see(&mut self, hash: u64, key: &[u8]) {
        // xorshift32 (Marsaglia 2003).
        self.random ^= self.random << 13;
        self.random ^= self.random >> 17;
        self.random ^= self.random << 5;
        if is_sampled(self.random, SAMPLE_SHIFT) {
            self.count(hash, key);
        }
    }

    fn count(&mut self, hash: u64, key: &[u8]) {
        let mut gets = u32::MAX;
        for row in 0..ROWS {
            let cell = &mut self.cells[cell(hash, row)];
            *cell = cell.saturating_add(1);
            gets = gets.min(*cell);
        }
        if let Some(counted) = self.list.get_mut(&hash) {
            counted.gets = gets;
            return;
        }
        if gets < LEAST || gets <= self.floor {
            return;
        }
        if self.list.len() >= self.most {
            let fewest = self.list.values().min_by_key(|it| (it.gets, it.hash));
            let Some((fewest, floor)) = fewest.map(|it| (it.hash, it.gets)) else {
                return;
            };
            self.floor = floor;
            if gets <= floor {
                return;
            }
            self.list.remove(&fewest);
        }
        let key = KeyBytes::from(key);
        self.list.insert(hash, Counted { hash, key, gets });
    }

    /// Once an interval of `interval_ns` has passed, what was counted in it; a new one begins.
    pub(crate) fn after(&mut self, now_ns: u64, interval_ns: u64) -> Option<Vec<Counted>> {
        if now_ns < self.ends_ns {
            return None;
        }
        self.ends_ns = now_ns + interval_ns;
        self.floor = 0;
        self.cells.fill(0);
        let list = std::mem::take(&mut self.list);
        Some(list.into_values().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use steering::hash::hash_bytes;

    fn counted(census: &mut Census, now_ns: u64) -> Vec<Counted> {
        let mut list = census.after(now_ns, 10).expect("an interval has passed");
        list.sort_by_key(|it| std::cmp::Reverse(it.gets));
        list
    }

    #[test]
    fn the_hottest_are_listed_whenever_they_come() {
        let mut census = Census::new(3);
        assert_eq!(census.after(0, 10), Some(Vec::new()));
        // A crowd of lukewarm keys before, between and behind three hot ones.
        for round in 0..200_u32 {
            for number in 0..20_u32 {
                let key = format!("key{}", number * 7 + round % 7);
                census.see(hash_bytes(key.as_bytes()), key.as_bytes());
            }
            for (name, times) in [("a", 40), ("b", 30), ("c", 20)] {
                for _ in 0..times {
                    census.see(hash_bytes(name.as_bytes()), name.as_bytes());
                }
            }
        }
        assert_eq!(census.after(9, 10), None, "it is not over");
        let list = counted(&mut census, 10);
        let names: Vec<_> = list.iter().map(|it| it.key.as_ref()).collect();
        assert_eq!(names, [b"a", b"b", b"c"]);
        // 8000 gets of `a`, a quarter sampled.
        assert!((1_700..2_300).contains(&list[0].gets), "{}", list[0].gets);
        assert!(counted(&mut census, 20).is_empty(), "it begins anew");
    }
}
