//! Columns of `trials.csv` about gets of several keys, and scans.

use super::{cell, ratio};
use crate::trial::TrialRecord;

/// The columns in order.
pub(super) const COLUMNS: [&str; 6] = [
    "multi_get",
    "multi_key",
    "further_parts",
    "scans",
    "keys_scanned",
    "handoffs_per_scan",
];

/// The cells of a trial.
pub(super) fn cells(record: &TrialRecord) -> Vec<String> {
    let system = &record.trial.system;
    let usual = system.system.multi_key_ways().first().copied();
    let way = system.multi_key.or(usual);
    let scans = record.scans.filter(|seen| seen.scans > 0);
    let per_scan = scans.and_then(|seen| Some(seen.handoffs? as f64 / seen.scans as f64));
    vec![
        cell(record.trial.workload().map(|it| it.multi_get)),
        way.map(|way| way.name().to_owned()).unwrap_or_default(),
        record.ledger.further_parts.to_string(),
        cell(record.scans.map(|seen| seen.scans)),
        cell(record.scans.map(|seen| seen.keys)),
        ratio(per_scan),
    ]
}
