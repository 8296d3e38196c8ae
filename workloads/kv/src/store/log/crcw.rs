//! One store for all threads: any reads, any writes.
//!
//! MICA's CRCW mode. The store consists of stripes, each a log with an index; a writer takes the stripe
//! by the odd bit of its lock word, for as long as one command lasts, and readers take nothing. (MICA
//! locks single buckets, and the log apart; here a lock covers both, and there are more stripes than
//! threads, as in [`Striped`](super::super::Striped), whose locks readers take too.)
#![expect(unsafe_code, reason = "a lock of its own, by the odd bit of a version")]

use std::cell::UnsafeCell;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicU64, Ordering, fence};
use std::sync::{Mutex, PoisonError};

use sys::mem::Pages;

use super::super::engine::Store;
use super::super::shard::{Shard, ShardError};
use super::super::striped::stripe_of;
use super::reader::{Reader, Tally, View};
use super::shared::SharedMemory;
use super::version::{self, Words};
use super::{LogConfig, LogItems};

/// A log that one thread at a time writes.
type SharedShard = Shard<LogItems<SharedMemory>>;

/// One log for all threads, in stripes: any reads, any writes (MICA's CRCW mode).
#[derive(Debug)]
pub struct Crcw {
    stripes: Box<[Stripe]>,
    views: Box<[View]>,
    tallies: Mutex<Vec<Tally>>,
}

/// A lock word and what it guards, on cache lines of their own.
#[derive(Debug)]
#[repr(align(128))]
struct Stripe {
    lock: LockWord,
    shard: UnsafeCell<SharedShard>,
}

// SAFETY: the shard is reached only through a `Writing`, of which the lock word admits one at a time;
// taking the lock acquires what its last holder released. The shard itself can be sent.
unsafe impl Sync for Stripe {}

#[derive(Debug)]
struct LockWord(AtomicU64);

impl Words for LockWord {
    #[inline]
    fn load(&self, _at: usize, order: Ordering) -> u64 {
        self.0.load(order)
    }

    #[inline]
    fn store(&self, _at: usize, word: u64, order: Ordering) {
        self.0.store(word, order);
    }

    #[inline]
    fn acquire_if(&self, _at: usize, old: u64, new: u64) -> bool {
        self.0
            .compare_exchange(old, new, Ordering::Acquire, Ordering::Relaxed)
            .is_ok()
    }

    #[inline]
    fn fence(&self, order: Ordering) {
        fence(order);
    }
}

/// The right to write a stripe.
#[derive(Debug)]
pub struct Writing<'a>(&'a Stripe);

impl Stripe {
    #[inline]
    fn lock(&self) -> Writing<'_> {
        let mut attempts = 0;
        while !version::try_lock(&self.lock, 0) {
            version::wait(&mut attempts);
        }
        Writing(self)
    }
}

impl Deref for Writing<'_> {
    type Target = SharedShard;

    #[inline]
    fn deref(&self) -> &SharedShard {
        // SAFETY: the lock is held as long as `self` lives, so nobody else reaches the shard.
        unsafe { &*self.0.shard.get() }
    }
}

impl DerefMut for Writing<'_> {
    #[inline]
    fn deref_mut(&mut self) -> &mut SharedShard {
        // SAFETY: as in `deref`, and `self` is borrowed exclusively.
        unsafe { &mut *self.0.shard.get() }
    }
}

impl Drop for Writing<'_> {
    #[inline]
    fn drop(&mut self) {
        version::unlock(&self.0.lock, 0);
    }
}

impl Crcw {
    /// `stripes` logs (rounded up to a power of two) that share `config.bytes` evenly.
    ///
    /// # Errors
    /// When a stripe's share is too small or memory is short.
    pub fn new(config: LogConfig, stripes: usize) -> Result<Self, ShardError> {
        let stripes = stripes.max(1).next_power_of_two();
        let share = LogConfig {
            bytes: config.bytes / stripes,
            ..config
        };
        let shards = (0..stripes)
            .map(|_| Shard::shared_log(share))
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Self {
            views: shards.iter().map(Shard::view).collect(),
            stripes: shards
                .into_iter()
                .map(|shard| Stripe {
                    lock: LockWord(AtomicU64::new(0)),
                    shard: UnsafeCell::new(shard),
                })
                .collect(),
            tallies: Mutex::default(),
        })
    }

    /// Which pages the first stripe has.
    #[must_use]
    pub fn pages(&self) -> Pages {
        self.stripes[0].lock().pages()
    }

    /// The right to write the stripe that holds keys of this hash; waits for it.
    #[inline]
    pub fn lock(&self, hash: u64) -> Writing<'_> {
        self.stripes[stripe_of(hash, self.stripes.len())].lock()
    }

    /// The same stripe, to read from.
    #[inline]
    pub fn view(&self, hash: u64) -> &View {
        &self.views[stripe_of(hash, self.views.len())]
    }

    /// A thread's reading side, whose counters [`for_each`](Self::for_each) takes over.
    pub fn reader(&self) -> Reader {
        let (reader, tally) = Reader::new();
        self.tallies
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(tally);
        reader
    }

    /// Runs `each` over every shard, one lock at a time: for flush_all and stats. What readers counted
    /// is the first shard's.
    pub fn for_each(&self, mut each: impl FnMut(&mut SharedShard)) {
        let mut tallies = self.tallies.lock().unwrap_or_else(PoisonError::into_inner);
        for (nth, stripe) in self.stripes.iter().enumerate() {
            let mut shard = stripe.lock();
            if nth == 0 {
                for tally in tallies.iter_mut() {
                    tally.settle(shard.counters_mut());
                }
            }
            each(&mut shard);
        }
    }
}
