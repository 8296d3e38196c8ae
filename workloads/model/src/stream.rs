//! One random sub-stream per purpose.
//!
//! All sub-streams of a seed are the same Xoshiro256++ sequence, 2^128 draws apart (`jump`, which
//! Blackman and Vigna give with the generator), so they cannot overlap. Drawing more for one
//! purpose leaves the others as they were: two specs that differ only in theta send at the same
//! times over the same flows.

use rand::Rng;
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::SeedableRng;

/// What a sub-stream is drawn for. The order is part of the format: a schedule depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// The shuffle that takes popularity ranks to key ids.
    Permutation,
    /// The rank of each request's first key.
    Popularity,
    /// Get or set, and whether a set wants a reply.
    Operation,
    /// Gaps between arrivals.
    Arrival,
    /// The flow (source port) of each request.
    Flow,
    /// Lengths of keys, by key id.
    KeySize,
    /// Lengths of values, by key id.
    ValueSize,
    /// The second and later keys of a multi-get.
    FurtherKeys,
    /// The order of a ramp's steps.
    Ramp,
}

impl Purpose {
    const fn jumps(self) -> u32 {
        match self {
            Self::Permutation => 0,
            Self::Popularity => 1,
            Self::Operation => 2,
            Self::Arrival => 3,
            Self::Flow => 4,
            Self::KeySize => 5,
            Self::ValueSize => 6,
            Self::FurtherKeys => 7,
            Self::Ramp => 8,
        }
    }
}

/// The sub-stream of `seed` for `purpose`.
#[must_use]
pub fn of(seed: u64, purpose: Purpose) -> Xoshiro256PlusPlus {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
    for _ in 0..purpose.jumps() {
        rng.jump();
    }
    rng
}

/// A uniform draw from [0, 1) with 53 random bits.
pub fn unit(rng: &mut impl Rng) -> f64 {
    const STEP: f64 = 1.0 / (1u64 << 53) as f64;
    (rng.next_u64() >> 11) as f64 * STEP
}

/// A 64-bit mix of `x`: the finalizer of `SplitMix64` (Steele, Lea and Flood, OOPSLA 2014).
#[must_use]
pub const fn mix(x: u64) -> u64 {
    let x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Purpose; 9] = [
        Purpose::Permutation,
        Purpose::Popularity,
        Purpose::Operation,
        Purpose::Arrival,
        Purpose::Flow,
        Purpose::KeySize,
        Purpose::ValueSize,
        Purpose::FurtherKeys,
        Purpose::Ramp,
    ];

    #[test]
    fn streams_differ_by_purpose_and_by_seed() {
        let mut firsts: Vec<u64> = ALL.iter().map(|p| of(7, *p).next_u64()).collect();
        firsts.extend(ALL.iter().map(|p| of(8, *p).next_u64()));
        firsts.sort_unstable();
        firsts.dedup();
        assert_eq!(firsts.len(), 2 * ALL.len());
    }

    #[test]
    fn unit_stays_below_one_and_is_centred() {
        let mut rng = of(1, Purpose::Arrival);
        let draws: Vec<f64> = (0..100_000).map(|_| unit(&mut rng)).collect();
        assert!(draws.iter().all(|u| (0.0..1.0).contains(u)));
        let mean = draws.iter().sum::<f64>() / draws.len() as f64;
        // The standard error of the mean is 1 / sqrt(12 * 100000) = 0.0009.
        assert!((mean - 0.5).abs() < 0.004, "{mean}");
    }
}
