//! The files of a result, each in its own format.

use std::fs;
use std::path::Path;

use serde::Serialize;

use crate::columns::{self, Column};
use crate::delivered::{self, DeliveredStep};
use crate::error::RecordError;
use crate::hlog;
use crate::interval::{self, Interval};
use crate::steering::{self, SteeringStep};
use crate::table::Rows;
use crate::trace::{self, TraceRow};

pub(super) fn write_json<T: Serialize>(path: &Path, value: &T) -> Result<(), RecordError> {
    let text = serde_json::to_string_pretty(value);
    let text = text.map_err(|error| RecordError::unwritable(path, error))? + "\n";
    fs::write(path, text).map_err(RecordError::io(path))
}

pub(super) fn write_csv(path: &Path, rows: &Rows) -> Result<(), RecordError> {
    let mut to = csv::Writer::from_path(path).map_err(RecordError::csv(path))?;
    for row in rows {
        to.write_record(row).map_err(RecordError::csv(path))?;
    }
    to.flush().map_err(RecordError::io(path))
}

/// Row by row: a trace may have millions, and is never held as text.
pub(super) fn write_trace(folder: &Path, rows: &[TraceRow]) -> Result<(), RecordError> {
    let path = folder.join("trace.csv");
    let mut to = csv::Writer::from_path(&path).map_err(RecordError::csv(&path))?;
    for row in rows {
        to.serialize(row).map_err(RecordError::csv(&path))?;
    }
    to.flush().map_err(RecordError::io(&path))?;
    write_parquet(
        &folder.join("trace.parquet"),
        "trace",
        &trace::columns(rows),
    )
}

pub(super) fn write_intervals(
    folder: &Path,
    intervals: &[Interval],
    length: std::time::Duration,
) -> Result<(), RecordError> {
    let length_ns = u64::try_from(length.as_nanos()).unwrap_or(u64::MAX);
    let columns = interval::columns(intervals, length_ns);
    write_table(folder, "intervals", &columns, intervals.len())
}

pub(super) fn write_steering(folder: &Path, steps: &[SteeringStep]) -> Result<(), RecordError> {
    write_table(folder, "steering", &steering::columns(steps), steps.len())
}

pub(super) fn write_delivered(folder: &Path, steps: &[DeliveredStep]) -> Result<(), RecordError> {
    write_table(folder, "delivered", &delivered::columns(steps), steps.len())
}

/// `<name>.csv` and `<name>.parquet`, of so many rows.
fn write_table(
    folder: &Path,
    name: &str,
    columns: &[Column],
    rows: usize,
) -> Result<(), RecordError> {
    let csv = folder.join(name).with_extension("csv");
    write_csv(&csv, &columns::rows(columns, rows))?;
    write_parquet(&csv.with_extension("parquet"), name, columns)
}

fn write_parquet(path: &Path, name: &str, columns: &[Column]) -> Result<(), RecordError> {
    let bytes = columns::parquet(name, columns);
    let bytes = bytes.map_err(|error| RecordError::unwritable(path, error))?;
    fs::write(path, bytes).map_err(RecordError::io(path))
}

pub(super) fn write_hlog(path: &Path, intervals: &[hlog::Interval<'_>]) -> Result<(), RecordError> {
    let mut bytes = Vec::new();
    hlog::write(&mut bytes, intervals).map_err(|reason| RecordError::unwritable(path, reason))?;
    fs::write(path, bytes).map_err(RecordError::io(path))
}
