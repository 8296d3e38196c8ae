//! Capacity searches, for the closing table.

use record::{CapacityRecord, RateVerdict, RunFolder};

use super::Table;

/// The brackets; `None` when the run searched for none.
pub(super) fn capacity(run: &RunFolder) -> Option<String> {
    let searches = &run.run().capacity;
    let asked = searches.first()?.asked;
    let sweep = run.run().spec.sweep.as_ref();
    let mut titles = vec!["label", "io"];
    titles.extend(sweep.map(|_| "swept"));
    titles.extend([">passes", ">does not", ">rates", "note"]);
    let mut table = Table::new(&titles);
    for search in searches {
        let system = &search.first.system;
        let mut row = vec![system.label.clone(), system.io.name().to_owned()];
        row.extend(sweep.map(|sweep| sweep.of(&search.first)));
        row.extend([
            shown(search, search.passing_rps),
            shown(search, search.failing_rps),
            search.rates.len().to_string(),
            note(search),
        ]);
        table.row(row);
    }
    Some(format!(
        "Highest rate with {} in {} of {} repeats (within {})\n\n{table}",
        asked.service_level,
        asked.passes(),
        asked.repeats(),
        asked.precision(),
    ))
}

/// A rate as people write it; exact ones that are no whole number of a larger unit stay in the smallest.
fn shown(search: &CapacityRecord, rate_rps: Option<u64>) -> String {
    rate_rps.map_or_else(|| "-".to_owned(), |rate| search.rate(rate).to_string())
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
    if let Some(gbps) = search.passing_payload_gbps() {
        notes.push(format!("{gbps:.3} Gb/s of payload"));
    }
    if search.upper_verdict() == Some(RateVerdict::Undecided) {
        notes.push("the upper rate is undecided: its repeats are invalid".to_owned());
    }
    let inversion = |pair: &[u64; 2]| {
        let [low, high] = pair.map(|rate| search.rate(rate));
        format!("{high} passed more often than {low}")
    };
    notes.extend(search.inversions.iter().map(inversion));
    notes.join("; ")
}
