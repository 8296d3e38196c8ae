//! A latency histogram while it is recorded: HdrHistogram's buckets with constants for bounds.
//!
//! `hdrhistogram`'s own record looks its bounds up and keeps count, minimum and maximum up to date
//! with each value. All three follow from the buckets, so that here a record is one look at the
//! value's leading zeros and one addition; [`Recording::latency`] gives the same histogram.

use crate::latency::{HIGHEST_NS, Latency};

/// Bits that a bucket keeps of a value: 2048 steps hold 3 significant digits.
const BITS: u32 = 11;
/// Each doubling beyond the first bucket adds so many counters.
const HALF: u64 = 1 << (BITS - 1);
const COUNTERS: usize = index(HIGHEST_NS) + 1;

/// The counter of a value, as HdrHistogram numbers them (its `index_for`).
#[inline]
const fn index(ns: u64) -> usize {
    let shift = u64::BITS - BITS - (ns | (2 * HALF - 1)).leading_zeros();
    ((shift as u64 * HALF) + (ns >> shift)) as usize
}

/// The smallest value of a counter.
const fn value(index: usize) -> u64 {
    let index = index as u64;
    if index < 2 * HALF {
        return index;
    }
    let shift = index / HALF - 1;
    (index % HALF + HALF) << shift
}

/// Counts of durations in ns, up to 60 s; longer ones count as that.
#[derive(Debug, Clone)]
pub struct Recording(Box<[u64]>);

impl Default for Recording {
    fn default() -> Self {
        Self::new()
    }
}

impl Recording {
    /// An empty one.
    #[must_use]
    pub fn new() -> Self {
        Self(vec![0; COUNTERS].into())
    }

    /// Records a duration in ns.
    #[inline]
    pub fn record(&mut self, ns: u64) {
        self.0[index(if ns < HIGHEST_NS { ns } else { HIGHEST_NS })] += 1;
    }

    /// The histogram of what was recorded.
    #[must_use]
    pub fn latency(&self) -> Latency {
        let mut histogram = Latency::new().into_histogram();
        let counted = self.0.iter().enumerate().filter(|(_, count)| **count > 0);
        for (index, count) in counted {
            histogram
                .record_n(value(index), *count)
                .expect("every counter lies within the bounds");
        }
        Latency::of(histogram)
    }
}

#[cfg(test)]
mod tests {
    use hdrhistogram::Histogram;
    use proptest::prelude::*;

    use super::*;

    fn ours(values: &[u64]) -> Latency {
        let mut recording = Recording::new();
        values.iter().for_each(|ns| recording.record(*ns));
        recording.latency()
    }

    fn theirs(values: &[u64]) -> Histogram<u64> {
        let mut histogram = Latency::new().into_histogram();
        values
            .iter()
            .for_each(|ns| histogram.saturating_record((*ns).min(HIGHEST_NS)));
        histogram
    }

    #[test]
    fn edges_of_buckets_fall_where_hdrhistogram_puts_them() {
        let edges = (0..=36).flat_map(|bit| {
            let power = 1u64 << bit;
            [power.saturating_sub(1), power, power + 1, power + power / 2]
        });
        for ns in edges.chain([0, HIGHEST_NS - 1, HIGHEST_NS, HIGHEST_NS + 1, u64::MAX]) {
            assert_eq!(ours(&[ns]).histogram(), &theirs(&[ns]), "{ns}");
            assert!(value(index(ns.min(HIGHEST_NS))) <= ns);
        }
    }

    proptest! {
        #[test]
        fn the_histogram_is_hdrhistograms(
            values in proptest::collection::vec(prop_oneof![0u64..10_000, 0u64..100_000_000_000], 0..300)
        ) {
            let (ours, theirs) = (ours(&values), theirs(&values));
            prop_assert_eq!(ours.histogram(), &theirs);
            for q in [0.0, 0.5, 0.9, 0.99, 1.0] {
                prop_assert_eq!(
                    ours.histogram().value_at_quantile(q),
                    theirs.value_at_quantile(q)
                );
            }
        }
    }
}
