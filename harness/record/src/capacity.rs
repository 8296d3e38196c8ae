//! What a capacity search found, and all that it tried.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use spec::{Capacity, Rate, Trial, TrialId};

/// What the repeats of a rate say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RateVerdict {
    /// The service level holds.
    Passes,
    /// It does not.
    Fails,
    /// Too many repeats were invalid.
    Undecided,
}

impl RateVerdict {
    /// The text in the tables.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Passes => "passes",
            Self::Fails => "fails",
            Self::Undecided => "undecided",
        }
    }
}

/// The repeats of one rate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RateRecord {
    /// The rate, in requests or frames per second.
    pub rate_rps: u64,
    /// Repeats in which the service level held.
    pub passed: u32,
    /// Repeats in which it did not.
    pub failed: u32,
    /// Repeats that cannot be used: invalid trials, and those that gave no data.
    pub invalid: u32,
    /// What they say; empty as long as another repeat may change it.
    pub verdict: Option<RateVerdict>,
    /// The repeats' trials, in order.
    pub trials: Vec<TrialId>,
}

/// One search: a system at one combination of swept values.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CapacityRecord {
    /// What was searched for.
    pub asked: Capacity,
    /// The trial of the first repeat at the lowest rate: the others differ in rate and block.
    pub first: Trial,
    /// The highest rate that passes, in requests or frames per second; empty when none of those tried does.
    pub passing_rps: Option<u64>,
    /// The lowest rate that does not pass; empty when each of those tried does.
    pub failing_rps: Option<u64>,
    /// Whether the search came to its end.
    pub complete: bool,
    /// Why this machine cannot run the system at all, if it cannot.
    pub refused: Option<String>,
    /// Neighbouring rates of which the higher one passed more often: a sign that no single rate
    /// separates what holds from what does not.
    pub inversions: Vec<[u64; 2]>,
    /// Every rate tried, in ascending order.
    pub rates: Vec<RateRecord>,
}

impl CapacityRecord {
    /// So many of what it counts, a second.
    #[must_use]
    pub const fn rate(&self, per_second: u64) -> Rate {
        Rate::new(per_second, self.asked.from.of())
    }

    /// UDP payload of the frames offered at the highest rate that passes, Gb/s (10^9 bits); none of requests.
    #[must_use]
    pub fn passing_payload_gbps(&self) -> Option<f64> {
        let payload_bytes = self.first.traffic()?.payload();
        Some(self.passing_rps? as f64 * payload_bytes as f64 * 8.0 / 1e9)
    }

    /// Whether the rate above the bracket failed, or could not be decided.
    #[must_use]
    pub fn upper_verdict(&self) -> Option<RateVerdict> {
        let upper = self.failing_rps?;
        self.rates
            .iter()
            .find(|rate| rate.rate_rps == upper)
            .and_then(|rate| rate.verdict)
    }
}
