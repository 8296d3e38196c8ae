//! One thread's bounded store.

use super::index::{ENTRY, Index, Position};
use super::item::{
    FETCHED, Header, Item, ItemFacts, KEY_BINARY, LIVE, REFERENCED, STALE, Slot, TOKEN_SENT,
};
use super::key::Key;
use super::prefetch::prefetch;
use super::region::Region;
use super::slab::{PAGE, PageId, SMALLEST, Slab};
use super::stats::{Counters, Usage};

mod extract;
mod store;

pub use store::{StoreMode, StoreRequest, Stored};

/// Where a shard's first page starts is a multiple of this, for whole cache lines.
const LINE: usize = 64;

/// How a shard is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShardConfig {
    /// Bytes of its memory: index, items and what is lost to rounding.
    pub bytes: usize,
}

/// Why a shard cannot be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ShardError {
    /// Too few bytes for two pages and their index.
    #[error("a shard of {bytes} bytes is too small, it needs at least {needed}")]
    TooSmall {
        /// What was asked for.
        bytes: usize,
        /// The least that works.
        needed: usize,
    },
    /// More than its 32-bit slot numbers address.
    #[error("a shard of {bytes} bytes is too large, it can use at most {limit}")]
    TooLarge {
        /// What was asked for.
        bytes: usize,
        /// The most that works.
        limit: usize,
    },
    /// The operating system has no such memory.
    #[error("no memory for a shard of {bytes} bytes")]
    NoMemory {
        /// What was asked for.
        bytes: usize,
    },
}

/// A single-threaded key-value store in one region of memory of fixed size.
///
/// Times are Unix seconds. The thread that makes a shard places its memory.
#[derive(Debug)]
pub struct Shard {
    region: Region,
    index: Index,
    slab: Slab,
    pub(super) counters: Counters,
    items: u64,
    bytes: u64,
    last_cas: u64,
    /// Items with a cas number up to this one were flushed.
    flushed_cas: u64,
    /// When a delayed flush is due.
    flush_due: Option<u32>,
}

/// An item that was found; valid until the shard is next changed through another handle.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Handle {
    position: Position,
    slot: Slot,
}

/// What a meta command may change of an item in place.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Annotation {
    pub(crate) deadline: u32,
    pub(crate) stale: bool,
    pub(crate) token_sent: bool,
}

impl Shard {
    /// Largest usable memory in bytes: slots are numbered by 32 bits in units of 8 bytes.
    const LIMIT: usize = 8 << 32;

    /// Allocates the shard's memory on the calling thread and writes all of it once.
    ///
    /// # Errors
    /// When the size is unusable or the memory cannot be had.
    pub fn new(config: ShardConfig) -> Result<Self, ShardError> {
        let bytes = config.bytes;
        if bytes > Self::LIMIT {
            return Err(ShardError::TooLarge {
                bytes,
                limit: Self::LIMIT,
            });
        }
        let pages = bytes / (PAGE + index_bytes(1));
        if pages < 2 {
            let needed = 2 * (PAGE + index_bytes(1));
            return Err(ShardError::TooSmall { bytes, needed });
        }
        let base = index_bytes(pages);
        let index = Index::new(base);
        debug_assert!(pages * (PAGE / SMALLEST) <= index.limit());
        Ok(Self {
            region: Region::new(base + pages * PAGE)?,
            index,
            slab: Slab::new(base, pages),
            counters: Counters::default(),
            items: 0,
            bytes: 0,
            last_cas: 0,
            flushed_cas: 0,
            flush_due: None,
        })
    }

    /// Starts loading the index entry of a key that will be asked for soon.
    #[inline]
    pub fn prefetch(&self, key: Key<'_>) {
        prefetch(self.region.bytes(), self.index.home_at(key.tag()));
    }

    /// The item, marked as used. Counts a get.
    #[inline]
    pub fn get(&mut self, key: Key<'_>, now: u32) -> Option<Item<'_>> {
        match self.locate(key, now) {
            Some(handle) => {
                self.counters.get_hits += 1;
                Some(self.bumped(handle, now))
            }
            None => {
                self.counters.get_misses += 1;
                None
            }
        }
    }

    /// The length of the item's value, in bytes. Counts nothing.
    #[inline]
    pub fn value_len(&mut self, key: Key<'_>, now: u32) -> Option<u32> {
        let handle = self.locate(key, now)?;
        Some(Header::read(&self.region, handle.slot).value_len)
    }

    /// The item with a new deadline, marked as used. Counts a touch.
    pub fn touch(&mut self, key: Key<'_>, deadline: u32, now: u32) -> Option<Item<'_>> {
        match self.locate(key, now) {
            Some(handle) => {
                self.counters.touch_hits += 1;
                let mut header = Header::read(&self.region, handle.slot);
                header.deadline = deadline;
                header.write(&mut self.region, handle.slot);
                Some(self.bumped(handle, now))
            }
            None => {
                self.counters.touch_misses += 1;
                None
            }
        }
    }

    /// Removes the item, if `cas` is 0 or its own. `None` when there is none, `Some(false)` when
    /// the number did not match.
    pub fn delete(&mut self, key: Key<'_>, cas: u64, now: u32) -> Option<bool> {
        let Some(handle) = self.locate(key, now) else {
            self.counters.delete_misses += 1;
            return None;
        };
        if cas != 0 && Header::read(&self.region, handle.slot).cas != cas {
            return Some(false);
        }
        self.counters.delete_hits += 1;
        self.unlink(handle);
        Some(true)
    }

    /// Invalidates everything stored until `due` (Unix seconds; `None` is now). As in memcached,
    /// a delayed flush acts in the second before, and replaces one that is not yet due. Unlike
    /// there, it does not revive items that an earlier flush has invalidated.
    pub fn flush_all(&mut self, due: Option<u32>, now: u32) {
        self.counters.cmd_flush += 1;
        self.apply_due_flush(now);
        match due.map(|due| due.saturating_sub(1)) {
            Some(due) if due > now => self.flush_due = Some(due),
            Some(_) | None => {
                self.flush_due = None;
                self.last_cas += 1;
                self.flushed_cas = self.last_cas;
            }
        }
    }

    /// What was counted.
    #[must_use]
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Starts counting from zero, as `stats reset` does.
    pub fn reset_counters(&mut self) {
        self.counters = Counters::default();
    }

    /// What the shard holds.
    #[must_use]
    pub fn usage(&self) -> Usage {
        Usage {
            curr_items: self.items,
            bytes: self.bytes,
            limit_maxbytes: self.region.bytes().len() as u64,
            classes: self.slab.usage().collect(),
        }
    }

    #[inline]
    fn apply_due_flush(&mut self, now: u32) {
        if self.flush_due.is_some_and(|due| due <= now) {
            self.flush_due = None;
            self.last_cas += 1;
            self.flushed_cas = self.last_cas;
        }
    }

    fn next_cas(&mut self) -> u64 {
        self.last_cas += 1;
        self.last_cas
    }

    /// Finds the live item; unlinks it if it has expired or was flushed.
    #[inline]
    pub(crate) fn locate(&mut self, key: Key<'_>, now: u32) -> Option<Handle> {
        self.apply_due_flush(now);
        let (region, tag) = (&self.region, key.tag());
        let (position, slot) = self.index.find(region, tag, |slot| {
            Header::read(region, slot).key(region, slot) == key.bytes()
        })?;
        let handle = Handle { position, slot };
        let header = Header::read(&self.region, slot);
        if header.cas <= self.flushed_cas {
            self.counters.get_flushed += 1;
        } else if expired(&header, now) {
            self.counters.get_expired += 1;
        } else {
            return Some(handle);
        }
        self.unlink(handle);
        None
    }

    /// The item as it stands.
    #[inline]
    pub(crate) fn item(&self, handle: Handle) -> Item<'_> {
        let header = Header::read(&self.region, handle.slot);
        Item {
            key: header.key(&self.region, handle.slot),
            value: header.value(&self.region, handle.slot),
            facts: ItemFacts::from(&header),
        }
    }

    /// Marks the item as used.
    #[inline]
    pub(crate) fn bump(&mut self, handle: Handle, now: u32) {
        let mut header = Header::read(&self.region, handle.slot);
        let bits = header.bits | REFERENCED | FETCHED;
        // A popular item is in this state already; not writing keeps its line clean.
        if header.bits != bits || header.accessed != now {
            header.bits = bits;
            header.accessed = now;
            header.write(&mut self.region, handle.slot);
        }
    }

    #[inline]
    fn bumped(&mut self, handle: Handle, now: u32) -> Item<'_> {
        self.bump(handle, now);
        self.item(handle)
    }

    /// Changes what meta commands may change without storing.
    pub(crate) fn annotate(&mut self, handle: Handle, annotation: Annotation) {
        let mut header = Header::read(&self.region, handle.slot);
        header.deadline = annotation.deadline;
        set_bit(&mut header.bits, STALE, annotation.stale);
        set_bit(&mut header.bits, TOKEN_SENT, annotation.token_sent);
        header.write(&mut self.region, handle.slot);
    }

    /// Gives the item a new cas number.
    pub(crate) fn renew_cas(&mut self, handle: Handle) -> u64 {
        let mut header = Header::read(&self.region, handle.slot);
        header.cas = self.next_cas();
        header.write(&mut self.region, handle.slot);
        header.cas
    }

    pub(crate) fn counters_mut(&mut self) -> &mut Counters {
        &mut self.counters
    }

    /// Takes an item out of the index and frees its slot.
    pub(crate) fn unlink(&mut self, handle: Handle) {
        let header = Header::read(&self.region, handle.slot);
        self.index.remove(&mut self.region, handle.position);
        self.items -= 1;
        self.bytes -= header.footprint() as u64;
        self.slab.give(&mut self.region, handle.slot);
    }

    fn handle_of(&self, slot: Slot) -> Option<Handle> {
        let tag = Header::read(&self.region, slot).tag;
        let (position, slot) = self.index.find(&self.region, tag, |other| other == slot)?;
        Some(Handle { position, slot })
    }

    /// A free slot for `len` bytes; makes room by eviction. `spared` is not evicted.
    fn allocate(&mut self, len: usize, spared: Option<Slot>, now: u32) -> Option<Slot> {
        let class = self.slab.class_for(len)?;
        loop {
            if let Some(slot) = self.slab.take(&mut self.region, class) {
                return Some(slot);
            }
            let flushed = self.flushed_cas;
            let dead = move |header: &Header| header.cas <= flushed || expired(header, now);
            let victim = self.slab.victim(&mut self.region, class, spared, dead);
            let wants_page = match victim {
                Some(slot) if dead(&Header::read(&self.region, slot)) => {
                    self.counters.reclaimed += 1;
                    false
                }
                Some(_) => {
                    self.counters.evictions += 1;
                    self.slab.count_eviction(class)
                }
                None => true,
            };
            if let Some(handle) = victim.and_then(|slot| self.handle_of(slot)) {
                self.unlink(handle);
            }
            if wants_page {
                match self.slab.donor(class, spared) {
                    Some(page) => self.take_over(page, class),
                    None if victim.is_none() => return None,
                    None => {}
                }
            }
        }
    }

    /// Evicts a page's items and gives the page to another class.
    fn take_over(&mut self, page: PageId, class: super::slab::ClassId) {
        for slot in self.slab.slots_of(page) {
            if Header::read(&self.region, slot).has(LIVE)
                && let Some(handle) = self.handle_of(slot)
            {
                self.counters.evictions += 1;
                self.unlink(handle);
            }
        }
        self.counters.slabs_moved += 1;
        self.slab.move_page(&mut self.region, page, class);
    }
}

#[inline]
fn expired(header: &Header, now: u32) -> bool {
    header.deadline != 0 && header.deadline <= now
}

fn set_bit(bits: &mut u8, bit: u8, on: bool) {
    *bits = if on { *bits | bit } else { *bits & !bit };
}

fn key_bit(key_binary: bool) -> u8 {
    if key_binary { KEY_BINARY } else { 0 }
}

/// Bytes of an index that never fills before the slots of `pages` do.
fn index_bytes(pages: usize) -> usize {
    let slots = pages * (PAGE / SMALLEST);
    // One entry in eight stays empty; see Index::limit.
    let entries = slots.div_ceil(7) * 8 + 8;
    (entries * ENTRY).next_multiple_of(LINE)
}
