//! Ground truth: replies held until virtual departure times, request by request against the queue's
//! recursion on the arrivals as they really were.
//!
//! What remains between a reply and its virtual departure is the bias: the way there and back, and the
//! instrument's error. Three things must hold. No reply comes before its departure. The way is no
//! longer than the instrument's floor, which is a way there and back without any server thread. And it
//! does not depend on the load: a client that measured its own queue, or forgot some of the server's,
//! would be the further off the longer queues are.

use std::collections::BTreeMap;

use record::RunFolder;
use stats::truth::{Bias, HeldReplies};

use super::pool::{Cell, Cells, pool};
use super::{Answer, Section, Shown, floor};
use crate::error::AnalysisError;
use crate::truth;

/// How far the median bias of a load may be from that of the label's lowest load, as a share of the
/// floor's median latency.
const GROWTH: f64 = 0.25;

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

/// Whether a label's biases, in the order of its loads, are what they must be.
fn holds(biases: &[Bias], floor_ns: f64) -> bool {
    let Some(first) = biases.first() else {
        return false;
    };
    biases.iter().all(|bias| {
        let grown_ns = (bias.median_ns - first.median_ns) as f64;
        bias.least_ns >= 0
            && bias.median_ns as f64 <= floor_ns
            && grown_ns.abs() <= GROWTH * floor_ns
    })
}

fn of(run: &RunFolder, cells: &Cells<HeldReplies>, invalid: usize) -> Section {
    let header = [
        "label",
        "load",
        "blocks",
        "requests",
        "p50 (predicted), us",
        "p99 (predicted), us",
        "least bias, us",
        "bias median, us",
        "bias p5 to p95, us",
        "bias p99, us",
        "within 50 us",
    ];
    let mut table = vec![header.map(str::to_owned).to_vec()];
    let mut enough = !cells.is_empty();
    let mut by_label: BTreeMap<&str, Vec<Bias>> = BTreeMap::new();
    for ((label, _), cell) in cells {
        let bias = cell.of.bias();
        enough &= bias.is_some_and(|bias| bias.n >= ENOUGH);
        by_label.entry(label).or_default().extend(bias);
        table.push(row(label, cell));
    }
    let floor_ns = floor::p50_ns(run);
    let answer = match floor_ns {
        Some(floor_ns) if enough => {
            if by_label.values().all(|biases| holds(biases, floor_ns)) {
                Answer::Holds
            } else {
                Answer::Fails
            }
        }
        _ => Answer::Undecided,
    };
    let mut notes = vec![
        "bias: measured latency minus (predicted sojourn + send lag), with the way there and back"
            .to_owned(),
        floor_ns.map_or_else(
            || "the run did not measure the instrument's floor".to_owned(),
            |ns| format!("the instrument's floor: {} us at the median", micros(ns)),
        ),
    ];
    if invalid > 0 {
        notes.push(format!("{invalid} invalid trials are left out"));
    }
    Section {
        title: "Ground truth".to_owned(),
        shown: Shown::of(run, "ground_truth"),
        question: format!(
            "No reply comes before the departure that the recursion predicts from the actual sends; the \
             median bias stays below the floor's median latency, and within {:.0}% of it from that of \
             the lowest load",
            GROWTH * 100.0
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
            micros(bias.least_ns as f64),
            micros(bias.median_ns as f64),
            format!(
                "{} to {}",
                micros(bias.p5_ns as f64),
                micros(bias.p95_ns as f64)
            ),
            micros(bias.p99_ns as f64),
            format!("{:.2}%", bias.within_50us * 100.0),
        ]),
        None => row.extend(["0", "-", "-", "-", "-", "-", "-", "-"].map(str::to_owned)),
    }
    row
}

fn micros(ns: f64) -> String {
    format!("{:.1}", ns / 1e3)
}
