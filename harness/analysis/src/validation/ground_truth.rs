//! Ground truth: replies held until virtual departure times, request by request against the queue's
//! recursion on the arrivals as they really were.
//!
//! What remains between a reply and its virtual departure is the bias: the way there and back, which
//! the instrument's floor bounds from below, and the instrument's error. It must not depend on what
//! is measured: neither on the load nor on the percentile.

use record::RunFolder;
use stats::truth::HeldReplies;

use super::pool::{Cell, Cells, pool};
use super::{Answer, Section};
use crate::error::AnalysisError;
use crate::truth;

/// The share of replies that must come within 50 us of their virtual departure.
const NEAR: f64 = 0.95;

/// Requests at a label and load below which nothing is concluded.
const ENOUGH: usize = 1000;

/// The section of a run that traced systems which hold replies; none of another.
///
/// # Errors
/// When a trace is damaged.
pub fn section(run: &RunFolder) -> Result<Option<Section>, AnalysisError> {
    let Some((cells, invalid)) = pool(truth::held_replies(run)?, HeldReplies::merge) else {
        return Ok(None);
    };
    Ok(Some(of(run, &cells, invalid)))
}

fn of(run: &RunFolder, cells: &Cells<HeldReplies>, invalid: usize) -> Section {
    let header = [
        "label",
        "load",
        "blocks",
        "requests",
        "p50 (predicted), us",
        "p99 (predicted), us",
        "bias median, us",
        "bias p5 to p95, us",
        "bias p99, us",
        "within 50 us",
    ];
    let mut table = vec![header.map(str::to_owned).to_vec()];
    let (mut enough, mut near) = (!cells.is_empty(), true);
    for ((label, _), cell) in cells {
        let bias = cell.of.bias();
        enough &= bias.is_some_and(|bias| bias.n >= ENOUGH);
        near &= bias.is_some_and(|bias| bias.within_50us >= NEAR);
        table.push(row(label, cell));
    }
    let answer = match (enough, near) {
        (false, _) => Answer::Undecided,
        (true, true) => Answer::Holds,
        (true, false) => Answer::Fails,
    };
    let mut notes = vec![
        "bias: measured latency minus (predicted sojourn + send lag), with the way there and back"
            .to_owned(),
    ];
    if invalid > 0 {
        notes.push(format!("{invalid} invalid trials are left out"));
    }
    Section {
        title: "Ground truth".to_owned(),
        run: run.path().to_owned(),
        figure: "ground_truth",
        question: format!(
            "At every load {:.0}% of the replies come within 50 us of the departure that the recursion \
             predicts from the actual sends",
            NEAR * 100.0
        ),
        answer,
        table,
        notes,
    }
}

fn row(label: &str, cell: &Cell<HeldReplies>) -> Vec<String> {
    let us = |ns: Option<u64>| ns.map_or_else(|| "> timeout".to_owned(), |ns| micros(ns as f64));
    let both = |q| {
        let replies = &cell.of;
        format!(
            "{} ({})",
            us(replies.measured_ns(q)),
            us(replies.predicted_ns(q))
        )
    };
    let mut row = vec![
        label.to_owned(),
        format!("{:.2}", cell.load),
        cell.blocks.to_string(),
    ];
    match cell.of.bias() {
        Some(bias) => row.extend([
            bias.n.to_string(),
            both(0.5),
            both(0.99),
            micros(bias.median_ns as f64),
            format!(
                "{} to {}",
                micros(bias.p5_ns as f64),
                micros(bias.p95_ns as f64)
            ),
            micros(bias.p99_ns as f64),
            format!("{:.2}%", bias.within_50us * 100.0),
        ]),
        None => row.extend(["0", "-", "-", "-", "-", "-", "-"].map(str::to_owned)),
    }
    row
}

fn micros(ns: f64) -> String {
    format!("{:.1}", ns / 1e3)
}
