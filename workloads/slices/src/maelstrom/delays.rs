//! How long recovered packets were missing.

use std::collections::BTreeMap;

use hdrhistogram::Histogram;

/// Times above this are recorded as this, ns.
const LONGEST_NS: u64 = 60_000_000_000;

/// Times are told apart by a thousandth.
const DIGITS: u8 = 3;

/// A histogram of times: three significant digits, up to a minute.
#[derive(Debug, Clone)]
pub struct Delays(Histogram<u64>);

impl Delays {
    /// No times.
    pub(crate) fn new() -> Self {
        // The bounds are constants within what the library takes.
        #[expect(clippy::expect_used, reason = "constant and valid bounds")]
        Self(Histogram::new_with_bounds(1, LONGEST_NS, DIGITS).expect("bounds"))
    }

    /// Records a time, ns.
    pub(crate) fn record(&mut self, ns: u64) {
        self.0.saturating_record(ns.min(LONGEST_NS));
    }

    /// The buckets that hold any: the highest time of each, ns, and how many packets were missing for so long.
    #[must_use]
    pub fn buckets(&self) -> BTreeMap<u64, u64> {
        let steps = self.0.iter_recorded();
        steps
            .map(|step| (step.value_iterated_to(), step.count_at_value()))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_kept_to_three_digits_and_none_is_too_long() {
        let mut delays = Delays::new();
        assert!(delays.buckets().is_empty());
        for ns in [0, 1000, 1000, 1_000_000, u64::MAX] {
            delays.record(ns);
        }
        let buckets: Vec<(u64, u64)> = delays.buckets().into_iter().collect();
        assert_eq!(buckets[..2], [(0, 1), (1000, 2)]);
        let [(millisecond, 1), (minute, 1)] = buckets[2..] else {
            panic!("{buckets:?}");
        };
        assert!((1_000_000..1_001_000).contains(&millisecond));
        assert!((LONGEST_NS..LONGEST_NS + LONGEST_NS / 1000).contains(&minute));
        // A bucket's highest time is of that bucket: what is told can be recorded again, and says the same.
        let mut again = Delays::new();
        for (ns, packets) in delays.buckets() {
            (0..packets).for_each(|_| again.record(ns));
        }
        assert_eq!(again.buckets(), delays.buckets());
    }
}
