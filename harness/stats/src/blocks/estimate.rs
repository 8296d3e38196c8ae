//! A value with its uncertainty.

use super::bootstrap::bounds;
use super::dependence::Dependence;
use super::sample::Sample;
use crate::random::Stream;

/// Blocks from which an interval is given; below, only the range that was seen.
pub const MIN_BLOCKS: usize = 10;

/// What `low` and `high` of an [`Estimate`] mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spread {
    /// The bounds of a 95% bootstrap interval.
    Interval95,
    /// Too few blocks for an interval: the smallest and the largest block.
    RangeOfTooFewBlocks,
}

/// A number over blocks with its spread. Infinite values stand for "beyond the timeout".
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// The number over all blocks, in its unit.
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

impl Estimate {
    /// Whether `value` lies outside of the 95% interval; never for a mere range.
    pub fn excludes(&self, value: f64) -> bool {
        match self.spread {
            Spread::Interval95 => value < self.low || value > self.high,
            Spread::RangeOfTooFewBlocks => false,
        }
    }
}

/// Estimates a sample's number with its 95% interval; dependence between consecutive blocks widens
/// it. The same `seed` gives the same bounds on every machine. `None` without blocks, or when a
/// block's value is not defined (NaN, or an empty histogram).
pub fn estimate(sample: Sample<'_>, seed: u64) -> Option<Estimate> {
    let statistic = sample.statistic();
    over_blocks(&sample.per_block(), seed, |weights| statistic.at(weights))
}

/// Estimates the median over blocks of one value a block, as [`estimate`] does.
pub fn estimate_median(blocks: &[f64], seed: u64) -> Option<Estimate> {
    estimate(Sample::Median(blocks), seed)
}

/// Estimates how `numerator` relates to `denominator`: the ratio of their two numbers, with the
/// blocks resampled in pairs, so that what both suffered in one block cancels.
///
/// Pairs are by position: the same index is the same block. `None` when the lengths differ, when
/// there are no blocks, when a block has no value, or when the ratio is not defined (0 / 0,
/// beyond the timeout / beyond the timeout).
pub fn estimate_ratio(
    numerator: Sample<'_>,
    denominator: Sample<'_>,
    seed: u64,
) -> Option<Estimate> {
    if numerator.blocks() != denominator.blocks() {
        return None;
    }
    let (above, below) = (numerator.per_block(), denominator.per_block());
    if above.iter().chain(&below).any(|value| value.is_nan()) {
        return None;
    }
    let ratios = ratios(&above, &below);
    let (above, below) = (numerator.statistic(), denominator.statistic());
    let defined: Vec<f64> = ratios
        .iter()
        .map(|r| if r.is_nan() { 1.0 } else { *r })
        .collect();
    over_blocks(&defined, seed, |weights| {
        above.at(weights) / below.at(weights)
    })
}

/// The ratio within each block; NaN where it is not defined.
pub(crate) fn ratios(numerator: &[f64], denominator: &[f64]) -> Vec<f64> {
    numerator
        .iter()
        .zip(denominator)
        .map(|(a, b)| a / b)
        .collect()
}

/// The estimate of `statistic`; `each` holds the blocks' own values, for their range and order.
fn over_blocks(each: &[f64], seed: u64, statistic: impl Fn(&[u32]) -> f64) -> Option<Estimate> {
    let n = each.len();
    let value = statistic(&vec![1; n]);
    if n == 0 || value.is_nan() || each.iter().any(|value| value.is_nan()) {
        return None;
    }
    let (low, high, spread) = if n < MIN_BLOCKS {
        let low = each.iter().copied().fold(value, f64::min);
        let high = each.iter().copied().fold(value, f64::max);
        (low, high, Spread::RangeOfTooFewBlocks)
    } else {
        let (low, high) = bounds(n, Dependence::of(each), &mut Stream::new(seed), statistic);
        (low, high, Spread::Interval95)
    };
    Some(Estimate {
        value,
        low,
        high,
        n,
        spread,
    })
}
