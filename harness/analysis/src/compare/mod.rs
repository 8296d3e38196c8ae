//! Systems against a baseline: ratio, interval, verdict, for each load and swept value.
//!
//! Within one run the blocks are pairs; between two runs they are not, and whatever changed between
//! the runs is part of the difference. A family, for Holm's correction, is one metric over all
//! systems and points: each metric answers a question of its own.

mod measure;
mod row;
mod table;

use std::collections::BTreeMap;

use record::RunFolder;
use stats::{Better, Comparison, judge};

use crate::cells::{Cell, Cells};
use crate::error::AnalysisError;
use crate::metric::Metric;
pub(crate) use measure::Measured;
pub use row::{Caveat, Outcome, Row, Side};
pub use table::{FILE, write};

/// A whole comparison.
#[derive(Debug, Clone, PartialEq)]
pub struct Compared {
    /// What the systems are compared with: a label, or the same labels of another run.
    pub baseline: String,
    /// Whether the blocks are pairs.
    pub paired: bool,
    /// One row a system, point and metric.
    pub rows: Vec<Row>,
}

impl Compared {
    /// The largest family: comparisons of one metric that a verdict was sought for.
    #[must_use]
    pub fn family(&self) -> usize {
        let mut sizes: BTreeMap<Metric, usize> = BTreeMap::new();
        for row in &self.rows {
            if let Outcome::Judged(judged) = &row.outcome
                && judged.p_holm.is_some()
            {
                *sizes.entry(row.metric).or_default() += 1;
            }
        }
        sizes.into_values().max().unwrap_or(0)
    }
}

/// The same intervals whenever a run is looked at again.
pub(crate) const SEED: u64 = 0x5eed_b10c;

/// Compares the systems of one run with the one labelled `baseline`; by default the first of the
/// spec.
///
/// # Errors
/// When a recorded file is damaged, when there is no such label, or nothing to compare with it.
pub fn within(run: &RunFolder, baseline: Option<&str>) -> Result<Compared, AnalysisError> {
    if !run.run().capacity.is_empty() {
        return Err(AnalysisError::NothingToCompare {
            run: run.path().to_owned(),
            found: "a capacity search, which tries other rates for each system".to_owned(),
        });
    }
    let cells = Cells::of(run);
    let unknown = |label: &str| AnalysisError::UnknownLabel {
        run: run.path().to_owned(),
        label: label.to_owned(),
        known: cells.labels.join(", "),
    };
    let baseline = match baseline {
        Some(label) if cells.labels.contains(&label) => label,
        Some(label) => return Err(unknown(label)),
        None => cells.labels.first().copied().unwrap_or_default(),
    };
    if cells.labels.len() < 2 {
        return Err(AnalysisError::NothingToCompare {
            run: run.path().to_owned(),
            found: match cells.labels.first() {
                Some(label) => format!("only `{label}`"),
                None => "no trial".to_owned(),
            },
        });
    }
    let mut measured = Measured::new(run);
    let mut pending = Vec::new();
    for cell in cells
        .cells
        .iter()
        .filter(|cell| cell.system.label != baseline)
    {
        let Some(base) = cells.at(&cell.point, baseline) else {
            continue;
        };
        let (system, base) = (in_pairs(cell, base), in_pairs(base, cell));
        for metric in Metric::ALL {
            let Some(a) = measured.sample(&system, metric)? else {
                continue;
            };
            let Some(b) = measured.sample(&base, metric)? else {
                continue;
            };
            let compared = stats::compare(a.view(), b.view(), SEED);
            pending.push(row::pending((&system, &a), (&base, &b), metric, compared));
        }
    }
    Ok(Compared {
        baseline: baseline.to_owned(),
        paired: true,
        rows: judged(pending),
    })
}

/// Compares each system of `run` with the same label of `baseline`, another run.
///
/// # Errors
/// When a recorded file is damaged, the fidelities differ, or no label is in both at one point.
pub fn between(run: &RunFolder, baseline: &RunFolder) -> Result<Compared, AnalysisError> {
    let (a, b) = (run.run(), baseline.run());
    if a.fidelity != b.fidelity {
        return Err(AnalysisError::Fidelity {
            a: run.path().to_owned(),
            a_fidelity: a.fidelity.clone(),
            b: baseline.path().to_owned(),
            b_fidelity: b.fidelity.clone(),
        });
    }
    let (ours, theirs) = (Cells::of(run), Cells::of(baseline));
    let (mut our_files, mut their_files) = (Measured::new(run), Measured::new(baseline));
    let mut pending = Vec::new();
    for cell in &ours.cells {
        let Some(base) = theirs.at(&cell.point, &cell.system.label) else {
            continue;
        };
        for metric in Metric::ALL {
            let Some(a) = our_files.sample(cell, metric)? else {
                continue;
            };
            let Some(b) = their_files.sample(base, metric)? else {
                continue;
            };
            let compared = stats::compare_unpaired(a.view(), b.view(), SEED);
            pending.push(row::pending((cell, &a), (base, &b), metric, compared));
        }
    }
    if pending.is_empty() {
        return Err(AnalysisError::NothingInCommon {
            a: run.path().to_owned(),
            b: baseline.path().to_owned(),
        });
    }
    Ok(Compared {
        baseline: b.run_id.to_string(),
        paired: false,
        rows: judged(pending),
    })
}

/// Compares the systems of a run with its first one and writes the table into its folder; nothing
/// where the run has no two labels.
///
/// # Errors
/// When a recorded file is damaged or the table cannot be written.
pub fn record(run: &RunFolder) -> Result<(), AnalysisError> {
    match within(run, None) {
        Ok(compared) => write(&compared, &run.path().join(FILE)),
        Err(AnalysisError::NothingToCompare { .. }) => Ok(()),
        Err(error) => Err(error),
    }
}

/// The cell with those blocks only that the other one has too.
fn in_pairs<'a>(cell: &Cell<'a>, other: &Cell<'_>) -> Cell<'a> {
    let mut cell = cell.clone();
    cell.trials
        .retain(|block, _| other.trials.contains_key(block));
    cell
}

/// Judges each metric's comparisons as a family.
fn judged(mut rows: Vec<(Row, Option<Comparison>)>) -> Vec<Row> {
    for metric in Metric::ALL {
        let members: Vec<usize> = (0..rows.len())
            .filter(|&i| rows[i].0.metric == metric && rows[i].1.is_some())
            .collect();
        let family: Vec<(Comparison, Better)> = members
            .iter()
            .filter_map(|&i| rows[i].1)
            .map(|comparison| (comparison, metric.better()))
            .collect();
        for (index, judged) in members.into_iter().zip(judge(&family)) {
            rows[index].0.outcome = Outcome::Judged(judged);
        }
    }
    rows.into_iter().map(|(row, _)| row).collect()
}
