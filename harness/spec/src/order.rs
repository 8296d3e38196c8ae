//! Random order and seeds, the same on every machine (xoshiro256++ is a fixed algorithm).

use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{Rng, SeedableRng};
use sha2::{Digest, Sha256};

/// Seeds stay below 2^53, so that every JSON reader keeps them exact.
pub(crate) const SEED_LIMIT: u64 = 1 << 53;

/// Shuffles, drawing from one generator over a whole spec.
pub(crate) struct Shuffler(Xoshiro256PlusPlus);

impl Shuffler {
    pub(crate) fn new(seed: u64) -> Self {
        Self(Xoshiro256PlusPlus::seed_from_u64(seed))
    }

    /// Fisher-Yates.
    pub(crate) fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            let chosen = self.below(last as u64 + 1);
            items.swap(last, usize::try_from(chosen).unwrap_or(last));
        }
    }

    /// Uniform below `limit`, without modulo bias: draws beyond the last whole multiple are
    /// thrown away.
    fn below(&mut self, limit: u64) -> u64 {
        let zone = u64::MAX - u64::MAX % limit;
        loop {
            let draw = self.0.next_u64();
            if draw < zone {
                return draw % limit;
            }
        }
    }
}

/// The schedule's seed of one block: systems of a block face the same requests, blocks do not
/// repeat each other.
pub(crate) fn schedule_seed(workload_seed: u64, block: u32) -> u64 {
    let digest = Sha256::digest(format!("schedule {workload_seed} {block}"));
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&digest[..8]);
    u64::from_be_bytes(bytes) % SEED_LIMIT
}
