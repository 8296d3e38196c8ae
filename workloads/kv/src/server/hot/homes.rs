//! The owner's side of hot keys: of which of its items others have copies, and what waits until those
//! are gone. Pure; the argument is in the [module above](super).

use std::collections::HashMap;

use super::KeyBytes;
use super::by_hash::ByHash;

/// Where a hot item's copies are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Copies {
    /// Nowhere.
    None,
    /// At the other owners, or on their way there.
    Given,
    /// Called back; so many owners have not said yet that theirs is gone.
    Withdrawn { missing: usize },
}

#[derive(Debug)]
struct Home<W> {
    key: KeyBytes,
    copies: Copies,
    /// It is no longer hot, and forgotten once no copy is left.
    leaves: bool,
    /// The item is to be looked at, and given to the others.
    is_new: bool,
    waiting: Vec<W>,
}

/// The hot keys of one owner. `W` is what can wait: requests.
#[derive(Debug)]
pub(crate) struct Homes<W> {
    others: usize,
    homes: ByHash<Home<W>>,
    new: Vec<u64>,
    /// What concerns all keys, and waits until there are no copies of any.
    waiting_for_all: Vec<W>,
    waiting: usize,
}

impl<W> Homes<W> {
    /// Of an owner beside `others`, at least one.
    pub(crate) fn new(others: usize) -> Self {
        Self {
            others,
            homes: HashMap::default(),
            new: Vec::new(),
            waiting_for_all: Vec::new(),
            waiting: 0,
        }
    }

    /// The key is hot, from now on or still.
    pub(crate) fn heat(&mut self, hash: u64, key: &KeyBytes) {
        let home = self.homes.entry(hash).or_insert_with(|| Home {
            key: KeyBytes::clone(key),
            copies: Copies::None,
            leaves: false,
            is_new: false,
            waiting: Vec::new(),
        });
        home.leaves = false;
        self.renew(hash);
    }

    /// The key is no longer hot. True: its copies are to be called back.
    pub(crate) fn cool(&mut self, hash: u64) -> bool {
        let Some(home) = self.homes.get_mut(&hash) else {
            return false;
        };
        home.leaves = true;
        if home.copies == Copies::None {
            self.homes.remove(&hash);
            return false;
        }
        self.call_back(hash)
    }

    /// Whether others may have a copy of what this hash names.
    #[inline]
    pub(crate) fn has_copies(&self, hash: u64) -> bool {
        let home = self.homes.get(&hash);
        home.is_some_and(|home| home.copies != Copies::None)
    }

    /// Whether others may have copies of anything.
    pub(crate) fn has_any_copies(&self) -> bool {
        self.homes.values().any(|home| home.copies != Copies::None)
    }

    /// Keeps a request until no copy of its key is left; ask [`has_copies`](Self::has_copies) first.
    /// True: the copies are to be called back.
    pub(crate) fn hold(&mut self, hash: u64, waiting: W) -> bool {
        let Some(home) = self.homes.get_mut(&hash) else {
            debug_assert!(false, "nothing to wait for");
            return false;
        };
        home.waiting.push(waiting);
        self.waiting += 1;
        self.call_back(hash)
    }

    /// Keeps a request until no copy of any key is left; ask [`has_any_copies`](Self::has_any_copies)
    /// first. Returns the hashes whose copies are to be called back.
    pub(crate) fn hold_for_all(&mut self, waiting: W) -> Vec<u64> {
        self.waiting_for_all.push(waiting);
        self.waiting += 1;
        let hashes: Vec<u64> = self.homes.keys().copied().collect();
        let given = |hash: &u64| self.call_back(*hash);
        hashes.into_iter().filter(given).collect()
    }

    /// One other owner's copy is gone. Returns what has waited for it, to be executed now, in order.
    pub(crate) fn gone(&mut self, hash: u64) -> Vec<W> {
        let Some(home) = self.homes.get_mut(&hash) else {
            return Vec::new();
        };
        let Copies::Withdrawn { missing } = home.copies else {
            return Vec::new();
        };
        if missing > 1 {
            home.copies = Copies::Withdrawn {
                missing: missing - 1,
            };
            return Vec::new();
        }
        home.copies = Copies::None;
        let mut ready = std::mem::take(&mut home.waiting);
        if home.leaves {
            self.homes.remove(&hash);
        } else {
            self.renew(hash);
        }
        if !self.has_any_copies() {
            ready.append(&mut self.waiting_for_all);
        }
        self.waiting -= ready.len();
        ready
    }

    /// A command was executed that may have changed the item of this hash.
    #[inline]
    pub(crate) fn changed(&mut self, hash: u64) {
        if self.homes.contains_key(&hash) {
            self.renew(hash);
        }
    }

    /// The hot keys whose items are to be looked at; each is to be [`given`](Self::given) out or
    /// [`missed`](Self::missed).
    pub(crate) fn take_new(&mut self) -> Vec<(u64, KeyBytes)> {
        if self.new.is_empty() || !self.waiting_for_all.is_empty() {
            return Vec::new();
        }
        let homes = &mut self.homes;
        let look = |hash: u64| {
            let home = homes.get_mut(&hash)?;
            home.is_new = false;
            let still = matches!(home.copies, Copies::None | Copies::Given) && !home.leaves;
            still.then(|| (hash, KeyBytes::clone(&home.key)))
        };
        self.new.drain(..).filter_map(look).collect()
    }

    /// The item is there. True: every other owner is to get a copy; false: they have it.
    pub(crate) fn given(&mut self, hash: u64) -> bool {
        let Some(home) = self.homes.get_mut(&hash) else {
            return false;
        };
        let has_none = home.copies == Copies::None;
        if has_none {
            home.copies = Copies::Given;
        }
        has_none
    }

    /// There is no such item, or it will expire. True: copies of it are to be called back.
    pub(crate) fn missed(&mut self, hash: u64) -> bool {
        self.homes.contains_key(&hash) && self.call_back(hash)
    }

    /// Whether anything waits.
    pub(crate) fn waits(&self) -> bool {
        self.waiting > 0
    }

    fn call_back(&mut self, hash: u64) -> bool {
        let Some(home) = self.homes.get_mut(&hash) else {
            return false;
        };
        let given = home.copies == Copies::Given;
        if given {
            home.copies = Copies::Withdrawn {
                missing: self.others,
            };
        }
        given
    }

    fn renew(&mut self, hash: u64) {
        if let Some(home) = self.homes.get_mut(&hash)
            && !home.is_new
        {
            home.is_new = true;
            self.new.push(hash);
        }
    }
}

#[cfg(test)]
#[path = "homes_tests.rs"]
mod tests;
