//! A stall: the server's process stands still for a while, and every request that is due meanwhile must
//! be seen to wait, as theory without coordinated omission says.
//!
//! Theory is computed twice: from the trace (what arrived while the server stood still is taken when
//! it goes on, and the backlog drains by the queue's recursion), and, for the table's reader, in
//! closed form ([`stats::queue::Stall`]) for requests that are due evenly.

use record::RunFolder;
use stats::queue::Stall;
use stats::truth::Stalled;

use super::pool::{Cell, pool};
use super::{Answer, Section, Shown};
use crate::error::AnalysisError;
use crate::truth;

/// How far a measured tail percentile may lie from theory.
const NEAR: f64 = 0.1;

/// The percentiles that are told; the last two are what the answer rests on.
const QUANTILES: [(f64, &str); 5] = [
    (0.5, "p50"),
    (0.9, "p90"),
    (0.95, "p95"),
    (0.99, "p99"),
    (0.999, "p99.9"),
];

/// Where in [`QUANTILES`] the tail begins.
const TAIL: usize = 3;

/// The section of a run in which servers were stopped and requests traced; none of another.
///
/// # Errors
/// When a trace is damaged.
pub fn section(run: &RunFolder) -> Result<Option<Section>, AnalysisError> {
    let Some((cells, invalid)) = pool(truth::stalled(run)?, Stalled::merge) else {
        return Ok(None);
    };
    let mut table = vec![
        [
            "label",
            "requests",
            "percentile",
            "measured, ms",
            "theory, ms",
            "closed form, ms",
            "a client that waits, ms",
        ]
        .map(str::to_owned)
        .to_vec(),
    ];
    let mut near = true;
    for ((label, _), cell) in &cells {
        table.extend(rows(run, label, cell));
        near &= QUANTILES[TAIL..]
            .iter()
            .all(|(q, _)| is_near(cell.of.measured_ns(*q), cell.of.theory_ns(*q)));
    }
    let answer = match (cells.is_empty(), near) {
        (true, _) => Answer::Undecided,
        (false, true) => Answer::Holds,
        (false, false) => Answer::Fails,
    };
    let mut notes = vec![
        "theory holds the way there and back (the median before the stall); the closed form is of \
         waits alone, without it and without service"
            .to_owned(),
    ];
    if invalid > 0 {
        notes.push(format!("{invalid} invalid trials are left out"));
    }
    Ok(Some(Section {
        title: "Stall".to_owned(),
        shown: Shown::of(run, "stall"),
        question: format!(
            "p99 and p99.9 of a stalled server lie within {:.0}% of theory without coordinated omission",
            NEAR * 100.0
        ),
        answer,
        table,
        notes,
    }))
}

fn is_near(measured_ns: Option<u64>, theory_ns: Option<u64>) -> bool {
    let both = measured_ns.zip(theory_ns);
    both.is_some_and(|(measured, theory)| {
        (measured as f64 - theory as f64).abs() <= NEAR * theory as f64
    })
}

fn rows(run: &RunFolder, label: &str, cell: &Cell<Stalled>) -> Vec<Vec<String>> {
    let ms = |ns: Option<u64>| {
        ns.map_or_else(
            || "> timeout".to_owned(),
            |ns| format!("{:.2}", ns as f64 / 1e6),
        )
    };
    let closed = closed_form(run, cell);
    let row = |(q, name): &(f64, &str)| {
        vec![
            label.to_owned(),
            cell.of.n().to_string(),
            (*name).to_owned(),
            ms(cell.of.measured_ns(*q)),
            ms(cell.of.theory_ns(*q)),
            closed.map_or_else(
                || "-".to_owned(),
                |stall| format!("{:.2}", stall.wait_quantile_ns(*q) / 1e6),
            ),
            ms(cell.of.waiting_ns(*q)),
        ]
    };
    QUANTILES.iter().map(row).collect()
}

/// The waits of the stall that the spec asks for.
fn closed_form(run: &RunFolder, cell: &Cell<Stalled>) -> Option<Stall> {
    let spec = &run.run().spec;
    let (asked, phases) = (spec.disturb?.stall?, spec.phases?);
    let window_ns = phases.measure.as_nanos() as f64;
    Some(Stall {
        length_ns: asked.length.as_nanos() as f64,
        window_ns,
        before_end_ns: window_ns - asked.after.as_nanos() as f64,
        load: cell.load,
    })
}
