//! Records of the probes: one cell each.

use std::time::Duration;

use hdrhistogram::Histogram;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::latency::Percentiles;
use crate::time::Timestamp;

/// Whether a cell was measured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ProbeStatus {
    /// It was.
    Ok,
    /// It cannot be measured on this machine or at all, for this reason.
    Refused(String),
}

impl ProbeStatus {
    /// The text in `probes.csv`.
    #[must_use]
    pub fn text(&self) -> &str {
        match self {
            Self::Ok => "ok",
            Self::Refused(reason) => reason,
        }
    }
}

/// One cell of a probe.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProbeRecord {
    /// The layout's version.
    pub schema_version: u32,
    /// The cell's name, such as `wakeup-eventfd-same_node-idle`; a folder's name.
    pub cell_id: String,
    /// How the reader is notified.
    pub mechanism: String,
    /// How the two CPUs lie to each other.
    pub pair_class: String,
    /// `idle` or `back_to_back`.
    pub mode: String,
    /// The CPU that notifies.
    pub writer_cpu: Option<u32>,
    /// The CPU that is notified.
    pub reader_cpu: Option<u32>,
    /// Samples obtained.
    pub samples: u64,
    /// The distribution over all rounds; filled in when the cell is recorded.
    pub time: Percentiles,
    /// The distribution of each round, in the order in which they were measured; filled in when
    /// the cell is recorded. Empty in results from before there were rounds.
    #[serde(default)]
    pub rounds: Vec<Percentiles>,
    /// Whether it was measured.
    pub status: ProbeStatus,
}

/// One round of a cell: what was measured in one go. Rounds of different cells alternate, so that a
/// machine's drift falls on all cells alike; to a probe they are what blocks are to trials.
#[derive(Debug, Clone)]
pub struct ProbeRound {
    /// The times in nanoseconds.
    pub times: Histogram<u64>,
    /// When it began.
    pub started: Timestamp,
    /// How long it took.
    pub length: Duration,
}
