//! Where requests went in the course of the measure phase: `steering.csv` and `steering.parquet`.

use serde::{Deserialize, Serialize};

use crate::columns::{Column, Values};

/// What a server did in one step of the measure phase. Counts in requests; one is empty where the notion does
/// not apply to the system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SteeringStep {
    /// Begin of the step, ns since the begin of the measure phase.
    pub start_ns: u64,
    /// Its length, ns.
    pub length_ns: u64,
    /// Requests executed.
    pub requests_executed: u64,
    /// Transfers of a request to another thread before execution.
    pub handoffs: Option<u64>,
    /// Single-key requests dequeued by a thread that is not the owner.
    pub misroutes: Option<u64>,
}

pub(crate) fn columns(steps: &[SteeringStep]) -> Vec<Column> {
    let counts = |name, of: fn(&SteeringStep) -> u64| Column {
        name,
        values: Values::Counts(steps.iter().map(of).collect()),
    };
    let maybe = |name, of: fn(&SteeringStep) -> Option<u64>| Column {
        name,
        values: Values::MaybeCounts(steps.iter().map(of).collect()),
    };
    vec![
        counts("start_ns", |step| step.start_ns),
        counts("length_ns", |step| step.length_ns),
        counts("requests_executed", |step| step.requests_executed),
        maybe("handoffs", |step| step.handoffs),
        maybe("misroutes", |step| step.misroutes),
    ]
}
