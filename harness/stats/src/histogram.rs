//! Merging recorded histograms and ranking their values, the unanswered ones last.

use std::collections::BTreeMap;

use crate::Quantile;

/// Values in nanoseconds with their counts, and the requests that were never answered.
///
/// An unanswered request ranks above every answered one, so that overload cannot flatter the
/// survivors: a percentile that falls among them is `None`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Histogram {
    counts: BTreeMap<u64, u64>,
    answered: u64,
    unanswered: u64,
}

impl Histogram {
    /// Adds `count` values of `value_ns`.
    pub fn record(&mut self, value_ns: u64, count: u64) {
        if count > 0 {
            *self.counts.entry(value_ns).or_default() += count;
            self.answered += count;
        }
    }

    /// Adds `count` requests without an answer: the `inf` row of a recorded histogram.
    pub fn record_unanswered(&mut self, count: u64) {
        self.unanswered += count;
    }

    /// Adds everything in `other`.
    pub fn merge(&mut self, other: &Self) {
        for (&value, &count) in &other.counts {
            self.record(value, count);
        }
        self.record_unanswered(other.unanswered);
    }

    /// All requests, answered or not.
    pub fn count(&self) -> u64 {
        self.answered + self.unanswered
    }

    /// Requests without an answer.
    pub fn unanswered(&self) -> u64 {
        self.unanswered
    }

    /// The recorded values in nanoseconds, ascending, with their counts.
    pub fn rows(&self) -> impl Iterator<Item = (u64, u64)> {
        self.counts.iter().map(|(&value, &count)| (value, count))
    }

    /// The recorded values in nanoseconds, ascending.
    pub(crate) fn values_ns(&self) -> impl Iterator<Item = u64> {
        self.counts.keys().copied()
    }

    /// The value in nanoseconds at the quantile's nearest rank over all requests; `None` when it
    /// falls among the unanswered, or when nothing was recorded.
    pub fn percentile(&self, quantile: Quantile) -> Option<u64> {
        let rank = quantile.rank(self.count())?;
        let mut seen = 0;
        self.counts.iter().find_map(|(&value, &count)| {
            seen += count;
            (seen >= rank).then_some(value)
        })
    }

    /// Mean and standard deviation of the answered values in nanoseconds; `None` when none was answered. The unanswered have no
    /// part in it: they are to be told beside it ([`unanswered`](Self::unanswered)).
    pub fn moments(&self) -> Option<Moments> {
        if self.answered == 0 {
            return None;
        }
        let mean_of = |of: &dyn Fn(f64) -> f64| {
            let sum: f64 = self
                .rows()
                .map(|(ns, count)| of(ns as f64) * count as f64)
                .sum();
            sum / self.answered as f64
        };
        let mean_ns = mean_of(&|ns| ns);
        let variance = mean_of(&|ns| (ns - mean_ns).powi(2));
        Some(Moments {
            mean_ns,
            deviation_ns: variance.sqrt(),
        })
    }

    /// The cumulative distribution: each value in nanoseconds with the share of all requests at or
    /// below it. It ends below 1 where requests were not answered.
    pub fn cdf(&self) -> Vec<(u64, f64)> {
        let total = self.count() as f64;
        let mut seen = 0;
        self.counts
            .iter()
            .map(|(&value, &count)| {
                seen += count;
                (value, seen as f64 / total)
            })
            .collect()
    }
}

/// Where values lie, and how far from there.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Moments {
    /// Their mean, ns.
    pub mean_ns: f64,
    /// Their standard deviation, ns: the root of the mean square of what they are off the mean.
    pub deviation_ns: f64,
}

impl FromIterator<(u64, u64)> for Histogram {
    /// From rows of value in nanoseconds and count.
    fn from_iter<I: IntoIterator<Item = (u64, u64)>>(rows: I) -> Self {
        let mut histogram = Self::default();
        for (value_ns, count) in rows {
            histogram.record(value_ns, count);
        }
        histogram
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn unanswered_requests_rank_last() {
        let mut h = Histogram::from_iter([(10, 90), (20, 8)]);
        h.record_unanswered(2);
        assert_eq!(h.count(), 100);
        assert_eq!(h.percentile(Quantile::P50), Some(10));
        assert_eq!(h.percentile(Quantile::P90), Some(10));
        // Rank 99 of 100, and only 98 were answered.
        assert_eq!(h.percentile(Quantile::P99), None);
        assert_eq!(h.cdf(), vec![(10, 0.90), (20, 0.98)]);
    }

    #[test]
    fn moments_are_of_what_was_answered() {
        let mut h = Histogram::from_iter([(10, 3), (30, 1)]);
        assert_eq!(Histogram::default().moments(), None);
        let seen = h.moments().unwrap();
        assert_eq!(seen.mean_ns, 15.0);
        // Three are 5 below, one is 15 above.
        assert!((seen.deviation_ns - 75.0_f64.sqrt()).abs() < 1e-12);
        h.record_unanswered(7);
        assert_eq!(h.moments(), Some(seen));
        assert_eq!(h.unanswered(), 7);
    }

    #[test]
    fn merging_is_not_averaging() {
        // Medians 1 and 100, of 10 and 90 values: the merged median is 100, not 50.5.
        let mut merged = Histogram::from_iter([(1, 10)]);
        merged.merge(&Histogram::from_iter([(100, 90)]));
        assert_eq!(merged.percentile(Quantile::P50), Some(100));
        assert_eq!(
            merged.percentile(Quantile::from_parts(10_000).unwrap()),
            Some(1)
        );
    }

    #[test]
    fn an_empty_histogram_has_no_percentile() {
        assert_eq!(Histogram::default().percentile(Quantile::P50), None);
        assert!(Histogram::default().cdf().is_empty());
    }

    proptest! {
        #[test]
        fn agrees_with_a_sorted_list(
            mut values in proptest::collection::vec(0u64..50, 1..200),
            lost in 0usize..20,
            parts in 0u32..=100_000,
            cut in 0usize..200,
        ) {
            let cut = cut.min(values.len());
            let mut merged: Histogram = values[..cut].iter().map(|&v| (v, 1)).collect();
            let mut other: Histogram = values[cut..].iter().map(|&v| (v, 1)).collect();
            other.record_unanswered(lost as u64);
            merged.merge(&other);

            values.sort_unstable();
            let quantile = Quantile::from_parts(parts).unwrap();
            let rank = quantile.rank((values.len() + lost) as u64).unwrap();
            prop_assert_eq!(merged.percentile(quantile), values.get(rank as usize - 1).copied());
        }
    }
}
