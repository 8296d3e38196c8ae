//! MICA's data structures: a circular log of items and a set-associative index.
//!
//! Source: Lim, Han, Andersen, Kaminsky, *MICA: A Holistic Approach to Fast In-Memory Key-Value
//! Storage*, NSDI 2014, sections 4.2 and 4.3. Items are appended to a log in a fixed piece of memory;
//! where a new value fits into its old item's room, it is written in place. The index finds a key by
//! one cache line and 16 bits of its hash.
//!
//! Two modes. As a *cache* the log overwrites its oldest items and the index lets the oldest item of
//! a full bucket go; both are evictions. As a *store* nothing is lost: buckets are chained, and a
//! full log refuses. What was deleted or replaced leaves garbage behind, so a store moves items in use
//! from the log's tail to its head to get at it (MICA's store mode has a segregated-fit allocator
//! instead, which needs no moving and fragments).
//!
//! Two departures from MICA, both so that memcached's numbers stay exact. An overwritten item's
//! index entry is removed when it is overwritten, not found dangling later, so that evictions and
//! items are counted; it costs the index line of each live item that a full log overwrites. And an
//! item's header is 32 bytes (cas, flags, deadline, times), where MICA's is 24 with its allocator's.
//!
//! The memory is one thread's own (`Private`, EREW), or shared between one writer at a time and
//! readers that verify versions ([`SharedMemory`], CREW and CRCW).

use sys::mem::Pages;

use super::item::{HEADER, Header, Item, LIVE};
use super::items::{Items, Making, NewItem};
use super::key::{Key, same_bytes};
use super::prefetch::{prefetch, prefetch_span};
use super::region::Region;
use super::shard::{Shard, ShardError};
use super::stats::Usage;

mod bucket;
mod circular;
mod config;
mod crcw;
mod index;
mod memory;
mod reader;
mod shared;
mod version;

pub use config::{LogConfig, LogMemory, LogMode};
pub use crcw::{Crcw, Writing};
pub use reader::{Fetched, Reader, Tally, View};
pub use shared::SharedMemory;

use bucket::{Mark, mark_of, position};
use circular::Circular;
use index::{Index, Spot};
use memory::{Memory, Private};

/// Items that one request moves at most to find room in a store.
const MOVES: usize = 64;

/// Bytes of an item that are asked for before it is read: more lines than these, for every request under
/// way, would be more than a core loads at a time.
const REACH: usize = 256;

/// Items in a log. See the [module](self).
#[derive(Debug)]
pub struct LogItems<M = Private> {
    memory: M,
    index: Index,
    log: Circular,
    mode: LogMode,
    /// Where the log starts in the region.
    base: usize,
    pages: Pages,
    items: u64,
    bytes: u64,
    /// Bytes of the log that items in use occupy.
    live: usize,
    /// Bytes of an item that are asked for before it is read.
    reach: usize,
    scratch: Vec<u8>,
}

/// An entry of the index and the item that it names.
#[derive(Debug, Clone, Copy)]
pub struct LogPlace {
    spot: Spot,
    /// Byte offset of the item in the region.
    at: usize,
}

impl Shard<LogItems> {
    /// Allocates a log's memory on the calling thread and writes all of it once.
    ///
    /// # Errors
    /// When the size is unusable or the memory cannot be had.
    pub fn log(config: LogConfig) -> Result<Self, ShardError> {
        LogItems::new(config, Private::new).map(Self::over)
    }
}

impl Shard<LogItems<SharedMemory>> {
    /// [`Shard::log`] for one thread that writes and others that read through a [`View`].
    ///
    /// # Errors
    /// When the size is unusable or the memory cannot be had.
    pub fn shared_log(config: LogConfig) -> Result<Self, ShardError> {
        LogItems::new(config, SharedMemory::new).map(Self::over)
    }

    /// What readers need.
    #[must_use]
    pub fn view(&self) -> View {
        View {
            mapping: self.items.memory.mapping(),
            shape: self.items.index.shape(),
            base: self.items.base,
            reach: self.items.reach,
        }
    }
}

impl<M: Memory> Shard<LogItems<M>> {
    /// Which pages its memory has.
    #[must_use]
    pub fn pages(&self) -> Pages {
        self.items.pages
    }

    /// What its memory is used for.
    #[must_use]
    pub fn memory(&self) -> LogMemory {
        LogMemory {
            index: self.items.base,
            log: self.items.log.capacity(),
            live: self.items.live,
        }
    }
}

/// Bytes of the log that an item of this header takes.
#[inline]
fn footprint(header: &Header) -> usize {
    header.footprint().next_multiple_of(8)
}

/// Bytes of the log that the item has, used or not.
#[inline]
fn room(header: &Header) -> usize {
    footprint(header) + usize::from(header.slack) * 8
}

impl<M: Memory> LogItems<M> {
    /// An empty log in memory that `over` makes of a fresh region.
    fn new(config: LogConfig, over: impl FnOnce(Region) -> M) -> Result<Self, ShardError> {
        let shape = config.shape()?;
        let capacity = (config.bytes - shape.bytes()) / 8 * 8;
        let region = Region::new(shape.bytes() + capacity)?;
        Ok(Self {
            pages: region.pages(),
            memory: over(region),
            index: Index::new(shape),
            log: Circular::new(capacity),
            mode: config.mode,
            base: shape.bytes(),
            items: 0,
            bytes: 0,
            live: 0,
            reach: config.item_bytes.clamp(HEADER, REACH),
            scratch: Vec::new(),
        })
    }

    #[inline]
    fn header_at(&self, at: usize) -> Header {
        Header::at(self.memory.bytes(), at)
    }

    #[inline]
    fn root(&self, key: Key<'_>) -> u32 {
        self.index.shape().root(key.tag())
    }

    /// Takes an item off the books; returns the header that says so.
    fn retire(&mut self, at: usize) -> Header {
        let mut header = self.header_at(at);
        self.items -= 1;
        self.bytes -= header.footprint() as u64;
        self.live -= room(&header);
        header.bits &= !LIVE;
        header
    }

    /// Removes an item and its entry.
    fn drop_item(&mut self, spot: Spot, at: usize) {
        let retired = self.retire(at);
        let root = index::at(spot.root);
        self.memory.begin(root);
        self.memory.write(at, &retired.encode());
        self.index.clear(&mut self.memory, spot);
        self.memory.end(root);
    }

    /// The entry of an item in use, by its header and place.
    fn spot_of(&self, header: &Header, at: usize) -> Option<(Spot, u64)> {
        let root = self.index.shape().root(header.tag);
        self.index.spot_of(&self.memory, root, at - self.base)
    }

    /// Makes room at the log's head for `len` bytes, at most its capacity. False when items in use
    /// would have to go that a store keeps.
    fn reserve(&mut self, len: usize, making: &mut Making<'_>) -> bool {
        let mut moves = 0;
        while !self.log.fits(len) {
            let Some(oldest) = self.log.oldest() else {
                return false;
            };
            let at = self.base + oldest;
            let header = self.header_at(at);
            let spot = header
                .has(LIVE)
                .then(|| self.spot_of(&header, at))
                .flatten();
            match (spot, self.mode) {
                (None, _) => self.log.drop_oldest(room(&header)),
                (Some((spot, _)), mode) if mode == LogMode::Cache || making.dead.is(&header) => {
                    making.count(&header);
                    self.drop_item(spot, at);
                    self.log.drop_oldest(room(&header));
                }
                (Some((spot, entry)), _) => {
                    let hopeless = self.live + len > self.log.capacity() || moves == MOVES;
                    if hopeless || !self.relocate(spot, entry, at, header) {
                        return false;
                    }
                    moves += 1;
                }
            }
        }
        true
    }

    /// Moves the oldest item to the log's head, if it fits there once it has left its place.
    fn relocate(&mut self, spot: Spot, entry: u64, at: usize, mut header: Header) -> bool {
        let (before, len) = (room(&header), footprint(&header));
        if !self.log.fits_without_oldest(before, len) {
            return false;
        }
        let mut scratch = std::mem::take(&mut self.scratch);
        scratch.clear();
        scratch.extend_from_slice(&self.memory.bytes()[at + HEADER..at + header.footprint()]);
        header.slack = 0;
        self.live -= before - len;
        self.log.drop_oldest(before);
        let to = self.log.take(len);
        let root = index::at(spot.root);
        // The new place may overlap the old one, which readers still find.
        self.memory.begin(root);
        self.memory.write(self.base + to, &header.encode());
        self.memory.write(self.base + to + HEADER, &scratch);
        spot.set(&mut self.memory, mark_of(entry).entry(to));
        self.memory.end(root);
        self.scratch = scratch;
        true
    }

    /// Writes a new version into the room of the old item. False when it does not fit.
    fn put_in_place(&mut self, new: &NewItem<'_>, old: LogPlace) -> bool {
        let before = self.header_at(old.at);
        let Some(left) = room(&before).checked_sub(footprint(&new.header)) else {
            return false;
        };
        let Ok(slack) = u16::try_from(left / 8) else {
            return false;
        };
        let header = Header {
            slack,
            ..new.header
        };
        self.bytes += header.footprint() as u64;
        self.bytes -= before.footprint() as u64;
        let root = index::at(old.spot.root);
        self.memory.begin(root);
        self.memory.write(old.at, &header.encode());
        let value_at = old.at + HEADER + usize::from(header.key_len);
        self.memory.write(value_at, new.value);
        self.memory.end(root);
        true
    }

    /// Writes a new item at the log's head, where room was reserved; no entry names it yet.
    fn append(&mut self, new: &NewItem<'_>) -> usize {
        let header = Header {
            slack: 0,
            ..new.header
        };
        let len = footprint(&header);
        let position = self.log.take(len);
        let at = self.base + position;
        self.memory.write(at, &header.encode());
        self.memory.write(at + HEADER, new.key.bytes());
        let value_at = at + HEADER + new.key.bytes().len();
        self.memory.write(value_at, new.value);
        self.items += 1;
        self.bytes += header.footprint() as u64;
        self.live += len;
        position
    }

    /// A way in the chain of the key's bucket; the oldest item there gives way in a cache.
    fn vacancy(&mut self, root: u32, making: &mut Making<'_>) -> Option<Spot> {
        if let Some(spot) = self.index.vacancy(&mut self.memory, root) {
            return Some(spot);
        }
        if self.mode == LogMode::Store {
            return None;
        }
        let (log, bytes) = (&self.log, self.memory.bytes());
        let age = |entry: &(Spot, u64)| log.age(position(entry.1));
        let (spot, entry) = self.index.chain(bytes, root).max_by_key(age)?;
        let at = self.base + position(entry);
        making.count(&self.header_at(at));
        self.drop_item(spot, at);
        Some(spot)
    }
}

impl<M: Memory> Items for LogItems<M> {
    type Place = LogPlace;

    #[inline]
    fn find(&self, key: Key<'_>) -> Option<LogPlace> {
        let bytes = self.memory.bytes();
        let is_it = |position: usize| {
            let at = self.base + position;
            let header = Header::at(bytes, at);
            let key_at = at + HEADER;
            same_bytes(
                &bytes[key_at..key_at + usize::from(header.key_len)],
                key.bytes(),
            )
        };
        let (spot, position) =
            self.index
                .find(&self.memory, self.root(key), Mark::of(key), is_it)?;
        let at = self.base + position;
        Some(LogPlace { spot, at })
    }

    #[inline]
    fn header(&self, place: LogPlace) -> Header {
        self.header_at(place.at)
    }

    #[inline]
    fn item(&self, place: LogPlace, header: &Header) -> Item<'_> {
        header.item(self.memory.bytes(), place.at)
    }

    #[inline]
    fn set_header(&mut self, place: LogPlace, header: &Header) {
        let root = index::at(place.spot.root);
        self.memory.begin(root);
        self.memory.write(place.at, &header.encode());
        self.memory.end(root);
    }

    fn overwrite_padded(&mut self, place: LogPlace, text: &[u8]) {
        let header = self.header(place);
        let mut value = std::mem::take(&mut self.scratch);
        value.clear();
        value.extend_from_slice(text);
        value.resize(header.value_len as usize, b' ');
        let root = index::at(place.spot.root);
        self.memory.begin(root);
        let value_at = place.at + HEADER + usize::from(header.key_len);
        self.memory.write(value_at, &value);
        self.memory.end(root);
        self.scratch = value;
    }

    fn remove(&mut self, place: LogPlace) {
        self.drop_item(place.spot, place.at);
    }

    fn put(&mut self, new: &NewItem<'_>, old: Option<LogPlace>, mut making: Making<'_>) -> bool {
        if old.is_some_and(|old| self.put_in_place(new, old)) {
            return true;
        }
        let (root, len) = (self.root(new.key), footprint(&new.header));
        if len > self.log.capacity() {
            return false;
        }
        // Without a way in the index, nothing need give way in the log.
        if old.is_none() && self.vacancy(root, &mut making).is_none() {
            return false;
        }
        if !self.reserve(len, &mut making) {
            return false;
        }
        // What made room may have moved or evicted the old item.
        let old = old.and_then(|_| self.find(new.key));
        let entry = Mark::of(new.key).entry(self.append(new));
        match old {
            Some(old) => {
                let retired = self.retire(old.at);
                self.memory.begin(index::at(root));
                self.memory.write(old.at, &retired.encode());
                old.spot.set(&mut self.memory, entry);
                self.memory.end(index::at(root));
            }
            None => {
                let Some(spot) = self.vacancy(root, &mut making) else {
                    unreachable!("making room in the log fills no way of the index");
                };
                self.memory.begin(index::at(root));
                spot.set(&mut self.memory, entry);
                self.memory.end(index::at(root));
            }
        }
        true
    }

    fn join(
        &mut self,
        old: LogPlace,
        key: Key<'_>,
        header: &Header,
        text: &[u8],
        at_front: bool,
        making: Making<'_>,
    ) -> bool {
        let mut value = std::mem::take(&mut self.scratch);
        value.clear();
        let before = self.item(old, &self.header(old)).value;
        let (first, second) = if at_front {
            (text, before)
        } else {
            (before, text)
        };
        value.extend_from_slice(first);
        value.extend_from_slice(second);
        let new = NewItem {
            header: *header,
            key,
            value: &value,
        };
        let joined = self.put(&new, Some(old), making);
        // Moving items may have begun a scratch of its own meanwhile.
        self.scratch = value;
        joined
    }

    fn keys(&self, wanted: impl Fn(&[u8]) -> bool) -> Vec<Vec<u8>> {
        let bytes = self.memory.bytes();
        let mut keys = Vec::new();
        // From the oldest on, as if each were to be overwritten: it reads the log as far as it is
        // used, where the index lies all over its memory.
        let mut ahead = self.log.clone();
        while let Some(oldest) = ahead.oldest() {
            let at = self.base + oldest;
            let header = Header::at(bytes, at);
            let key = header.item(bytes, at).key;
            if header.has(LIVE) && wanted(key) {
                keys.push(key.to_vec());
            }
            ahead.drop_oldest(room(&header));
        }
        keys
    }

    fn usage(&self) -> Usage {
        Usage {
            curr_items: self.items,
            bytes: self.bytes,
            limit_maxbytes: self.memory.bytes().len() as u64,
            classes: Vec::new(),
        }
    }

    #[inline]
    fn prefetch_index(&self, key: Key<'_>) {
        prefetch(self.memory.bytes(), index::at(self.root(key)));
    }

    #[inline]
    fn prefetch_item(&self, key: Key<'_>) {
        let bytes = self.memory.bytes();
        let bucket = bucket::Bucket::at(bytes, index::at(self.root(key)));
        if let Some(way) = bucket.ways(Mark::of(key)).next() {
            let at = self.base + position(bucket.entry(way));
            prefetch_span(bytes, at, self.reach);
        }
    }

    fn flushed(&mut self, cas: u64, due: Option<u32>) {
        self.memory.flushed(cas, due);
    }
}
