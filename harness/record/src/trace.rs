//! Every request of a traced trial: `trace.csv` and `trace.parquet`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::columns::{Column, Values};

/// One offered request, in the schedule's order. Times are in ns since the trial's window began,
/// which is the start of the warmup; a request belongs to the measure phase when `intended_ns` lies
/// there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TraceRow {
    /// Index in the schedule.
    pub request: u32,
    /// When it was due.
    pub intended_ns: u64,
    /// When the transmit path accepted it; empty when it never did.
    pub sent_ns: Option<u64>,
    /// When its reply was complete, in time or not; empty when none came.
    pub reply_ns: Option<u64>,
    /// The service time that the spec injects for its key; empty where none is injected.
    pub service_ns: Option<u64>,
}

/// When the server's process was really stopped, in ns since the trial's window began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StallSeen {
    /// It was seen to stand still.
    pub began_ns: u64,
    /// It was told to go on.
    pub ended_ns: u64,
}

/// The columns of `trace.parquet`; those of `trace.csv` are the fields of [`TraceRow`], which are the
/// same.
pub(crate) fn columns(rows: &[TraceRow]) -> Vec<Column> {
    let counts = |name, of: fn(&TraceRow) -> u64| Column {
        name,
        values: Values::Counts(rows.iter().map(of).collect()),
    };
    let maybe = |name, of: fn(&TraceRow) -> Option<u64>| Column {
        name,
        values: Values::MaybeCounts(rows.iter().map(of).collect()),
    };
    vec![
        counts("request", |row| u64::from(row.request)),
        counts("intended_ns", |row| row.intended_ns),
        maybe("sent_ns", |row| row.sent_ns),
        maybe("reply_ns", |row| row.reply_ns),
        maybe("service_ns", |row| row.service_ns),
    ]
}
