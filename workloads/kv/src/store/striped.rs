//! Several shards behind locks, for systems in which any thread serves any key.
//!
//! memcached locks single hash buckets; here a stripe is a whole shard, memory included, so a
//! lock covers allocation and eviction too and every thread takes exactly one lock a key.

use std::sync::{Mutex, MutexGuard, PoisonError};

use sys::mem::Pages;

use super::shard::{Shard, ShardConfig, ShardError};

/// Stripes of a store.
#[derive(Debug)]
pub struct Striped {
    stripes: Box<[Stripe]>,
}

/// A lock and its shard's bookkeeping, on cache lines of their own.
#[derive(Debug)]
#[repr(align(128))]
struct Stripe(Mutex<Shard>);

impl Striped {
    /// `stripes` shards (rounded up to a power of two) that share `config.bytes` evenly.
    ///
    /// # Errors
    /// When a stripe's share is too small or memory is short.
    pub fn new(config: ShardConfig, stripes: usize) -> Result<Self, ShardError> {
        let stripes = stripes.max(1).next_power_of_two();
        let share = ShardConfig {
            bytes: config.bytes / stripes,
        };
        let stripes = (0..stripes)
            .map(|_| Shard::new(share).map(|shard| Stripe(Mutex::new(shard))))
            .collect::<Result<_, _>>()?;
        Ok(Self { stripes })
    }

    /// Which pages the first stripe has.
    #[must_use]
    pub fn pages(&self) -> Pages {
        held(&self.stripes[0].0).pages()
    }

    /// Number of stripes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.stripes.len()
    }

    /// A store has at least one stripe.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        false
    }

    /// The stripe that holds keys of this hash, locked.
    #[inline]
    pub fn lock(&self, hash: u64) -> MutexGuard<'_, Shard> {
        held(&self.stripes[stripe_of(hash, self.stripes.len())].0)
    }

    /// Runs `each` over every shard, one lock at a time: for flush_all and stats.
    pub fn for_each(&self, mut each: impl FnMut(&mut Shard)) {
        for stripe in &self.stripes {
            each(&mut held(&stripe.0));
        }
    }
}

/// The stripe of a hash, among a power of two of them.
#[inline]
pub(super) fn stripe_of(hash: u64, stripes: usize) -> usize {
    // Bits that neither the partition table nor the index take first.
    let mixed = hash.wrapping_mul(0xd6e8_feb8_6659_fd93) >> 40;
    mixed as usize & (stripes - 1)
}

/// A shard keeps no invariant across calls that a panic could break half-way and a later
/// request would trust, so a poisoned lock is taken all the same.
fn held(stripe: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    stripe.lock().unwrap_or_else(PoisonError::into_inner)
}
