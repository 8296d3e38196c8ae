//! What each queue delivered in the course of the measure phase: `delivered.csv` and `delivered.parquet`.

use serde::{Deserialize, Serialize};

use crate::columns::{Column, Values};

/// What the receiver counted of one queue in one step of the measure phase.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeliveredStep {
    /// Begin of the step, ns since the begin of the measure phase.
    pub start_ns: u64,
    /// Its length, ns.
    pub length_ns: u64,
    /// The queue, which is the number of its slice.
    pub queue: u16,
    /// Frames of the traffic that came by it.
    pub frames: u64,
}

pub(crate) fn columns(steps: &[DeliveredStep]) -> Vec<Column> {
    let counts = |name, of: fn(&DeliveredStep) -> u64| Column {
        name,
        values: Values::Counts(steps.iter().map(of).collect()),
    };
    vec![
        counts("start_ns", |step| step.start_ns),
        counts("length_ns", |step| step.length_ns),
        counts("queue", |step| step.queue.into()),
        counts("frames", |step| step.frames),
    ]
}
