//! Reading a log that another thread writes: copy, then verify the version.
//!
//! What a reader finds is a copy in memory of its own. It notes nothing in the item, so meta
//! commands' `h` and `l` (fetched before, last access) tell of accesses by the writer's side only; MICA's
//! readers write nothing either. Commands that change an item are not a reader's.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::super::delta::{Delta, DeltaError};
use super::super::engine::Store;
use super::super::item::{HEADER, Header, ITEM_LIMIT, Item, STALE, TOKEN_SENT};
use super::super::key::Key;
use super::super::prefetch::{prefetch, prefetch_span};
use super::super::shard::{Annotation, StoreRequest, Stored};
use super::super::stats::{Counters, Usage};
use super::bucket::{Bucket, ENTRIES, Mark, position};
use super::index::{self, Shape};
use super::shared::Mapping;
use super::version::{self, Words};

/// One log, as readers know it.
#[derive(Debug, Clone)]
pub struct View {
    pub(super) mapping: Arc<Mapping>,
    pub(super) shape: Shape,
    /// Where the log starts.
    pub(super) base: usize,
    /// Bytes of an item that are asked for before it is read.
    pub(super) reach: usize,
}

/// What a reader counts, for others to see.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Published([AtomicU64; 4]);

/// Takes over what a reader counts into the counters of a shard.
#[derive(Debug)]
pub struct Tally {
    published: Arc<Published>,
    taken: [u64; 4],
}

impl Tally {
    /// Adds what the reader has counted since the last time.
    pub fn settle(&mut self, counters: &mut Counters) {
        let seen = std::array::from_fn(|at| self.published.0[at].load(Ordering::Relaxed));
        for ((to, seen), taken) in fields(counters).into_iter().zip(seen).zip(&self.taken) {
            *to += seen - taken;
        }
        self.taken = seen;
    }
}

/// What reading counts.
fn fields(counters: &mut Counters) -> [&mut u64; 4] {
    [
        &mut counters.get_hits,
        &mut counters.get_misses,
        &mut counters.get_expired,
        &mut counters.get_flushed,
    ]
}

/// What [`Reader::fetch`] found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fetched {
    /// The item, or that there is none.
    Settled,
    /// A stale item, and nobody has won the right to recache it: a meta get would.
    Stale,
}

/// One thread's reading side.
#[derive(Debug)]
pub struct Reader {
    /// The latest item, and what longer ones left behind it.
    copy: Vec<u8>,
    found: Option<Header>,
    counters: Counters,
    published: Arc<Published>,
}

/// What became of one attempt.
enum Attempt {
    Missing,
    Copied,
    /// The words make no sense, so they were being changed.
    Torn,
}

impl Reader {
    /// A reader that has not read yet, and its counters for others.
    #[must_use]
    pub fn new() -> (Self, Tally) {
        let published = Arc::new(Published::default());
        let reader = Self {
            copy: Vec::new(),
            found: None,
            counters: Counters::default(),
            published: Arc::clone(&published),
        };
        let taken = [0; 4];
        (reader, Tally { published, taken })
    }

    /// Copies the key's valid item out of `view`, whose writer may be at work, for the command that is
    /// executed next.
    #[inline]
    pub fn fetch(&mut self, view: &View, key: Key<'_>, now: u32) -> Fetched {
        self.found = None;
        let mut attempts = 0;
        let root = view.shape.root(key.tag());
        let found = loop {
            let attempt = version::read(&*view.mapping, index::at(root), |first| {
                self.attempt(view, key, root, first)
            });
            match attempt {
                Some(Attempt::Copied) => break true,
                Some(Attempt::Missing) => break false,
                Some(Attempt::Torn) | None => {}
            }
            version::wait(&mut attempts);
        };
        if !found {
            return Fetched::Settled;
        }
        let header = Header::at(&self.copy, 0);
        if header.cas <= view.mapping.flushed_cas() || view.mapping.flush_is_due(now) {
            self.counters.get_flushed += 1;
        } else if header.expired(now) {
            self.counters.get_expired += 1;
        } else {
            self.found = Some(header);
            if header.has(STALE) && !header.has(TOKEN_SENT) {
                return Fetched::Stale;
            }
        }
        Fetched::Settled
    }

    /// Looks through the chain; whatever it reads may be half written.
    #[inline]
    fn attempt(&mut self, view: &View, key: Key<'_>, root: u32, first: u64) -> Attempt {
        let (mark, root_at) = (Mark::of(key), index::at(root));
        let mut at = root_at;
        let mut word = first;
        loop {
            let mut words = [word.to_le_bytes(); ENTRIES + 1];
            for (nth, entry) in words.iter_mut().enumerate().skip(1) {
                *entry = view
                    .mapping
                    .load(at + nth * 8, Ordering::Relaxed)
                    .to_le_bytes();
            }
            let bucket = Bucket(&words);
            for way in bucket.ways(mark) {
                match self.copy_item(view, key, position(bucket.entry(way))) {
                    Attempt::Missing => {}
                    done @ (Attempt::Copied | Attempt::Torn) => return done,
                }
            }
            let next = bucket.next();
            if next == 0 {
                return Attempt::Missing;
            }
            // A chain that changes could lead round in a circle.
            at = index::at(next);
            let same = view.mapping.load(root_at, Ordering::Acquire) == first;
            if !same || at >= view.base {
                return Attempt::Torn;
            }
            word = view.mapping.load(at, Ordering::Relaxed);
        }
    }

    /// Copies the item at `position` of the log if it is the key's.
    #[inline]
    fn copy_item(&mut self, view: &View, key: Key<'_>, position: usize) -> Attempt {
        let words = view.mapping.words();
        let start = (view.base + position) / 8;
        let upto_key = HEADER + key.bytes().len();
        let Some(places) = words.get(start..start + upto_key.div_ceil(8)) else {
            return Attempt::Torn;
        };
        self.take(0, places);
        let header = Header::at(&self.copy, 0);
        let same_len = usize::from(header.key_len) == key.bytes().len();
        if !same_len || self.copy[HEADER..upto_key] != *key.bytes() {
            return Attempt::Missing;
        }
        let (known, all) = (places.len(), header.footprint().div_ceil(8));
        if header.value_len as usize > ITEM_LIMIT {
            return Attempt::Torn;
        }
        // A short value may end within the key's last word.
        let Some(places) = words.get(start + known..start + all.max(known)) else {
            return Attempt::Torn;
        };
        self.take(known, places);
        Attempt::Copied
    }

    /// Copies words behind the first `known` ones.
    #[inline]
    fn take(&mut self, known: usize, words: &[AtomicU64]) {
        let (from, to) = (known * 8, (known + words.len()) * 8);
        if self.copy.len() < to {
            self.copy.resize(to, 0);
        }
        let places = self.copy[from..to].as_chunks_mut::<8>().0;
        for (place, word) in places.iter_mut().zip(words) {
            *place = word.load(Ordering::Relaxed).to_ne_bytes();
        }
    }

    /// Shows others what was counted; call it after each command.
    #[inline]
    pub fn publish(&mut self) {
        for (counted, place) in fields(&mut self.counters)
            .into_iter()
            .zip(&self.published.0)
        {
            place.store(*counted, Ordering::Relaxed);
        }
    }

    /// The latest item that was fetched, if it was found.
    #[inline]
    fn latest(&self) -> Option<Item<'_>> {
        let found = self.found.as_ref();
        found.map(|header| header.item(&self.copy, 0))
    }
}

impl View {
    /// Asks for what a request for this key reads first.
    #[inline]
    pub fn prefetch(&self, key: Key<'_>) {
        let at = index::at(self.shape.root(key.tag()));
        prefetch(self.mapping.words(), at / 8);
    }

    /// Asks for the item itself, by the bucket that was asked for before.
    #[inline]
    pub fn prefetch_item(&self, key: Key<'_>) {
        let at = index::at(self.shape.root(key.tag()));
        let load = |nth| {
            self.mapping
                .load(at + nth * 8, Ordering::Relaxed)
                .to_le_bytes()
        };
        let words = std::array::from_fn(load);
        let bucket = Bucket(&words);
        if let Some(way) = bucket.ways(Mark::of(key)).next() {
            let item = self.base + position(bucket.entry(way));
            prefetch_span(self.mapping.words(), item / 8, self.reach.div_ceil(8));
        }
    }
}

/// Why a reader is not asked to do something.
const ONLY_READS: &str = "commands that change something are the writer's";

/// Executes commands that only read on the item that was fetched for them.
impl Store for Reader {
    type Handle = ();

    #[inline]
    fn get(&mut self, _key: Key<'_>, _now: u32) -> Option<Item<'_>> {
        if self.found.is_some() {
            self.counters.get_hits += 1;
        } else {
            self.counters.get_misses += 1;
        }
        self.latest()
    }

    fn value_len(&mut self, _key: Key<'_>, _now: u32) -> Option<u32> {
        self.found.map(|header| header.value_len)
    }

    fn touch(&mut self, _key: Key<'_>, _deadline: u32, _now: u32) -> Option<Item<'_>> {
        unreachable!("{ONLY_READS}")
    }

    fn delete(&mut self, _key: Key<'_>, _cas: u64, _now: u32) -> Option<bool> {
        unreachable!("{ONLY_READS}")
    }

    fn store(&mut self, _request: &StoreRequest<'_>, _now: u32) -> Stored {
        unreachable!("{ONLY_READS}")
    }

    fn refuse_too_large(&mut self, _key: Key<'_>, _unlink: bool, _now: u32) -> Stored {
        unreachable!("{ONLY_READS}")
    }

    fn delta(
        &mut self,
        _key: Key<'_>,
        _up: bool,
        _by: u64,
        _cas: u64,
        _now: u32,
    ) -> Result<Delta, DeltaError> {
        unreachable!("{ONLY_READS}")
    }

    #[inline]
    fn locate(&mut self, _key: Key<'_>, _now: u32) -> Option<()> {
        self.found.map(|_| ())
    }

    #[inline]
    fn item(&self, (): ()) -> Item<'_> {
        // There is no handle without an item.
        self.latest().expect("an item that was located")
    }

    /// A reader notes nothing.
    #[inline]
    fn bump(&mut self, (): (), _now: u32) {}

    /// A command that only reads leaves the item as it is.
    #[inline]
    fn annotate(&mut self, (): (), annotation: Annotation) {
        debug_assert!(self.found.is_some_and(|header| {
            annotation.deadline == header.deadline
                && annotation.stale == header.has(STALE)
                && annotation.token_sent == header.has(TOKEN_SENT)
        }));
    }

    fn renew_cas(&mut self, (): ()) -> u64 {
        unreachable!("{ONLY_READS}")
    }

    fn unlink(&mut self, (): ()) {
        unreachable!("{ONLY_READS}")
    }

    fn flush_all(&mut self, _due: Option<u32>, _now: u32) {
        unreachable!("{ONLY_READS}")
    }

    /// Flushes are the writer's: for all that a reader knows, one is to come.
    fn awaits_flush(&self) -> bool {
        true
    }

    fn counters(&self) -> &Counters {
        &self.counters
    }

    fn counters_mut(&mut self) -> &mut Counters {
        &mut self.counters
    }

    /// What the shards hold is theirs to tell.
    fn usage(&self) -> Usage {
        Usage::default()
    }
}
