//! The measure phase in steps: how latency and throughput went over time.

use hdrhistogram::Histogram;

use crate::columns::{Column, Values};
use crate::latency::{Distribution, Percentiles};

/// The requests that were due in one step of the measure phase.
#[derive(Debug, Clone)]
pub struct Interval {
    /// Begin of the step, ns since the begin of the measure phase.
    pub start_ns: u64,
    /// Requests due in the step that expect a reply.
    pub requests: u64,
    /// Latency in nanoseconds of those answered in time.
    pub latency: Histogram<u64>,
}

/// The columns of `intervals.csv` and `intervals.parquet`. `length_ns` is that of the measure phase.
pub(crate) fn columns(intervals: &[Interval], length_ns: u64) -> Vec<Column> {
    let starts = intervals.iter().map(|interval| interval.start_ns);
    let ends = starts.clone().skip(1).chain([length_ns]);
    let lengths = starts
        .clone()
        .zip(ends)
        .map(|(start, end)| end.saturating_sub(start));
    let answered = |interval: &Interval| interval.latency.len();
    let unanswered = |interval: &Interval| interval.requests.saturating_sub(answered(interval));
    let percentiles: Vec<Percentiles> = intervals
        .iter()
        .map(|one| Distribution::new(&one.latency, unanswered(one)).percentiles())
        .collect();
    let counts = |name, values: Vec<u64>| Column {
        name,
        values: Values::Counts(values),
    };
    let ranked = |name, of: fn(&Percentiles) -> Option<u64>| Column {
        name,
        values: Values::MaybeCounts(percentiles.iter().map(of).collect()),
    };
    vec![
        counts("start_ns", starts.clone().collect()),
        counts("length_ns", lengths.collect()),
        counts(
            "requests",
            intervals.iter().map(|one| one.requests).collect(),
        ),
        counts("answered", intervals.iter().map(answered).collect()),
        counts("unanswered", intervals.iter().map(unanswered).collect()),
        ranked("p50_ns", |row| row.p50_ns),
        ranked("p90_ns", |row| row.p90_ns),
        ranked("p99_ns", |row| row.p99_ns),
        ranked("p99_9_ns", |row| row.p99_9_ns),
        ranked("max_ns", |row| row.max_ns),
        Column {
            name: "mean_ns",
            values: Values::MaybeReals(percentiles.iter().map(|row| row.mean_ns).collect()),
        },
    ]
}
