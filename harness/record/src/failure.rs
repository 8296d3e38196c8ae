//! Trials that gave no data: `failures/<trial-id>.json` and `failures.csv`.

use serde::{Deserialize, Serialize};
use spec::{Trial, TrialId};

use crate::time::Timestamp;

/// Why a trial has no data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureStatus {
    /// It began and did not come to its end.
    Failed,
    /// This machine, or this version of the program, cannot run it.
    Refused,
}

impl FailureStatus {
    /// The text in `failures.csv`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Refused => "refused",
        }
    }
}

/// A trial that gave no data. It makes room for the trial's own record once that is there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FailureRecord {
    /// The layout's version.
    pub schema_version: u32,
    /// The trial's name.
    pub trial_id: TrialId,
    /// Position in the run's order, from 0.
    pub sequence: u32,
    /// The trial, fully resolved.
    pub trial: Trial,
    /// Whether it was tried.
    pub status: FailureStatus,
    /// What happened, with the place and the remedy where they are known.
    pub reason: String,
    /// How often it ended this way: a resumed run tries again.
    pub attempts: u32,
    /// When it last did.
    pub failed_at: Timestamp,
}
