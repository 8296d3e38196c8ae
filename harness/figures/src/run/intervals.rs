//! The measure phase of a trial in steps: what clients saw, where the server's requests went, what each queue delivered.

use std::path::Path;

use polars::prelude::*;

use super::table;
use crate::error::{Error, Result};

/// One step. Percentiles rank over all requests due in it; one beyond the timeout is infinite.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Step {
    /// Its start, ns since the start of the measure phase.
    pub(crate) start_ns: f64,
    /// The median latency, ns; `None` where nothing was due.
    pub(crate) p50_ns: Option<f64>,
    /// The 99th percentile, ns.
    pub(crate) p99_ns: Option<f64>,
}

/// The steps in `folder/intervals.csv`; `None` when there is no such file, or one step only.
pub(super) fn read(folder: &Path) -> Result<Option<Vec<Step>>> {
    let path = folder.join("intervals.csv");
    let Some(frame) = table::read(&path)? else {
        return Ok(None);
    };
    let steps = steps(frame).map_err(Error::table(&path))?;
    Ok((steps.len() > 1).then_some(steps))
}

fn steps(frame: DataFrame) -> PolarsResult<Vec<Step>> {
    let [start, requests, p50, p99] = numbers(frame, ["start_ns", "requests", "p50_ns", "p99_ns"])?;
    let missing = || polars_err!(ComputeError: "a row has no start_ns");
    (0..start.len())
        .map(|row| {
            let due = requests[row].is_some_and(|requests| requests > 0.0);
            let rank = |column: &[Option<f64>]| due.then(|| column[row].unwrap_or(f64::INFINITY));
            Ok(Step {
                start_ns: start[row].ok_or_else(missing)?,
                p50_ns: rank(&p50),
                p99_ns: rank(&p99),
            })
        })
        .collect()
}

/// Where requests went in one step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct SteeringStep {
    /// Its start, ns since the start of the measure phase.
    pub(crate) start_ns: f64,
    /// Requests executed.
    pub(crate) executed: f64,
    /// Of them, taken by a thread that is not the owner; `None` where keys have no owner.
    pub(crate) misroutes: Option<f64>,
}

/// The steps in `folder/steering.csv`; `None` when there is no such file.
pub(super) fn read_steering(folder: &Path) -> Result<Option<Vec<SteeringStep>>> {
    let path = folder.join("steering.csv");
    let frame = table::read(&path)?;
    let steps = frame.map(steering_steps).transpose();
    steps.map_err(Error::table(&path))
}

fn steering_steps(frame: DataFrame) -> PolarsResult<Vec<SteeringStep>> {
    let [start, executed, misroutes] =
        numbers(frame, ["start_ns", "requests_executed", "misroutes"])?;
    let missing = || polars_err!(ComputeError: "a row lacks start_ns or requests_executed");
    let rows = start.into_iter().zip(executed).zip(misroutes);
    rows.map(|((start_ns, executed), misroutes)| {
        Ok(SteeringStep {
            start_ns: start_ns.ok_or_else(missing)?,
            executed: executed.ok_or_else(missing)?,
            misroutes,
        })
    })
    .collect()
}

/// What one queue delivered in one step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct DeliveredStep {
    /// Its start, ns since the start of the measure phase.
    pub(crate) start_ns: f64,
    /// Its length, ns.
    pub(crate) length_ns: f64,
    /// The queue, which is the number of its slice.
    pub(crate) queue: u32,
    /// Frames.
    pub(crate) frames: f64,
}

/// The steps in `folder/delivered.csv`; `None` when there is no such file.
pub(super) fn read_delivered(folder: &Path) -> Result<Option<Vec<DeliveredStep>>> {
    let path = folder.join("delivered.csv");
    let frame = table::read(&path)?;
    let steps = frame.map(delivered_steps).transpose();
    steps.map_err(Error::table(&path))
}

fn delivered_steps(frame: DataFrame) -> PolarsResult<Vec<DeliveredStep>> {
    let [start, length, queue, frames] =
        numbers(frame, ["start_ns", "length_ns", "queue", "frames"])?;
    let missing = || polars_err!(ComputeError: "a row lacks start_ns, length_ns, queue or frames");
    (0..start.len())
        .map(|row| {
            Ok(DeliveredStep {
                start_ns: start[row].ok_or_else(missing)?,
                length_ns: length[row].ok_or_else(missing)?,
                queue: queue[row].ok_or_else(missing)? as u32,
                frames: frames[row].ok_or_else(missing)?,
            })
        })
        .collect()
}

/// The named columns as numbers.
fn numbers<const N: usize>(
    frame: DataFrame,
    names: [&str; N],
) -> PolarsResult<[Vec<Option<f64>>; N]> {
    let columns = names.map(|name| col(name).strict_cast(DataType::Float64));
    let frame = frame.lazy().select(columns).collect()?;
    let mut values = names.map(|_| Vec::new());
    for (values, name) in values.iter_mut().zip(names) {
        *values = frame.column(name)?.f64()?.iter().collect();
    }
    Ok(values)
}
