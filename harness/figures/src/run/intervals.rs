//! The measure phase of a trial in steps.

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
    let names = ["start_ns", "requests", "p50_ns", "p99_ns"];
    let numbers = names.map(|name| col(name).strict_cast(DataType::Float64));
    let frame = frame.lazy().select(numbers).collect()?;
    let columns: Vec<&Float64Chunked> = names
        .iter()
        .map(|name| frame.column(name)?.f64())
        .collect::<PolarsResult<_>>()?;
    let [start, requests, p50, p99] = [0, 1, 2, 3].map(|column: usize| columns[column]);
    let missing = || polars_err!(ComputeError: "a row has no start_ns");
    (0..frame.height())
        .map(|row| {
            let due = requests.get(row).is_some_and(|requests| requests > 0.0);
            let rank =
                |column: &Float64Chunked| due.then(|| column.get(row).unwrap_or(f64::INFINITY));
            Ok(Step {
                start_ns: start.get(row).ok_or_else(missing)?,
                p50_ns: rank(p50),
                p99_ns: rank(p99),
            })
        })
        .collect()
}
