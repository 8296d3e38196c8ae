//! One thread's bounded store: memcached's semantics over whatever keeps the items.

use sys::mem::Pages;

use super::item::{FETCHED, Header, Item, KEY_BINARY, REFERENCED, STALE, TOKEN_SENT};
use super::items::{Dead, Items};
use super::key::Key;
use super::slab_items::SlabItems;
use super::stats::{Counters, Usage};

mod batch;
mod extract;
mod store;

pub use batch::{Prefetch, pipeline};
pub use store::{StoreMode, StoreRequest, Stored};

/// How a shard in size classes is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShardConfig {
    /// Bytes of its memory: index, items and what is lost to rounding.
    pub bytes: usize,
}

/// Why a shard cannot be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ShardError {
    /// Too few bytes for what it needs at least.
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
pub struct Shard<M = SlabItems> {
    pub(super) items: M,
    pub(super) counters: Counters,
    last_cas: u64,
    /// Items with a cas number up to this one were flushed.
    flushed_cas: u64,
    /// When a delayed flush is due.
    pub(super) flush_due: Option<u32>,
}

/// What a meta command may change of an item in place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Annotation {
    pub(crate) deadline: u32,
    pub(crate) stale: bool,
    pub(crate) token_sent: bool,
}

impl Shard {
    /// Allocates the shard's memory on the calling thread and writes all of it once.
    ///
    /// # Errors
    /// When the size is unusable or the memory cannot be had.
    pub fn new(config: ShardConfig) -> Result<Self, ShardError> {
        SlabItems::new(config).map(Self::over)
    }

    /// Which pages its memory has.
    #[must_use]
    pub fn pages(&self) -> Pages {
        self.items.pages()
    }
}

impl<M: Items> Shard<M> {
    /// An empty shard over items that are empty.
    pub(super) fn over(items: M) -> Self {
        Self {
            items,
            counters: Counters::default(),
            last_cas: 0,
            flushed_cas: 0,
            flush_due: None,
        }
    }

    /// The item, marked as used. Counts a get.
    #[inline]
    pub fn get(&mut self, key: Key<'_>, now: u32) -> Option<Item<'_>> {
        match self.look(key, now) {
            Some((place, header)) => {
                self.counters.get_hits += 1;
                Some(self.bumped(place, header, now))
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
        self.look(key, now).map(|(_, header)| header.value_len)
    }

    /// The item with a new deadline, marked as used. Counts a touch.
    pub fn touch(&mut self, key: Key<'_>, deadline: u32, now: u32) -> Option<Item<'_>> {
        match self.look(key, now) {
            Some((place, mut header)) => {
                self.counters.touch_hits += 1;
                header.deadline = deadline;
                self.items.set_header(place, &header);
                Some(self.bumped(place, header, now))
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
        let Some(place) = self.locate(key, now) else {
            self.counters.delete_misses += 1;
            return None;
        };
        if cas != 0 && self.items.header(place).cas != cas {
            return Some(false);
        }
        self.counters.delete_hits += 1;
        self.items.remove(place);
        Some(true)
    }

    /// Invalidates everything stored until `due` (Unix seconds; `None` is now). As in memcached,
    /// a delayed flush acts in the second before, takes with it what is stored within that second,
    /// and replaces one that is not yet due. Unlike there, it does not revive items that an earlier
    /// flush has invalidated.
    pub fn flush_all(&mut self, due: Option<u32>, now: u32) {
        self.counters.cmd_flush += 1;
        self.apply_due_flush(now);
        self.flush_due = due
            .map(|due| due.saturating_sub(1))
            .filter(|due| *due >= now);
        if self.flush_due.is_none_or(|due| due == now) {
            // A flush that acts at once takes a number.
            self.last_cas += 1;
            self.flushed_cas = self.last_cas;
        }
        self.items.flushed(self.flushed_cas, self.flush_due);
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
        self.items.usage()
    }

    #[inline]
    fn apply_due_flush(&mut self, now: u32) {
        if let Some(due) = self.flush_due
            && due <= now
        {
            self.flush_until(due, now);
        }
    }

    /// Invalidates what is there; in its own second a flush stays due, for what is still to come.
    #[cold]
    fn flush_until(&mut self, due: u32, now: u32) {
        self.flushed_cas = self.last_cas;
        self.flush_due = (due == now).then_some(due);
        self.items.flushed(self.flushed_cas, self.flush_due);
    }

    fn next_cas(&mut self) -> u64 {
        self.last_cas += 1;
        self.last_cas
    }

    fn dead(&self, now: u32) -> Dead {
        Dead {
            flushed_cas: self.flushed_cas,
            now,
        }
    }

    /// Finds the live item; unlinks it if it has expired or was flushed.
    #[inline]
    pub(super) fn locate(&mut self, key: Key<'_>, now: u32) -> Option<M::Place> {
        self.look(key, now).map(|(place, _)| place)
    }

    /// [`locate`](Self::locate), with the item's header.
    #[inline]
    fn look(&mut self, key: Key<'_>, now: u32) -> Option<(M::Place, Header)> {
        self.apply_due_flush(now);
        let place = self.items.find(key)?;
        let header = self.items.header(place);
        if header.cas <= self.flushed_cas {
            self.counters.get_flushed += 1;
        } else if header.expired(now) {
            self.counters.get_expired += 1;
        } else {
            return Some((place, header));
        }
        self.items.remove(place);
        None
    }

    /// Marks the item as used.
    #[inline]
    pub(super) fn bump(&mut self, place: M::Place, now: u32) {
        let header = self.items.header(place);
        self.bumped(place, header, now);
    }

    /// The item as it stands.
    #[inline]
    pub(super) fn item_at(&self, place: M::Place) -> Item<'_> {
        self.items.item(place, &self.items.header(place))
    }

    /// Marks the item as used, and shows it so.
    #[inline]
    fn bumped(&mut self, place: M::Place, before: Header, now: u32) -> Item<'_> {
        let mut header = before;
        let bits = header.bits | REFERENCED | FETCHED;
        // A popular item is in this state already; not writing keeps its line clean.
        if header.bits != bits || header.accessed != now {
            header.bits = bits;
            header.accessed = now;
            self.items.set_header(place, &header);
        }
        self.items.item(place, &header)
    }

    /// Changes what meta commands may change without storing.
    pub(super) fn annotate(&mut self, place: M::Place, annotation: Annotation) {
        let before = self.items.header(place);
        let mut header = before;
        header.deadline = annotation.deadline;
        set_bit(&mut header.bits, STALE, annotation.stale);
        set_bit(&mut header.bits, TOKEN_SENT, annotation.token_sent);
        if header != before {
            self.items.set_header(place, &header);
        }
    }

    /// Gives the item a new cas number.
    pub(super) fn renew_cas(&mut self, place: M::Place) -> u64 {
        let mut header = self.items.header(place);
        header.cas = self.next_cas();
        self.items.set_header(place, &header);
        header.cas
    }
}

fn set_bit(bits: &mut u8, bit: u8, on: bool) {
    *bits = if on { *bits | bit } else { *bits & !bit };
}

fn key_bit(key_binary: bool) -> u8 {
    if key_binary { KEY_BINARY } else { 0 }
}

/// The header of an item that has just been written.
fn fresh(key: Key<'_>, value_len: usize) -> Header {
    Header {
        tag: key.tag(),
        deadline: 0,
        cas: 0,
        flags: 0,
        value_len: value_len as u32,
        accessed: 0,
        key_len: key.bytes().len() as u8,
        bits: super::item::LIVE,
        slack: 0,
    }
}
