//! What the blocks of one cell measured, and the one number that is said about them together.

use super::merged::MergedBlocks;
use crate::{Histogram, Quantile};

/// One cell's blocks in the order in which they were run, and which number is meant.
#[derive(Debug, Clone, Copy)]
pub enum Sample<'a> {
    /// The percentile, in nanoseconds, of the blocks' histograms merged; it is infinite where it
    /// falls among the unanswered.
    Percentile(Quantile, &'a [Histogram]),
    /// The median over blocks of one value a block, in the value's unit.
    Median(&'a [f64]),
}

impl Sample<'_> {
    /// Number of blocks.
    pub fn blocks(&self) -> usize {
        match self {
            Self::Percentile(_, histograms) => histograms.len(),
            Self::Median(values) => values.len(),
        }
    }

    /// Each block's own value, in the sample's unit; NaN where a histogram is empty.
    pub fn per_block(&self) -> Vec<f64> {
        match self {
            Self::Percentile(quantile, histograms) => histograms
                .iter()
                .map(|histogram| match histogram.percentile(*quantile) {
                    Some(value) => value as f64,
                    None if histogram.count() == 0 => f64::NAN,
                    None => f64::INFINITY,
                })
                .collect(),
            Self::Median(values) => values.to_vec(),
        }
    }

    /// The number over all blocks; NaN without blocks, or where every histogram is empty.
    pub fn value(&self) -> f64 {
        self.statistic().at(&vec![1; self.blocks()])
    }

    pub(crate) fn statistic(&self) -> Statistic {
        match self {
            Self::Percentile(quantile, histograms) => {
                Statistic::Percentile(*quantile, MergedBlocks::new(histograms))
            }
            Self::Median(values) => Statistic::Median(Sorted::new(values)),
        }
    }
}

/// The number as a function of how often each block occurs.
#[derive(Debug)]
pub(crate) enum Statistic {
    Percentile(Quantile, MergedBlocks),
    Median(Sorted),
}

impl Statistic {
    /// NaN where no block with a value occurs.
    pub(crate) fn at(&self, weights: &[u32]) -> f64 {
        match self {
            Self::Percentile(quantile, merged) => merged.percentile(weights, *quantile),
            Self::Median(sorted) => sorted.median(weights),
        }
    }
}

/// Blocks with their values, ascending.
#[derive(Debug)]
pub(crate) struct Sorted(Vec<(usize, f64)>);

impl Sorted {
    fn new(values: &[f64]) -> Self {
        let mut sorted: Vec<_> = values.iter().copied().enumerate().collect();
        sorted.sort_by(|a, b| a.1.total_cmp(&b.1));
        Self(sorted)
    }

    fn median(&self, weights: &[u32]) -> f64 {
        let total: u32 = weights.iter().sum();
        if total == 0 {
            return f64::NAN;
        }
        let lower = self.ranked(weights, total.div_ceil(2));
        let upper = self.ranked(weights, total / 2 + 1);
        // inf - inf is NaN, so equal values are not averaged.
        if lower == upper {
            lower
        } else {
            lower + (upper - lower) / 2.0
        }
    }

    /// The value at a rank from 1.
    fn ranked(&self, weights: &[u32], rank: u32) -> f64 {
        let mut seen = 0;
        let found = self.0.iter().find(|&&(block, _)| {
            seen += weights[block];
            seen >= rank
        });
        found.map_or(f64::NAN, |&(_, value)| value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::median;

    #[test]
    fn a_weighted_median_is_the_median_of_the_repeated_values() {
        let values = [5.0, 1.0, f64::INFINITY, 3.0];
        let statistic = Sample::Median(&values).statistic();
        for weights in [[1, 1, 1, 1], [0, 3, 1, 2], [2, 0, 2, 0], [0, 0, 4, 0]] {
            let repeated: Vec<f64> = values
                .iter()
                .zip(weights)
                .flat_map(|(&value, weight)| std::iter::repeat_n(value, weight as usize))
                .collect();
            assert_eq!(statistic.at(&weights), median(&repeated).unwrap());
        }
        assert!(statistic.at(&[0; 4]).is_nan());
    }

    #[test]
    fn blocks_of_percentiles_say_what_was_not_answered() {
        let mut lost = Histogram::from_iter([(10, 1)]);
        lost.record_unanswered(9);
        let blocks = [Histogram::from_iter([(7, 3)]), lost, Histogram::default()];
        let sample = Sample::Percentile(Quantile::P99, &blocks);
        let each = sample.per_block();
        assert_eq!(&each[..2], [7.0, f64::INFINITY]);
        assert!(each[2].is_nan());
        // Merged: 3 at 7, 1 at 10, 9 unanswered.
        assert_eq!(sample.statistic().at(&[1, 1, 1]), f64::INFINITY);
        assert_eq!(sample.statistic().at(&[1, 0, 1]), 7.0);
    }
}
