//! Capacity searches, for the closing table.

use record::{CapacityRecord, RateVerdict, RunFolder};
use spec::{Rate, ServiceLevel};

use super::Table;

/// The brackets; `None` when the run searched for none.
pub(super) fn capacity(run: &RunFolder) -> Option<String> {
    let searches = &run.run().capacity;
    let asked = searches.first()?.asked;
    let mut table = Table::new(&["label", "io", ">passes", ">does not", ">rates", "note"]);
    for search in searches {
        let system = &search.first.system;
        table.row(vec![
            system.label.clone(),
            system.io.name().to_owned(),
            shown(search.passing_rps),
            shown(search.failing_rps),
            search.rates.len().to_string(),
            note(search),
        ]);
    }
    Some(format!(
        "Highest rate at which {} in {} of {} repeats (within {})\n\n{table}",
        level(&asked.service_level),
        asked.passes(),
        asked.repeats(),
        asked.precision(),
    ))
}

/// A rate as people write it; exact ones that are no whole number of a larger unit stay in req/s.
fn shown(rate_rps: Option<u64>) -> String {
    rate_rps.map_or_else(|| "-".to_owned(), |rate| Rate::requests(rate).to_string())
}

fn level(level: &ServiceLevel) -> String {
    let latencies = [
        ("p50", level.p50),
        ("p90", level.p90),
        ("p99", level.p99),
        ("p99.9", level.p99_9),
    ];
    let latencies = latencies
        .into_iter()
        .filter_map(|(name, limit)| Some(format!("{name} <= {}", limit?)));
    let loss = level.loss.map(|loss| format!("loss <= {loss}"));
    latencies.chain(loss).collect::<Vec<_>>().join(" and ")
}

/// What the bracket alone does not say.
fn note(search: &CapacityRecord) -> String {
    let mut notes = Vec::new();
    if let Some(reason) = &search.refused {
        notes.push(format!("refused: {reason}"));
    } else if !search.complete {
        notes.push("not finished".to_owned());
    } else if search.passing_rps.is_none() {
        notes.push("below the lowest rate tried".to_owned());
    } else if search.failing_rps.is_none() {
        notes.push("above the highest rate tried".to_owned());
    }
    if search.upper_verdict() == Some(RateVerdict::Undecided) {
        notes.push("the upper rate is undecided: its repeats are invalid".to_owned());
    }
    let inversion = |pair: &[u64; 2]| {
        let [low, high] = pair.map(Rate::requests);
        format!("{high} passed more often than {low}")
    };
    notes.extend(search.inversions.iter().map(inversion));
    notes.join("; ")
}
