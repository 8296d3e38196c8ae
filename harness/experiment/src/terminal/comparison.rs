//! A comparison as a table.

use std::collections::BTreeSet;

use analysis::Metric;
use analysis::compare::{Compared, Outcome, Row};
use spec::Counted;
use stats::{Judged, MIN_BLOCKS, Spread, Verdict, blocks_needed};

use super::Table;

/// Prints a comparison.
pub(crate) fn print_comparison(compared: &Compared) {
    let against = if compared.paired {
        format!("Ratios to {}, block by block", compared.baseline)
    } else {
        format!("Ratios to run {}", compared.baseline)
    };
    println!("\n{against}; latency in us from the intended send time\n");
    println!("{}", rows(compared));
    for note in notes(compared) {
        println!("  - {note}");
    }
}

fn rows(compared: &Compared) -> Table {
    let mut table = Table::new(&[
        ">load",
        "swept",
        "label",
        "io",
        "metric",
        ">value",
        ">baseline",
        ">ratio",
        "95% interval",
        "verdict",
    ]);
    for row in &compared.rows {
        let [ratio, interval, verdict] = shown(&row.outcome);
        let mark = row.caveat.map_or("", |_| " *");
        table.row(vec![
            row.load.to_string(),
            row.swept.clone(),
            row.system.label.clone(),
            row.system.io.name().to_owned(),
            title(row).to_owned(),
            value(row, row.system.value),
            value(row, row.baseline.value),
            ratio,
            interval,
            format!("{verdict}{mark}"),
        ]);
    }
    table
}

/// Ratio, interval and verdict.
fn shown(outcome: &Outcome) -> [String; 3] {
    match outcome {
        Outcome::NotComparable(reason) => ["-".to_owned(), String::new(), reason.clone()],
        Outcome::Judged(Judged {
            comparison,
            verdict,
            ..
        }) => {
            let ratio = comparison.ratio;
            let interval = match ratio.spread {
                Spread::Interval95 => format!("{} to {}", factor(ratio.low), factor(ratio.high)),
                Spread::RangeOfTooFewBlocks => {
                    format!("({} to {})", factor(ratio.low), factor(ratio.high))
                }
            };
            [factor(ratio.value), interval, verdict.name().to_owned()]
        }
    }
}

fn factor(ratio: f64) -> String {
    if ratio.is_infinite() {
        "> timeout".to_owned()
    } else {
        format!("{ratio:.3}")
    }
}

const fn title(row: &Row) -> &'static str {
    match (row.metric, row.counted) {
        (Metric::P50, _) => "p50",
        (Metric::P99, _) => "p99",
        (Metric::CpuPerRequest, Counted::Requests) => "CPU ns/req",
        (Metric::CpuPerRequest, Counted::Frames) => "CPU ns/frame",
        (Metric::AchievedRate, counted) => counted.base(),
    }
}

fn value(row: &Row, value: f64) -> String {
    if value.is_nan() {
        return "-".to_owned();
    }
    match row.metric {
        Metric::P50 | Metric::P99 if value.is_infinite() => "> timeout".to_owned(),
        Metric::P50 | Metric::P99 => format!("{:.1}", value / 1e3),
        Metric::CpuPerRequest | Metric::AchievedRate => format!("{value:.0}"),
    }
}

/// What the reader must keep in mind.
fn notes(compared: &Compared) -> Vec<String> {
    let mut notes = Vec::new();
    let judged = |row: &Row| match &row.outcome {
        Outcome::Judged(judged) => Some(*judged),
        Outcome::NotComparable(_) => None,
    };
    let all: Vec<Judged> = compared.rows.iter().filter_map(judged).collect();
    let family = compared.family();
    if family > 0 {
        notes.push(format!(
            "each metric is a family (of up to {family}): verdicts hold at 5% for the whole family \
             (Holm), and 'no difference shown' does not show that there is none"
        ));
    }
    if all
        .iter()
        .any(|j| j.comparison.ratio.spread == Spread::RangeOfTooFewBlocks)
    {
        notes.push(format!(
            "fewer than {MIN_BLOCKS} blocks: in brackets the range that was seen, no interval; set \
             `blocks: {}` for verdicts",
            blocks_needed(compared.rows.len() / Metric::ALL.len())
        ));
    }
    let starved = |j: &&Judged| j.verdict == Verdict::TooFewBlocks && j.p_holm.is_some();
    if let Some(judged) = all.iter().find(starved) {
        notes.push(format!(
            "too few blocks for a family of {family}: {} independent ones of {}, {} are needed",
            judged.comparison.effective_blocks.floor(),
            judged.comparison.ratio.n,
            blocks_needed(family)
        ));
    }
    let dependent = |j: &&Judged| j.comparison.effective_blocks < j.comparison.ratio.n as f64;
    let count = all.iter().filter(dependent).count();
    if count > 0 {
        notes.push(format!(
            "{count} of {} comparisons have blocks that depend on their neighbours: their intervals \
             are widened for it",
            all.len()
        ));
    }
    let caveats: BTreeSet<&str> = compared
        .rows
        .iter()
        .filter_map(|row| row.caveat.map(|caveat| caveat.text()))
        .collect();
    notes.extend(caveats.into_iter().map(|text| format!("* {text}")));
    let invalid = compared
        .rows
        .iter()
        .map(|row| row.system.invalid + row.baseline.invalid);
    if invalid.max().unwrap_or(0) > 0 {
        notes.push("invalid trials are left out, with their block's other half".to_owned());
    }
    if !compared.paired {
        notes.push(
            "two runs lie apart in time: what else changed between them is part of each difference"
                .to_owned(),
        );
    }
    notes
}
