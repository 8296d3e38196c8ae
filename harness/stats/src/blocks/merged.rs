//! Percentiles of many merges of the same histograms, without merging any.

use std::collections::BTreeSet;

use crate::{Histogram, Quantile};

/// The cumulative counts of several blocks' histograms over their common values.
///
/// A bootstrap ranks thousands of merged histograms; here each is one binary search, because the
/// cumulative count of a merge is the weighted sum of the blocks' cumulative counts.
#[derive(Debug)]
pub(crate) struct MergedBlocks {
    /// Every value that occurs, ascending.
    values_ns: Vec<u64>,
    /// For each value, the count at or below it of each block.
    cumulative: Vec<u64>,
    /// Requests of each block, the unanswered ones included.
    totals: Vec<u64>,
}

impl MergedBlocks {
    pub(crate) fn new(blocks: &[Histogram]) -> Self {
        let distinct: BTreeSet<u64> = blocks.iter().flat_map(Histogram::values_ns).collect();
        let values_ns: Vec<u64> = distinct.into_iter().collect();
        let width = blocks.len();
        let mut cumulative = vec![0; values_ns.len() * width];
        for (block, histogram) in blocks.iter().enumerate() {
            let mut rows = histogram.rows().peekable();
            let mut seen = 0;
            for (row, &value) in values_ns.iter().enumerate() {
                while let Some((_, count)) = rows.next_if(|&(at, _)| at <= value) {
                    seen += count;
                }
                cumulative[row * width + block] = seen;
            }
        }
        Self {
            values_ns,
            cumulative,
            totals: blocks.iter().map(Histogram::count).collect(),
        }
    }

    /// The percentile, in nanoseconds, of the merge in which each block occurs `weights` times;
    /// infinite where it falls among the unanswered, NaN where the merge is empty.
    pub(crate) fn percentile(&self, weights: &[u32], quantile: Quantile) -> f64 {
        let width = self.totals.len();
        let weighted = |counts: &[u64]| -> u64 {
            counts
                .iter()
                .zip(weights)
                .map(|(count, &weight)| count * u64::from(weight))
                .sum()
        };
        let Some(rank) = quantile.rank(weighted(&self.totals)) else {
            return f64::NAN;
        };
        let at = |row: usize| weighted(&self.cumulative[row * width..(row + 1) * width]);
        let (mut low, mut high) = (0, self.values_ns.len());
        while low < high {
            let middle = low.midpoint(high);
            if at(middle) < rank {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        self.values_ns
            .get(low)
            .map_or(f64::INFINITY, |&value| value as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn nothing_recorded_has_no_percentile() {
        let blocks = [Histogram::default()];
        let merged = MergedBlocks::new(&blocks);
        assert!(merged.percentile(&[1], Quantile::P50).is_nan());
    }

    proptest! {
        #[test]
        fn agrees_with_a_real_merge(
            blocks in proptest::collection::vec(
                (proptest::collection::vec((0u64..60, 1u64..5), 0..30), 0u64..6), 1..6),
            weights in proptest::collection::vec(0u32..4, 6),
            parts in 0u32..=100_000,
        ) {
            let histograms: Vec<Histogram> = blocks
                .into_iter()
                .map(|(rows, lost)| {
                    let mut h = Histogram::from_iter(rows);
                    h.record_unanswered(lost);
                    h
                })
                .collect();
            let weights = &weights[..histograms.len()];
            let mut merged = Histogram::default();
            for (h, &weight) in histograms.iter().zip(weights) {
                (0..weight).for_each(|_| merged.merge(h));
            }
            let quantile = Quantile::from_parts(parts).unwrap();
            let fast = MergedBlocks::new(&histograms).percentile(weights, quantile);
            match (merged.count(), merged.percentile(quantile)) {
                (0, _) => prop_assert!(fast.is_nan()),
                (_, Some(value)) => prop_assert_eq!(fast, value as f64),
                (_, None) => prop_assert_eq!(fast, f64::INFINITY),
            }
        }
    }
}
