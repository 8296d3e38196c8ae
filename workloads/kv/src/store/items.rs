//! What keeps items in memory: the part of an engine below memcached's semantics.
//!
//! [`Shard`](super::Shard) decides what a command does to an item; an implementation of [`Items`]
//! decides where the item lies and who gives way when memory is full. There are two: size classes
//! with an exact index ([`SlabItems`](super::SlabItems)), and MICA's circular log with its
//! set-associative index ([`LogItems`](super::LogItems)).

use super::item::{Header, Item};
use super::key::Key;
use super::stats::{Counters, Usage};

/// What keeps items in memory: where each lies, and who gives way when memory is full.
pub trait Items: std::fmt::Debug {
    /// Where an item was found; valid until the items are next changed through another place.
    type Place: Copy + std::fmt::Debug;

    /// The item of this key, whether or not it is still valid.
    fn find(&self, key: Key<'_>) -> Option<Self::Place>;

    /// The item's header.
    fn header(&self, place: Self::Place) -> Header;

    /// The item of which `header` is the header.
    fn item(&self, place: Self::Place, header: &Header) -> Item<'_>;

    /// Replaces the header; sizes stay as they are.
    fn set_header(&mut self, place: Self::Place, header: &Header);

    /// Puts `text` at the start of the value, which is at least as long, and spaces behind it.
    fn overwrite_padded(&mut self, place: Self::Place, text: &[u8]);

    /// Forgets the item.
    fn remove(&mut self, place: Self::Place);

    /// Keeps a new item under the key, in the place of `old`, which is the one that `find` gives.
    /// False when there is no room; the old item may be gone then.
    fn put(&mut self, new: &NewItem<'_>, old: Option<Self::Place>, making: Making<'_>) -> bool;

    /// Lengthens the value of `old`, an item of `key`, by `text` at its start or end, under a new header. False when
    /// there is no room; the old item is unchanged then, but for its place.
    fn join(
        &mut self,
        old: Self::Place,
        key: Key<'_>,
        header: &Header,
        text: &[u8],
        at_front: bool,
        making: Making<'_>,
    ) -> bool;

    /// Copies of the keys for which `wanted` holds. Reads everything.
    fn keys(&self, wanted: impl Fn(&[u8]) -> bool) -> Vec<Vec<u8>>;

    /// What is held.
    fn usage(&self) -> Usage;

    /// Asks for the part of the index that `find` will read first.
    fn prefetch_index(&self, key: Key<'_>);

    /// Asks for the item that `find` will compare first; reads the index.
    fn prefetch_item(&self, key: Key<'_>);

    /// Told when what counts as flushed changes, before anything else is done: items up to the cas
    /// number are, and all that is there once the second `due` has come.
    fn flushed(&mut self, _cas: u64, _due: Option<u32>) {}
}

/// An item to be kept.
#[derive(Debug, Clone, Copy)]
pub struct NewItem<'a> {
    /// Its header, sizes included.
    pub(super) header: Header,
    /// The key's bytes.
    pub(super) key: Key<'a>,
    /// The value.
    pub(super) value: &'a [u8],
}

/// Which items nobody can ask for any more.
#[derive(Debug, Clone, Copy)]
pub(super) struct Dead {
    /// Up to this cas number they were flushed.
    pub(super) flushed_cas: u64,
    /// Unix time in seconds.
    pub(super) now: u32,
}

impl Dead {
    /// Whether the item is one of them.
    #[inline]
    pub(super) fn is(&self, header: &Header) -> bool {
        header.cas <= self.flushed_cas || header.expired(self.now)
    }
}

/// What making room needs to know, and where it counts.
#[derive(Debug)]
pub struct Making<'a> {
    /// Who can go at no loss.
    pub(super) dead: Dead,
    /// Evictions, reclaimed items, moved pages.
    pub(super) counters: &'a mut Counters,
}

impl Making<'_> {
    /// Counts an item that gives way; true when it was of use to somebody.
    pub(super) fn count(&mut self, header: &Header) -> bool {
        let useful = !self.dead.is(header);
        if useful {
            self.counters.evictions += 1;
        } else {
            self.counters.reclaimed += 1;
        }
        useful
    }
}
