//! The instrument's own floor: what of every latency is the client's, the wire's and the driver's.
//!
//! There is no right value; what must hold is that it was measured in every block, and that no system
//! of the run seems faster than a server that does nothing.

use record::{RunFolder, TrialRecord};

use super::{Answer, Section, Shown};
use crate::cells::Cells;

/// The section of a run with a floor; none of another.
#[must_use]
pub fn section(run: &RunFolder) -> Option<Section> {
    let floor: Vec<&TrialRecord> = trials(run).collect();
    let load = floor.first()?.trial.load;
    let (middle, tail) = (
        median_ns(floor.iter().map(|record| record.latency.p50_ns)),
        median_ns(floor.iter().map(|record| record.latency.p99_ns)),
    );
    // Of each system at each load the median over its blocks, as the floor's: the least of single
    // trials lies below any median by chance.
    let cells = Cells::of(run).cells;
    let medians = cells.iter().filter(|cell| !cell.trials.is_empty());
    let fastest = medians
        .map(|cell| median_ns(cell.trials.values().map(|record| record.latency.p50_ns)))
        .min_by(f64::total_cmp);
    let answer = match fastest {
        None => Answer::Undecided,
        Some(_) if (floor.len() as u32) < run.run().spec.blocks() => Answer::Undecided,
        Some(fastest) if fastest >= middle => Answer::Holds,
        Some(_) => Answer::Fails,
    };
    let us = |ns: f64| format!("{:.1}", ns / 1e3);
    Some(Section {
        title: format!("Instrument floor of {}", run.run().experiment),
        shown: Shown::of(run, "latency_cdf"),
        question:
            "No system's median is below that of a reflector in its place, which every block \
                   measured"
                .to_owned(),
        answer,
        table: vec![
            [
                "load",
                "blocks",
                "p50, us",
                "p99, us",
                "fastest system's p50, us",
            ]
            .map(str::to_owned)
            .to_vec(),
            vec![
                load.to_string(),
                floor.len().to_string(),
                us(middle),
                us(tail),
                fastest.map_or_else(|| "-".to_owned(), us),
            ],
        ],
        notes: Vec::new(),
    })
}

/// The median latency of the floor over its blocks, ns; `None` where the run did not measure it.
pub(super) fn p50_ns(run: &RunFolder) -> Option<f64> {
    let mut floor = trials(run).peekable();
    floor.peek()?;
    Some(median_ns(floor.map(|record| record.latency.p50_ns)))
}

/// The valid trials of the floor.
fn trials(run: &RunFolder) -> impl Iterator<Item = &TrialRecord> {
    let all = run.trials().iter();
    all.filter(|record| record.valid && record.trial.is_floor())
}

/// The median over blocks; what lies beyond the timeout ranks last.
fn median_ns(blocks: impl Iterator<Item = Option<u64>>) -> f64 {
    let values: Vec<f64> = blocks
        .map(|ns| ns.map_or(f64::INFINITY, |ns| ns as f64))
        .collect();
    stats::median(&values).unwrap_or(f64::INFINITY)
}
