//! Latency distributions whose percentiles rank over every request (design, invariant 3).

use hdrhistogram::Histogram;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A recorded distribution: HDR buckets, and requests that were never answered.
#[derive(Debug, Clone, PartialEq)]
pub struct Distribution {
    /// Highest value of each recorded bucket in nanoseconds, ascending, and its count.
    pub buckets: Vec<(u64, u64)>,
    /// Requests at +inf.
    pub unanswered: u64,
    /// Largest answered value in nanoseconds; `None` when none was answered.
    pub max_ns: Option<u64>,
    /// Mean of the answered values in nanoseconds, from bucket midpoints.
    pub mean_ns: Option<f64>,
}

/// A distribution in a row of a table, in nanoseconds. A percentile that falls on an unanswered
/// request is empty; so are maximum and mean as soon as one request is unanswered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Percentiles {
    /// Median.
    pub p50_ns: Option<u64>,
    /// 90th percentile.
    pub p90_ns: Option<u64>,
    /// 99th percentile.
    pub p99_ns: Option<u64>,
    /// 99.9th percentile.
    pub p99_9_ns: Option<u64>,
    /// 99.99th percentile.
    pub p99_99_ns: Option<u64>,
    /// Maximum.
    pub max_ns: Option<u64>,
    /// Mean.
    pub mean_ns: Option<f64>,
}

impl Distribution {
    /// The distribution of a histogram of nanoseconds, with `unanswered` requests at +inf.
    #[must_use]
    pub fn new(histogram: &Histogram<u64>, unanswered: u64) -> Self {
        let answered = !histogram.is_empty();
        Self {
            buckets: histogram
                .iter_recorded()
                .map(|step| (step.value_iterated_to(), step.count_since_last_iteration()))
                .collect(),
            unanswered,
            max_ns: answered.then(|| histogram.max()),
            mean_ns: answered.then(|| histogram.mean()),
        }
    }

    /// Requests, answered and not.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.answered() + self.unanswered
    }

    /// Answered requests.
    #[must_use]
    pub fn answered(&self) -> u64 {
        self.buckets.iter().map(|(_, count)| count).sum()
    }

    /// The value that `per_100k` of 100 000 requests do not exceed; `None` without requests or
    /// when that request was not answered. In whole numbers, so that the rank has no rounding.
    #[must_use]
    pub fn percentile(&self, per_100k: u64) -> Option<u64> {
        let requests = u128::from(self.requests());
        let rank = (requests * u128::from(per_100k)).div_ceil(100_000).max(1);
        let mut seen = 0;
        self.buckets.iter().find_map(|&(value, count)| {
            seen += u128::from(count);
            (seen >= rank).then_some(value)
        })
    }

    /// The row of a table.
    #[must_use]
    pub fn percentiles(&self) -> Percentiles {
        let all = self.unanswered == 0;
        Percentiles {
            p50_ns: self.percentile(50_000),
            p90_ns: self.percentile(90_000),
            p99_ns: self.percentile(99_000),
            p99_9_ns: self.percentile(99_900),
            p99_99_ns: self.percentile(99_990),
            max_ns: self.max_ns.filter(|_| all),
            mean_ns: self.mean_ns.filter(|_| all),
        }
    }
}
