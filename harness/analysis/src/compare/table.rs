//! The comparison as a table: CSV for figures and spreadsheets, JSON for programs.

use std::path::Path;

use serde::Serialize;
use stats::Spread;

use super::{Compared, Outcome, Row};
use crate::error::AnalysisError;

/// The table's name in a run's folder.
pub const FILE: &str = "comparison.csv";

/// A row as it is written. Values are in the metric's unit; in CSV `inf` is beyond the timeout, in
/// JSON `null`.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Written<'a> {
    label: &'a str,
    io: &'static str,
    baseline: &'a str,
    baseline_io: &'static str,
    load: String,
    swept: &'a str,
    metric: &'static str,
    value: f64,
    baseline_value: f64,
    ratio: Option<f64>,
    ratio_low: Option<f64>,
    ratio_high: Option<f64>,
    spread: Option<&'static str>,
    blocks: Option<usize>,
    effective_blocks: Option<f64>,
    lag1: Option<f64>,
    p_value: Option<f64>,
    p_holm: Option<f64>,
    verdict: &'static str,
    note: String,
}

impl<'a> From<&'a Row> for Written<'a> {
    fn from(row: &'a Row) -> Self {
        let (judged, reason) = match &row.outcome {
            Outcome::Judged(judged) => (Some(judged), None),
            Outcome::NotComparable(reason) => (None, Some(reason.as_str())),
        };
        let comparison = judged.map(|judged| judged.comparison);
        let ratio = comparison.map(|comparison| comparison.ratio);
        let notes = row
            .caveat
            .map(|caveat| caveat.text())
            .into_iter()
            .chain(reason);
        Self {
            label: &row.system.label,
            io: row.system.io.name(),
            baseline: &row.baseline.label,
            baseline_io: row.baseline.io.name(),
            load: row.load.to_string(),
            swept: &row.swept,
            metric: row.metric.name(),
            value: row.system.value,
            baseline_value: row.baseline.value,
            ratio: ratio.map(|e| e.value),
            ratio_low: ratio.map(|e| e.low),
            ratio_high: ratio.map(|e| e.high),
            spread: ratio.map(|e| match e.spread {
                Spread::Interval95 => "interval_95",
                Spread::RangeOfTooFewBlocks => "range_too_few_blocks",
            }),
            blocks: ratio.map(|e| e.n),
            effective_blocks: comparison.map(|c| c.effective_blocks),
            lag1: comparison.map(|c| c.lag1),
            p_value: comparison.map(|c| c.p_value),
            p_holm: judged.and_then(|judged| judged.p_holm),
            verdict: judged.map_or("not comparable", |judged| judged.verdict.name()),
            note: notes.collect::<Vec<_>>().join("; "),
        }
    }
}

/// Writes the table as CSV, whole or not at all.
///
/// # Errors
/// When the file cannot be written.
pub fn write(compared: &Compared, path: &Path) -> Result<(), AnalysisError> {
    let rows: Vec<Written<'_>> = compared.rows.iter().map(Written::from).collect();
    crate::table::write(path, &rows)
}

impl Compared {
    /// The comparison as one JSON object.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        let rows: Vec<Written<'_>> = self.rows.iter().map(Written::from).collect();
        serde_json::json!({
            "baseline": self.baseline,
            "blocks_are_pairs": self.paired,
            "largest_family": self.family(),
            "comparisons": rows,
        })
    }
}
