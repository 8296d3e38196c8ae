//! Trials without data, for the closing table: each reason once, with who it happened to.

use std::collections::BTreeMap;

use record::{FailureStatus, RunFolder};

use super::Table;

/// How many trials failed, and how many were refused.
pub(crate) fn failed_and_refused(run: &RunFolder) -> [usize; 2] {
    [FailureStatus::Failed, FailureStatus::Refused].map(|status| {
        let failures = run.failures().iter();
        failures.filter(|failure| failure.status == status).count()
    })
}

/// The trials that gave no data; `None` when all did.
pub(super) fn shortfall(run: &RunFolder) -> Option<String> {
    if run.failures().is_empty() {
        return None;
    }
    let mut counts: BTreeMap<_, (usize, usize)> = BTreeMap::new();
    // The same trial fails with other process ids and times: of failures those of one label and load are counted together, and the
    // reason shown is the last one's. A refusal has always the same words.
    for (index, failure) in run.failures().iter().enumerate() {
        let trial = &failure.trial;
        let key = (
            trial.system.label.clone(),
            trial.load.to_string(),
            failure.status.name(),
            (failure.status == FailureStatus::Refused).then_some(&failure.reason),
        );
        let entry = counts.entry(key).or_default();
        *entry = (entry.0 + 1, index);
    }
    let mut table = Table::new(&["label", ">load", "status", ">trials", "reason"]);
    for ((label, load, status, _), (trials, last)) in counts {
        let reason = run.failures()[last].reason.clone();
        table.row(vec![
            label,
            load,
            status.to_owned(),
            trials.to_string(),
            reason,
        ]);
    }
    Some(table.to_string())
}
