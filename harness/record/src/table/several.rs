//! Columns of `trials.csv` about gets of several keys.

use crate::trial::TrialRecord;

/// The columns in order.
pub(super) const COLUMNS: [&str; 3] = ["multi_get", "multi_key", "further_parts"];

/// The cells of a trial.
pub(super) fn cells(record: &TrialRecord) -> Vec<String> {
    let system = &record.trial.system;
    let usual = system.system.multi_key_ways().first().copied();
    let way = system.multi_key.or(usual);
    vec![
        record.trial.workload.multi_get.to_string(),
        way.map(|way| way.name().to_owned()).unwrap_or_default(),
        record.ledger.further_parts.to_string(),
    ]
}
