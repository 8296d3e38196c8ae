//! A value with its uncertainty: the median over blocks and a bootstrap interval.
//!
//! Percentile bootstrap (Efron, "Bootstrap Methods: Another Look at the Jackknife", 1979) of the
//! median, because block values are skewed by a machine's drift and no normal theory fits a tail
//! percentile. With few blocks the resampled medians take only a few values and the interval
//! pretends to more than is known, so below [`MIN_BLOCKS`] the observed range is given instead
//! and marked as such.

use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{Rng, SeedableRng};

use crate::median::{median, median_in_place};

/// Blocks from which an interval is given; below, only the range that was seen.
pub const MIN_BLOCKS: usize = 10;

const RESAMPLES: usize = 2_000;

/// What `low` and `high` of an [`Estimate`] mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spread {
    /// The bounds of a 95% bootstrap interval.
    Interval95,
    /// Too few blocks for an interval: the smallest and the largest block.
    RangeOfTooFewBlocks,
}

/// A median over blocks with its spread. Infinite values stand for "beyond the timeout".
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// The median of the per-block values, in their unit.
    pub value: f64,
    /// Lower bound, in the same unit.
    pub low: f64,
    /// Upper bound, in the same unit.
    pub high: f64,
    /// Number of blocks.
    pub n: usize,
    /// What the bounds are.
    pub spread: Spread,
}

/// Estimates the median over blocks, one value a block; the same `seed` gives the same bounds on
/// every machine. `None` without values, or when one is NaN.
pub fn estimate_median(blocks: &[f64], seed: u64) -> Option<Estimate> {
    let value = median(blocks)?;
    let n = blocks.len();
    if n < MIN_BLOCKS {
        let low = blocks.iter().copied().fold(f64::INFINITY, f64::min);
        let high = blocks.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        return Some(Estimate {
            value,
            low,
            high,
            n,
            spread: Spread::RangeOfTooFewBlocks,
        });
    }
    let (low, high) = bootstrap_bounds(blocks, seed)?;
    Some(Estimate {
        value,
        low,
        high,
        n,
        spread: Spread::Interval95,
    })
}

/// Estimates how `numerator` relates to `denominator`: the median of the per-block ratios, with
/// the blocks resampled in pairs, so that what both systems suffered in one block cancels.
///
/// Pairs are by position: the same index is the same block. `None` when the lengths differ, when
/// there are no blocks, or when a ratio is not defined (0 / 0, inf / inf).
pub fn estimate_ratio(numerator: &[f64], denominator: &[f64], seed: u64) -> Option<Estimate> {
    if numerator.len() != denominator.len() {
        return None;
    }
    let ratios: Vec<f64> = numerator
        .iter()
        .zip(denominator)
        .map(|(a, b)| a / b)
        .collect();
    estimate_median(&ratios, seed)
}

/// The 2.5th and 97.5th percentile of the medians of resampled blocks.
fn bootstrap_bounds(blocks: &[f64], seed: u64) -> Option<(f64, f64)> {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
    let mut resample = vec![0.0; blocks.len()];
    let mut medians = Vec::with_capacity(RESAMPLES);
    for _ in 0..RESAMPLES {
        for slot in &mut resample {
            *slot = blocks[below(&mut rng, blocks.len())];
        }
        medians.push(median_in_place(&mut resample)?);
    }
    medians.sort_by(f64::total_cmp);
    let tail = RESAMPLES / 40;
    Some((medians[tail], medians[RESAMPLES - 1 - tail]))
}

/// An index below `n`, by multiplication; the bias is below 2^-50 for any real number of blocks.
fn below(rng: &mut Xoshiro256PlusPlus, n: usize) -> usize {
    ((u128::from(rng.next_u64()) * n as u128) >> 64) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_blocks_give_their_range() {
        let e = estimate_median(&[3.0, 1.0, 2.0], 1).unwrap();
        assert_eq!((e.value, e.low, e.high, e.n), (2.0, 1.0, 3.0, 3));
        assert_eq!(e.spread, Spread::RangeOfTooFewBlocks);
        assert_eq!(estimate_median(&[], 1), None);
        assert_eq!(estimate_median(&[f64::NAN; 12], 1), None);
    }

    #[test]
    fn ten_blocks_give_an_interval_that_repeats() {
        let blocks: Vec<f64> = (1..=10).map(f64::from).collect();
        let e = estimate_median(&blocks, 7).unwrap();
        assert_eq!(e.spread, Spread::Interval95);
        assert_eq!(e.value, 5.5);
        assert!(
            e.low >= 1.0 && e.low < 5.5 && e.high > 5.5 && e.high <= 10.0,
            "{e:?}"
        );
        assert_eq!(estimate_median(&blocks, 7), Some(e));
    }

    #[test]
    fn equal_blocks_have_no_spread() {
        let e = estimate_median(&[4.0; 12], 3).unwrap();
        assert_eq!((e.low, e.value, e.high), (4.0, 4.0, 4.0));
    }

    #[test]
    fn blocks_beyond_the_timeout_stay_infinite() {
        let mut blocks = vec![1.0; 12];
        blocks[..7].fill(f64::INFINITY);
        let e = estimate_median(&blocks, 3).unwrap();
        assert_eq!(
            (e.low, e.value, e.high),
            (1.0, f64::INFINITY, f64::INFINITY)
        );
    }

    /// The exact bootstrap distribution of the median of three-valued data is known: with 11
    /// blocks of which 5 are 0, one is 1 and 5 are 2, both bounds lie in the outer groups.
    #[test]
    fn bounds_match_the_binomial_by_hand() {
        let blocks = [0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 2.0, 2.0, 2.0, 2.0, 2.0];
        // P(median = 0) = P(Bin(11, 5/11) >= 6) = 0.38, far above 2.5%.
        let e = estimate_median(&blocks, 11).unwrap();
        assert_eq!((e.low, e.value, e.high), (0.0, 1.0, 2.0));
    }

    /// 95% intervals should hold the true median about 95% of the time; the percentile bootstrap
    /// of a median is known to be close to that at n = 20, for a symmetric and a skewed law.
    #[test]
    fn intervals_cover_the_true_median() {
        fn uniform(u: f64) -> f64 {
            u
        }
        fn exponential(u: f64) -> f64 {
            -(1.0 - u).ln()
        }
        let laws = [
            (uniform as fn(f64) -> f64, 0.5),
            (exponential as fn(f64) -> f64, std::f64::consts::LN_2),
        ];
        for (law, truth) in laws {
            let mut rng = Xoshiro256PlusPlus::seed_from_u64(42);
            let mut covered = 0;
            for seed in 0..200 {
                let blocks: Vec<f64> = (0..20)
                    .map(|_| law((rng.next_u64() >> 11) as f64 / (1u64 << 53) as f64))
                    .collect();
                let e = estimate_median(&blocks, seed).unwrap();
                covered += usize::from(e.low <= truth && truth <= e.high);
            }
            assert!((180..=198).contains(&covered), "covered {covered} of 200");
        }
    }

    #[test]
    fn ratios_pair_the_blocks() {
        // Both systems drift tenfold together; the ratio is 2 in every block.
        let slow: Vec<f64> = (1..=12).map(|b| f64::from(b) * 20.0).collect();
        let fast: Vec<f64> = (1..=12).map(|b| f64::from(b) * 10.0).collect();
        let e = estimate_ratio(&slow, &fast, 5).unwrap();
        assert_eq!((e.low, e.value, e.high, e.n), (2.0, 2.0, 2.0, 12));
        assert_eq!(estimate_ratio(&slow, &fast[..11], 5), None);
        assert_eq!(estimate_ratio(&[0.0], &[0.0], 5), None);
    }
}
