//! A value with its uncertainty.

use super::bootstrap::{Group, bounds};
use super::sample::Sample;
use super::walsh::Walsh;

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
    /// Number of blocks; of the shorter sample where two are not in pairs.
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
    let each = sample.per_block();
    over_blocks(&[&each], &each, seed, |[weights]| statistic.at(weights))
}

/// Estimates the median over blocks of one value a block, as [`estimate`] does.
pub fn estimate_median(blocks: &[f64], seed: u64) -> Option<Estimate> {
    estimate(Sample::Median(blocks), seed)
}

/// Estimates how `numerator` relates to `denominator`, with the blocks resampled in pairs, so that what
/// both suffered in one block cancels: the ratio of the two percentiles, or, where each block has one
/// value, the Hodges-Lehmann estimate over the blocks' ratios.
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
    let (above, below) = both(numerator, denominator)?;
    let within = ratios(&above, &below);
    if within.iter().all(|ratio| ratio.is_nan()) {
        return None;
    }
    if let (Sample::Median(_), Sample::Median(_)) = (numerator, denominator) {
        let walsh = Walsh::of(&within);
        let within = defined(within);
        return over_blocks(&[&within], &within, seed, |[weights]| walsh.at(weights));
    }
    let within = defined(within);
    let (above, below) = (numerator.statistic(), denominator.statistic());
    over_blocks(&[&within], &within, seed, |[weights]| {
        above.at(weights) / below.at(weights)
    })
}

/// As [`estimate_ratio`] for blocks that have nothing to do with each other, such as those of two
/// runs; their numbers may differ.
pub fn estimate_ratio_unpaired(
    numerator: Sample<'_>,
    denominator: Sample<'_>,
    seed: u64,
) -> Option<Estimate> {
    let (above, below) = both(numerator, denominator)?;
    let pairs = above.iter().flat_map(|a| below.iter().map(move |b| a / b));
    let every_pair = defined(pairs.collect());
    let (top, bottom) = (numerator.statistic(), denominator.statistic());
    over_blocks(&[&above, &below], &every_pair, seed, |[a, b]| {
        top.at(a) / bottom.at(b)
    })
}

/// The blocks' own values, if each has one.
fn both(numerator: Sample<'_>, denominator: Sample<'_>) -> Option<(Vec<f64>, Vec<f64>)> {
    let (above, below) = (numerator.per_block(), denominator.per_block());
    let all = above.iter().chain(&below).all(|value| !value.is_nan());
    all.then_some((above, below))
}

/// The ratio within each block; NaN where it is not defined.
pub(crate) fn ratios(numerator: &[f64], denominator: &[f64]) -> Vec<f64> {
    let pairs = numerator.iter().zip(denominator);
    pairs.map(|(a, b)| a / b).collect()
}

/// The values with 1, no difference, in place of what is not defined.
fn defined(mut ratios: Vec<f64>) -> Vec<f64> {
    for ratio in &mut ratios {
        if ratio.is_nan() {
            *ratio = 1.0;
        }
    }
    ratios
}

/// The estimate of `statistic` over `groups` of blocks, each by its blocks' own values; `each`
/// spans the range that is given for too few blocks.
fn over_blocks<const GROUPS: usize>(
    groups: &[&[f64]; GROUPS],
    each: &[f64],
    seed: u64,
    statistic: impl Fn(&[Vec<u32>; GROUPS]) -> f64,
) -> Option<Estimate> {
    let n = groups.iter().map(|group| group.len()).min()?;
    let value = statistic(&groups.map(|group| vec![1; group.len()]));
    if n == 0 || value.is_nan() || each.iter().any(|value| value.is_nan()) {
        return None;
    }
    let (low, high, spread) = if n < MIN_BLOCKS {
        let low = each.iter().copied().fold(value, f64::min);
        let high = each.iter().copied().fold(value, f64::max);
        (low, high, Spread::RangeOfTooFewBlocks)
    } else {
        let (low, high) = bounds(groups.map(Group::of), seed, statistic);
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

    #[test]
    fn ratios_pair_the_blocks() {
        // Both systems drift tenfold together; the ratio is 2 in every block.
        let slow: Vec<f64> = (1..=12).map(|b| f64::from(b) * 20.0).collect();
        let fast: Vec<f64> = (1..=12).map(|b| f64::from(b) * 10.0).collect();
        let of = |a, b| estimate_ratio(Sample::Median(a), Sample::Median(b), 5);
        let e = of(&slow, &fast).unwrap();
        assert_eq!((e.low, e.value, e.high, e.n), (2.0, 2.0, 2.0, 12));
        assert_eq!(of(&slow, &fast[..11]), None);
        assert_eq!(of(&[0.0], &[0.0]), None);
    }

    #[test]
    fn unpaired_blocks_do_not_cancel() {
        let slow: Vec<f64> = (1..=12).map(|b| f64::from(b % 4 + 3) * 20.0).collect();
        let fast: Vec<f64> = (1..=16).map(|b| f64::from(b % 4 + 3) * 10.0).collect();
        let of = |a, b| estimate_ratio_unpaired(Sample::Median(a), Sample::Median(b), 5);
        let e = of(&slow, &fast).unwrap();
        assert_eq!((e.value, e.n), (2.0, 12));
        assert!(e.low < 1.9 && e.high > 2.1, "{e:?}");
        let few = of(&slow[..2], &fast[..2]).unwrap();
        assert_eq!((few.low, few.high), (80.0 / 50.0, 100.0 / 40.0));
        assert_eq!(few.spread, Spread::RangeOfTooFewBlocks);
    }
}
