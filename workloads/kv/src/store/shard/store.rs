//! Storing values: set, add, replace, cas, append, prepend.

use super::super::item::{
    HEADER, Header, LIVE, REFERENCED, STALE, Slot, TOKEN_SENT, fits_limit, footprint,
};
use super::super::key::Key;
use super::{Handle, Shard, key_bit};

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
    /// No slot could be freed. What a set would have replaced is gone.
    NoMemory,
}

/// What the condition allows.
enum Verdict {
    Write { keep: u8, deadline: u32 },
    Join,
    Refuse(Stored),
}

impl Shard {
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
    pub(crate) fn refuse_too_large(&mut self, key: Key<'_>, unlink: bool, now: u32) -> Stored {
        self.counters.store_too_large += 1;
        if unlink && let Some(handle) = self.locate(key, now) {
            self.unlink(handle);
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

    fn judge_present(&mut self, request: &StoreRequest<'_>, old: Handle, now: u32) -> Verdict {
        let header = Header::read(&self.region, old.slot);
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
    fn refresh(&mut self, handle: Handle, now: u32) {
        let mut header = Header::read(&self.region, handle.slot);
        header.bits |= REFERENCED;
        header.accessed = now;
        header.write(&mut self.region, handle.slot);
    }

    /// Puts `text` at the start of the value and fills the rest with spaces.
    pub(in crate::store) fn overwrite_padded(&mut self, handle: Handle, text: &[u8], now: u32) {
        self.refresh(handle, now);
        let header = Header::read(&self.region, handle.slot);
        let at = header.value_at(handle.slot);
        let value = &mut self.region.bytes_mut()[at..at + header.value_len as usize];
        let (digits, rest) = value.split_at_mut(text.len());
        digits.copy_from_slice(text);
        rest.fill(b' ');
    }

    /// Writes a whole new item, into the old one's slot where the size class is the same.
    fn write(
        &mut self,
        request: &StoreRequest<'_>,
        keep: u8,
        deadline: u32,
        old: Option<Handle>,
        now: u32,
    ) -> Stored {
        let (key, value) = (request.key, request.value);
        let Some(slot) = self.slot_for(key, value.len(), old, now) else {
            self.counters.store_no_memory += 1;
            return Stored::NoMemory;
        };
        let header = Header {
            tag: key.tag(),
            deadline,
            cas: self.next_cas(),
            flags: request.flags,
            value_len: value.len() as u32,
            accessed: now,
            key_len: key.bytes().len() as u8,
            bits: LIVE | keep | key_bit(request.key_binary),
        };
        header.write(&mut self.region, slot);
        self.region.write(slot.at() + HEADER, key.bytes());
        self.region.write(header.value_at(slot), value);
        self.bytes += header.footprint() as u64;
        self.counters.total_items += 1;
        Stored::Stored { cas: header.cas }
    }

    /// A slot under `key` in the index, without the bytes of the old item on the books.
    fn slot_for(
        &mut self,
        key: Key<'_>,
        value_len: usize,
        old: Option<Handle>,
        now: u32,
    ) -> Option<Slot> {
        let len = footprint(key.bytes().len(), value_len);
        if let Some(old) = old {
            if self.slab.class_for(len) == Some(self.slab.class_of(old.slot)) {
                self.bytes -= Header::read(&self.region, old.slot).footprint() as u64;
                return Some(old.slot);
            }
            self.unlink(old);
        }
        let slot = self.allocate(len, None, now)?;
        self.index.insert(&mut self.region, key.tag(), slot);
        self.items += 1;
        Some(slot)
    }

    /// Appends or prepends to the value that is there.
    fn join(&mut self, request: &StoreRequest<'_>, old: Handle, now: u32) -> Stored {
        let header = Header::read(&self.region, old.slot);
        let (key_len, old_len) = (usize::from(header.key_len), header.value_len as usize);
        let new_len = old_len + request.value.len();
        if !fits_limit(key_len, header.flags, new_len) {
            return Stored::NotStored;
        }
        let Some(slot) = self.room_to_join(footprint(key_len, new_len), old, now) else {
            return Stored::NotStored;
        };
        let (from, to) = (header.value_at(old.slot), header.value_at(slot));
        let (old_to, new_to) = match request.mode {
            StoreMode::Prepend => (to + request.value.len(), to),
            StoreMode::Append
            | StoreMode::Set
            | StoreMode::Add
            | StoreMode::Replace
            | StoreMode::Cas => (to, to + old_len),
        };
        self.region
            .bytes_mut()
            .copy_within(from..from + old_len, old_to);
        self.region.write(new_to, request.value);
        if slot != old.slot {
            self.region.write(slot.at() + HEADER, request.key.bytes());
        }
        let joined = Header {
            cas: self.next_cas(),
            value_len: new_len as u32,
            accessed: now,
            // As in memcached, joining forgets how the key was written.
            bits: LIVE,
            ..header
        };
        self.settle(old, slot, &header, &joined);
        Stored::Stored { cas: joined.cas }
    }

    /// The old item's own slot if it is large enough, or another that is not linked yet.
    fn room_to_join(&mut self, len: usize, old: Handle, now: u32) -> Option<Slot> {
        if self.slab.class_for(len) == Some(self.slab.class_of(old.slot)) {
            Some(old.slot)
        } else {
            self.allocate(len, Some(old.slot), now)
        }
    }

    /// Links `slot` in the place of the old item and writes its header.
    fn settle(&mut self, old: Handle, slot: Slot, before: &Header, after: &Header) {
        self.bytes -= before.footprint() as u64;
        self.bytes += after.footprint() as u64;
        self.counters.total_items += 1;
        after.write(&mut self.region, slot);
        if slot != old.slot {
            // Making room may have moved index entries; the item itself was spared.
            if let Some(found) = self.handle_of(old.slot) {
                self.index
                    .replace(&mut self.region, found.position, after.tag, slot);
            }
            self.slab.give(&mut self.region, old.slot);
        }
    }
}
