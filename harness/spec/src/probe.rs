//! Measurements beside the trials: the `probes` section.

use garde::Validate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::units::{Count, Duration};

/// One entry of `probes`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Validate, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Probe {
    /// Time to notify a thread (figure 4 of Enberg et al., ENCP 2019).
    Wakeup(#[garde(dive)] WakeupProbe),
}

/// A way to notify a thread.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Mechanism {
    /// eventfd(2).
    Eventfd,
    /// futex(2) wait and wake.
    Futex,
    /// One byte through pipe(2).
    Pipe,
    /// A flag in shared memory that the reader polls.
    Spin,
}

/// How notifications follow each other.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum ProbeMode {
    /// At least 200 us apart: the reader is asleep.
    Idle,
    /// The next as soon as the reader acknowledged the last.
    BackToBack,
}

/// The `wakeup` probe: one cell per mechanism, CPU pair class and mode.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Validate, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WakeupProbe {
    /// What to measure.
    #[garde(length(min = 1))]
    pub mechanisms: Vec<Mechanism>,
    /// How notifications follow each other.
    #[garde(length(min = 1))]
    pub modes: Vec<ProbeMode>,
    /// Samples per cell, all rounds together.
    #[garde(custom(crate::rules::positive_count))]
    pub samples: Count,
    /// Longest time for one cell, all rounds together; it ends there with the samples that it has.
    #[garde(custom(crate::rules::phase))]
    pub time_limit: Duration,
    /// Longest time for all cells together, shared equally. Default: no such limit.
    #[garde(inner(custom(crate::rules::phase)))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total_limit: Option<Duration>,
    /// In how many rounds each cell is measured, the cells taking turns: to the probe what blocks
    /// are to the trials, so that an interval needs at least 10. Default: 1.
    #[garde(range(min = 1, max = 1000))]
    #[serde(default = "one")]
    pub rounds: u32,
}

const fn one() -> u32 {
    1
}
