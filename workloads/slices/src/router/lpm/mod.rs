//! Longest-prefix match.
//!
//! A trie of fixed strides with the prefixes expanded into its entries, as DIR-24-8 has them (Gupta, Lin,
//! McKeown, *Routing Lookups in Hardware at Memory Access Speeds*, INFOCOM 1998): a root over the first 16
//! bits, below it nodes of 8 bits for IPv4 and of 4 for IPv6. An IPv4 lookup reads one entry, two for prefixes
//! up to 24 bits, three at most. Two levels in place of a first table of 24 bits, because that is 64 MiB
//! however few routes there are, and because the tables are published by copy-on-write ([`LpmTable`]): a change
//! copies pages of 64 KiB, not the whole.
//!
//! Each entry tells the length of the prefix that it comes from, so that a shorter one that is added or taken away
//! leaves it alone. Memory is bounded: a prefix that would need more is refused ([`Full`]).

mod key;
mod pages;

use std::collections::HashMap;
use std::fmt;
use std::marker::PhantomData;

pub use key::{Key, Prefix};
use pages::{PAGE, Pages};

/// Bits that the root looks at.
const ROOT: u32 = 16;

/// Mark of an entry that leads to a node; its other bits are where the node begins.
const CHILD: u32 = 1 << 31;
/// In an entry that leads nowhere: the value plus one, or 0 for none ...
const VALUE: u32 = (1 << VALUE_BITS) - 1;
const VALUE_BITS: u32 = 23;
// ... and above it the length of the prefix that it comes from.

/// Values are below this.
pub const VALUES: u32 = VALUE;

/// The table as a forwarding thread reads it. Its clone is cheap, and stays as it is whatever is changed later.
#[derive(Debug, Clone)]
pub struct LpmTable<K> {
    entries: Pages,
    key: PhantomData<K>,
}

impl<K: Key> LpmTable<K> {
    fn new() -> Self {
        let mut entries = Pages::default();
        while entries.len() < 1 << ROOT {
            entries.grow();
        }
        Self {
            entries,
            key: PhantomData,
        }
    }

    /// The value of the longest prefix that the address begins with.
    #[inline]
    #[must_use]
    pub fn find(&self, address: K) -> Option<u32> {
        let mut entry = self.entries.get(address.chunk(0, ROOT));
        let mut at = ROOT;
        while entry & CHILD != 0 {
            let index = (entry & !CHILD) as usize + address.chunk(at, K::STRIDE);
            entry = self.entries.get(index);
            at += K::STRIDE;
        }
        (entry & VALUE).checked_sub(1)
    }

    /// Bytes that the table takes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.entries.len() * size_of::<u32>()
    }
}

/// There is no memory for another prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Full {
    /// Bytes that the table may take.
    pub limit: usize,
}

impl fmt::Display for Full {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the routes do not fit into {} KiB: allow the table more, or route fewer prefixes",
            self.limit >> 10
        )
    }
}

impl std::error::Error for Full {}

/// Prefixes with values, and the table that they make.
#[derive(Debug)]
pub struct Lpm<K> {
    rules: HashMap<Prefix<K>, u32>,
    table: LpmTable<K>,
    /// Nodes that were given back.
    free: Vec<u32>,
    /// Where the next node begins that never was.
    fresh: usize,
    /// Entries that there may be.
    limit: usize,
}

impl<K: Key> Lpm<K> {
    const NODE: usize = 1 << K::STRIDE;

    /// An empty table that may grow to `bytes`, at least to the 256 KiB of its root.
    #[must_use]
    pub fn with_limit(bytes: usize) -> Self {
        let table = LpmTable::new();
        let fresh = table.entries.len();
        Self {
            rules: HashMap::new(),
            table,
            free: Vec::new(),
            fresh,
            limit: (bytes / size_of::<u32>() / PAGE * PAGE).clamp(fresh, CHILD as usize),
        }
    }

    /// Gives a prefix a value, in place of the one it has.
    ///
    /// # Errors
    /// [`Full`]; nothing is changed then.
    ///
    /// # Panics
    /// When the value is not below [`VALUES`].
    pub fn insert(&mut self, prefix: Prefix<K>, value: u32) -> Result<(), Full> {
        assert!(value < VALUES, "value {value}");
        if self.missing_nodes(prefix) > self.nodes_left() {
            return Err(Full {
                limit: self.limit * size_of::<u32>(),
            });
        }
        let mut place = Place::ROOT;
        while !place.ends(prefix) {
            let index = place.index(prefix.bits());
            let entry = self.table.entries.get(index);
            let child = if entry & CHILD == 0 {
                let child = self.take_node(entry);
                self.table.entries.set(index, CHILD | child);
                child
            } else {
                entry & !CHILD
            };
            place = place.below::<K>(child);
        }
        let (first, count) = place.covered(prefix);
        let len = prefix.len();
        self.paint(first, count, leaf(prefix, value), &|old| length(old) <= len);
        self.rules.insert(prefix, value);
        Ok(())
    }

    /// Takes a prefix away; returns its value, if it had one.
    pub fn remove(&mut self, prefix: Prefix<K>) -> Option<u32> {
        let value = self.rules.remove(&prefix)?;
        let cover = prefix
            .shorter()
            .find_map(|shorter| Some(leaf(shorter, *self.rules.get(&shorter)?)));
        let mut path = Vec::new();
        let mut place = Place::ROOT;
        while !place.ends(prefix) {
            let index = place.index(prefix.bits());
            place = place.below::<K>(self.table.entries.get(index) & !CHILD);
            path.push((index, place));
        }
        let (first, count) = place.covered(prefix);
        let len = prefix.len();
        self.paint(first, count, cover.unwrap_or(0), &|old| length(old) == len);
        self.give_back(&path);
        Some(value)
    }

    /// The value of exactly this prefix.
    #[must_use]
    pub fn get(&self, prefix: Prefix<K>) -> Option<u32> {
        self.rules.get(&prefix).copied()
    }

    /// How many prefixes there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rules.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// The table, to be cloned for those who look up.
    #[must_use]
    pub const fn table(&self) -> &LpmTable<K> {
        &self.table
    }

    /// Replaces the `count` entries from `first` on, and those of the nodes that they lead to, by `new` where
    /// `gives_way` says so of the old one.
    fn paint(&mut self, first: usize, count: usize, new: u32, gives_way: &impl Fn(u32) -> bool) {
        for index in first..first + count {
            let old = self.table.entries.get(index);
            if old & CHILD != 0 {
                self.paint((old & !CHILD) as usize, Self::NODE, new, gives_way);
            } else if gives_way(old) {
                self.table.entries.set(index, new);
            }
        }
    }

    /// Gives back the nodes of a path, from its end, that no longer tell more than one entry would.
    fn give_back(&mut self, path: &[(usize, Place)]) {
        for (parent, node) in path.iter().rev() {
            let first = self.table.entries.get(node.base);
            let same = (node.base..node.base + Self::NODE)
                .all(|index| self.table.entries.get(index) == first);
            if !same || first & CHILD != 0 || u32::from(length(first)) > node.at {
                return;
            }
            self.table.entries.set(*parent, first);
            self.free.push(node.base as u32);
        }
    }

    /// Nodes that a prefix would need and that are not there.
    fn missing_nodes(&self, prefix: Prefix<K>) -> usize {
        let mut place = Place::ROOT;
        while !place.ends(prefix) {
            let entry = self.table.entries.get(place.index(prefix.bits()));
            if entry & CHILD == 0 {
                let left = u32::from(prefix.len()) - place.at - place.width;
                return left.div_ceil(K::STRIDE) as usize;
            }
            place = place.below::<K>(entry & !CHILD);
        }
        0
    }

    fn nodes_left(&self) -> usize {
        self.free.len() + (self.limit - self.fresh) / Self::NODE
    }

    /// A node whose entries are all `entry`. There must be one left.
    fn take_node(&mut self, entry: u32) -> u32 {
        let node = self.free.pop().unwrap_or_else(|| {
            if self.fresh == self.table.entries.len() {
                self.table.entries.grow();
            }
            self.fresh += Self::NODE;
            (self.fresh - Self::NODE) as u32
        });
        for index in node as usize..node as usize + Self::NODE {
            self.table.entries.set(index, entry);
        }
        node
    }
}

fn leaf<K: Key>(prefix: Prefix<K>, value: u32) -> u32 {
    u32::from(prefix.len()) << VALUE_BITS | (value + 1)
}

/// The length of the prefix that an entry comes from; 0 where it comes from none.
const fn length(entry: u32) -> u8 {
    (entry >> VALUE_BITS) as u8
}

/// A node, and the bits that it looks at.
#[derive(Debug, Clone, Copy)]
struct Place {
    base: usize,
    at: u32,
    width: u32,
}

impl Place {
    const ROOT: Self = Self {
        base: 0,
        at: 0,
        width: ROOT,
    };

    fn below<K: Key>(self, child: u32) -> Self {
        Self {
            base: child as usize,
            at: self.at + self.width,
            width: K::STRIDE,
        }
    }

    /// Whether the prefix needs no node below this one.
    fn ends<K: Key>(self, prefix: Prefix<K>) -> bool {
        u32::from(prefix.len()) <= self.at + self.width
    }

    fn index<K: Key>(self, bits: K) -> usize {
        self.base + bits.chunk(self.at, self.width)
    }

    /// The entries that a prefix covers which ends here: the first, and how many.
    fn covered<K: Key>(self, prefix: Prefix<K>) -> (usize, usize) {
        let open = self.at + self.width - u32::from(prefix.len());
        (self.index(prefix.bits()), 1 << open)
    }
}

#[cfg(test)]
mod tests;
