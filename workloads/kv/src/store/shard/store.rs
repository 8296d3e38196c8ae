//! Storing values: set, add, replace, cas, append, prepend.

use super::super::item::{Header, LIVE, REFERENCED, STALE, TOKEN_SENT, fits_limit};
use super::super::items::{Items, Making, NewItem};
use super::super::key::Key;
use super::{Shard, fresh, key_bit};

/// When a value is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreMode {
    /// Always.
    Set,
    /// Only if there is no item.
    Add,
    /// Only if there is one.
    Replace,
    /// Behind the value that is there; flags and deadline stay.
    Append,
    /// Before the value that is there; flags and deadline stay.
    Prepend,
    /// Only if the item's cas number is the one given.
    Cas,
}

/// A value to be stored.
#[derive(Debug, Clone, Copy)]
pub struct StoreRequest<'a> {
    /// Under which condition.
    pub mode: StoreMode,
    /// Under which key.
    pub key: Key<'a>,
    /// The value.
    pub value: &'a [u8],
    /// The client's flags.
    pub flags: u32,
    /// When it expires, see [`deadline`](crate::store::deadline).
    pub deadline: u32,
    /// The cas number that must match; 0 asks for none (but in [`StoreMode::Cas`] matches none).
    pub cas: u64,
    /// For a cas below the item's: store all the same, marked stale (meta flag `I`).
    pub invalidate: bool,
    /// The key was given in base64.
    pub key_binary: bool,
}

impl<'a> StoreRequest<'a> {
    /// An unconditional set of a value that never expires.
    #[must_use]
    pub fn set(key: Key<'a>, value: &'a [u8]) -> Self {
        Self {
            mode: StoreMode::Set,
            key,
            value,
            flags: 0,
            deadline: 0,
            cas: 0,
            invalidate: false,
            key_binary: false,
        }
    }
}

/// What became of a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stored {
    /// It is stored.
    Stored {
        /// The item's new cas number.
        cas: u64,
    },
    /// The condition did not hold.
    NotStored,
    /// The cas number did not match.
    Exists,
    /// A cas for a key that is not there.
    NotFound,
    /// Above the item limit. What a set would have replaced is gone.
    TooLarge,
    /// No room could be made. What a set would have replaced is gone.
    NoMemory,
}

/// What the condition allows.
enum Verdict {
    Write { keep: u8, deadline: u32 },
    Join,
    Refuse(Stored),
}

impl<M: Items> Shard<M> {
    /// Stores a value if the request's condition holds.
    pub fn store(&mut self, request: &StoreRequest<'_>, now: u32) -> Stored {
        if !fits_limit(
            request.key.bytes().len(),
            request.flags,
            request.value.len(),
        ) {
            return self.refuse_too_large(request.key, request.mode == StoreMode::Set, now);
        }
        self.counters.cmd_set += 1;
        let old = self.locate(request.key, now);
        let verdict = match old {
            Some(handle) => self.judge_present(request, handle, now),
            None => self.judge_absent(request),
        };
        match (verdict, old) {
            (Verdict::Write { keep, deadline }, old) => {
                self.write(request, keep, deadline, old, now)
            }
            (Verdict::Join, Some(old)) => self.join(request, old, now),
            (Verdict::Join, None) => Stored::NotStored,
            (Verdict::Refuse(refusal), _) => refusal,
        }
    }

    /// Counts a value above the limit; a set leaves no older value behind.
    pub(in crate::store) fn refuse_too_large(
        &mut self,
        key: Key<'_>,
        unlink: bool,
        now: u32,
    ) -> Stored {
        self.counters.store_too_large += 1;
        if unlink && let Some(handle) = self.locate(key, now) {
            self.items.remove(handle);
        }
        Stored::TooLarge
    }

    fn judge_absent(&mut self, request: &StoreRequest<'_>) -> Verdict {
        match request.mode {
            StoreMode::Set | StoreMode::Add => Verdict::Write {
                keep: 0,
                deadline: request.deadline,
            },
            StoreMode::Cas => {
                self.counters.cas_misses += 1;
                Verdict::Refuse(Stored::NotFound)
            }
            StoreMode::Replace | StoreMode::Append | StoreMode::Prepend => {
                Verdict::Refuse(Stored::NotStored)
            }
        }
    }

    fn judge_present(&mut self, request: &StoreRequest<'_>, old: M::Place, now: u32) -> Verdict {
        let header = self.items.header(old);
        let matches = request.cas != 0 && request.cas == header.cas;
        match request.mode {
            StoreMode::Set | StoreMode::Replace => Verdict::Write {
                keep: 0,
                deadline: request.deadline,
            },
            StoreMode::Add => {
                self.refresh(old, now);
                Verdict::Refuse(Stored::NotStored)
            }
            StoreMode::Append | StoreMode::Prepend if request.cas == 0 || matches => Verdict::Join,
            StoreMode::Append | StoreMode::Prepend => Verdict::Refuse(Stored::Exists),
            StoreMode::Cas if matches => {
                self.counters.cas_hits += 1;
                Verdict::Write {
                    keep: 0,
                    deadline: request.deadline,
                }
            }
            StoreMode::Cas
                if request.invalidate && request.cas != 0 && request.cas < header.cas =>
            {
                self.counters.cas_hits += 1;
                let keep = STALE | header.bits & TOKEN_SENT;
                Verdict::Write {
                    keep,
                    deadline: header.deadline,
                }
            }
            StoreMode::Cas => {
                self.counters.cas_badval += 1;
                Verdict::Refuse(Stored::Exists)
            }
        }
    }

    /// Keeps an item from being the next victim without counting it as fetched.
    fn refresh(&mut self, handle: M::Place, now: u32) {
        let mut header = self.items.header(handle);
        header.bits |= REFERENCED;
        header.accessed = now;
        self.items.set_header(handle, &header);
    }

    /// Puts `text` at the start of the value and fills the rest with spaces.
    pub(in crate::store) fn overwrite_padded(&mut self, handle: M::Place, text: &[u8], now: u32) {
        self.refresh(handle, now);
        self.items.overwrite_padded(handle, text);
    }

    /// Writes a whole new item.
    fn write(
        &mut self,
        request: &StoreRequest<'_>,
        keep: u8,
        deadline: u32,
        old: Option<M::Place>,
        now: u32,
    ) -> Stored {
        let (key, value) = (request.key, request.value);
        let header = Header {
            deadline,
            cas: self.last_cas + 1,
            flags: request.flags,
            accessed: now,
            bits: LIVE | keep | key_bit(request.key_binary),
            ..fresh(key, value.len())
        };
        let new = NewItem { header, key, value };
        let dead = self.dead(now);
        let counters = &mut self.counters;
        if !self.items.put(&new, old, Making { dead, counters }) {
            self.counters.store_no_memory += 1;
            // As in memcached, a set leaves no older value behind.
            if request.mode == StoreMode::Set
                && let Some(old) = self.items.find(key)
            {
                self.items.remove(old);
            }
            return Stored::NoMemory;
        }
        self.last_cas = header.cas;
        self.counters.total_items += 1;
        Stored::Stored { cas: header.cas }
    }

    /// Appends or prepends to the value that is there.
    fn join(&mut self, request: &StoreRequest<'_>, old: M::Place, now: u32) -> Stored {
        let before = self.items.header(old);
        let new_len = before.value_len as usize + request.value.len();
        if !fits_limit(usize::from(before.key_len), before.flags, new_len) {
            return Stored::NotStored;
        }
        let joined = Header {
            cas: self.last_cas + 1,
            value_len: new_len as u32,
            accessed: now,
            // As in memcached, joining forgets how the key was written.
            bits: LIVE,
            ..before
        };
        let dead = self.dead(now);
        let counters = &mut self.counters;
        let at_front = request.mode == StoreMode::Prepend;
        let making = Making { dead, counters };
        if !self
            .items
            .join(old, request.key, &joined, request.value, at_front, making)
        {
            return Stored::NotStored;
        }
        self.last_cas = joined.cas;
        self.counters.total_items += 1;
        Stored::Stored { cas: joined.cas }
    }
}
