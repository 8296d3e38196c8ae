//! The JSON schemas of `run.json` and `trial.json`.

use schemars::{Schema, schema_for};

use crate::run::RunRecord;
use crate::trial::TrialRecord;

/// The schema of `run.json`. What the crates that touch the machine describe (`environment`, and
/// `device` of each device) is left open here.
#[must_use]
pub fn run_schema() -> Schema {
    schema_for!(RunRecord)
}

/// The schema of `trial.json`.
#[must_use]
pub fn trial_schema() -> Schema {
    schema_for!(TrialRecord)
}
