//! The shuffle between popularity rank and key id.
//!
//! Without it the hot keys would be neighbours, and whatever is built from consecutive ids (a
//! preload order, a slab, a cluster of partitions) would see them together.

use rand::RngExt;

use crate::stream::{self, Purpose};

/// A seeded bijection of `0..len` onto itself (Fisher and Yates).
#[derive(Debug, Clone)]
pub struct Permutation(Box<[u32]>);

impl Permutation {
    /// The permutation of `0..len` for `seed`.
    #[must_use]
    pub fn new(seed: u64, len: u32) -> Self {
        let mut rng = stream::of(seed, Purpose::Permutation);
        let mut ids: Box<[u32]> = (0..len).collect();
        for last in (1..len).rev() {
            ids.swap(last as usize, rng.random_range(0..=last) as usize);
        }
        Self(ids)
    }

    /// The key id with popularity rank `rank` (0 is the most popular).
    ///
    /// # Panics
    /// When `rank` is not below the length.
    #[must_use]
    pub fn id_of(&self, rank: u32) -> u32 {
        self.0[rank as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn is_bijective(seed: u64, len in 1u32..3000) {
            let permutation = Permutation::new(seed, len);
            let mut seen = vec![false; len as usize];
            for rank in 0..len {
                let id = permutation.id_of(rank) as usize;
                prop_assert!(!std::mem::replace(&mut seen[id], true));
            }
        }
    }

    #[test]
    fn rank_is_not_order() {
        let permutation = Permutation::new(3, 10_000);
        let fixed = (0..10_000).filter(|r| permutation.id_of(*r) == *r).count();
        // A random permutation has one fixed point on average, Poisson distributed.
        assert!(fixed < 10, "{fixed}");
        let ascents = (1..10_000).filter(|r| permutation.id_of(*r) > permutation.id_of(r - 1));
        // Ascents: mean 4999.5, standard deviation sqrt(10001 / 12) = 28.9.
        assert!((4850..5150).contains(&ascents.count()));
    }
}
