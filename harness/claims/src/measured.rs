//! A metric's blocks, and their numbers with intervals.

use std::collections::BTreeMap;

use stats::{Estimate, Histogram, Quantile, Sample, estimate, estimate_ratio};

use crate::metric::Contribution;

/// A block of one of the runs at hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct BlockKey {
    /// Position of the run.
    pub(crate) run: usize,
    /// The block, or the probe's round, from 1.
    pub(crate) block: u32,
}

/// What each block contributes.
pub(crate) type Blocks = BTreeMap<BlockKey, Contribution>;

/// The resampling's seed: the same data give the same interval.
const SEED: u64 = 1;

/// Blocks lined up for the statistics.
pub(crate) enum Aligned {
    Values(Vec<f64>),
    Times(Quantile, Vec<Histogram>),
}

impl Aligned {
    /// In the order of the blocks. A metric contributes one kind in all blocks.
    pub(crate) fn of<'a>(blocks: impl Iterator<Item = &'a Contribution>) -> Self {
        let mut values = Vec::new();
        let mut times = Vec::new();
        let mut ranked = None;
        for block in blocks {
            match block {
                Contribution::Value(value) => values.push(*value),
                Contribution::Times(quantile, histogram) => {
                    ranked = Some(*quantile);
                    times.push(histogram.clone());
                }
            }
        }
        match ranked {
            None => Self::Values(values),
            Some(quantile) => Self::Times(quantile, times),
        }
    }

    fn sample(&self) -> Sample<'_> {
        match self {
            Self::Values(values) => Sample::Median(values),
            Self::Times(quantile, histograms) => Sample::Percentile(*quantile, histograms),
        }
    }

    /// Each block's own value.
    pub(crate) fn per_block(&self) -> Vec<f64> {
        self.sample().per_block()
    }

    /// The number over all blocks.
    pub(crate) fn estimate(&self) -> Option<Estimate> {
        estimate(self.sample(), SEED)
    }

    /// This number over another's; index i of both is the same block.
    pub(crate) fn ratio_to(&self, other: &Self) -> Option<Estimate> {
        estimate_ratio(self.sample(), other.sample(), SEED)
    }
}

/// Two metrics' blocks, those that both have.
pub(crate) fn pair(a: &Blocks, b: &Blocks) -> (Aligned, Aligned) {
    let both = || a.keys().filter(|key| b.contains_key(key));
    (
        Aligned::of(both().map(|key| &a[key])),
        Aligned::of(both().map(|key| &b[key])),
    )
}

/// Ratios block by block.
pub(crate) fn ratios(a: &[f64], b: &[f64]) -> Vec<f64> {
    a.iter().zip(b).map(|(a, b)| a / b).collect()
}

/// Differences block by block.
pub(crate) fn differences(a: &[f64], b: &[f64]) -> Vec<f64> {
    a.iter().zip(b).map(|(a, b)| a - b).collect()
}
