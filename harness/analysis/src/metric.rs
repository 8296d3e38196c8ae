//! What is compared, and how it is read from a trial.

use record::TrialRecord;
use stats::{Better, Quantile};

/// A number of a trial. Its name ends in its unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Metric {
    /// Median latency.
    P50,
    /// 99th percentile of latency.
    P99,
    /// Run time of the server's threads and NAPI threads for each reply.
    CpuPerRequest,
    /// Requests of the measure phase, or of the drain, that were answered, a second.
    AchievedRate,
}

/// How a metric's blocks are put together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// The percentile of merged histograms.
    Percentile(Quantile),
    /// The median of one value a block.
    Value,
}

impl Metric {
    /// All, in the order in which they are shown.
    pub const ALL: [Self; 4] = [
        Self::P50,
        Self::P99,
        Self::CpuPerRequest,
        Self::AchievedRate,
    ];

    /// The name, as the columns of trials.csv have it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::P50 => "p50_ns",
            Self::P99 => "p99_ns",
            Self::CpuPerRequest => "cpu_ns_per_request",
            Self::AchievedRate => "achieved_rps",
        }
    }

    /// The better direction.
    #[must_use]
    pub const fn better(self) -> Better {
        match self {
            Self::P50 | Self::P99 | Self::CpuPerRequest => Better::Lower,
            Self::AchievedRate => Better::Higher,
        }
    }

    /// How its blocks are put together.
    #[must_use]
    pub const fn form(self) -> Form {
        match self {
            Self::P50 => Form::Percentile(Quantile::P50),
            Self::P99 => Form::Percentile(Quantile::P99),
            Self::CpuPerRequest | Self::AchievedRate => Form::Value,
        }
    }

    /// The trial's value of a metric that has one value a block; `None` where it was not measured
    /// (on loopback CPU time cannot be attributed), or where the metric is a percentile.
    #[must_use]
    pub fn value(self, record: &TrialRecord) -> Option<f64> {
        match self {
            Self::P50 | Self::P99 => None,
            Self::CpuPerRequest => {
                let cost = &record.cost;
                let total = cost.server_cpu_ns? + cost.napi_cpu_ns?;
                let replies = cost.replies_measured;
                (replies > 0).then(|| total as f64 / replies as f64)
            }
            Self::AchievedRate => Some(record.achieved_rps()),
        }
    }
}
