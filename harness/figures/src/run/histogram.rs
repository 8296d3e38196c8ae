//! Merging the latency histograms of several trials.

use std::path::Path;

use polars::prelude::*;
use stats::Histogram;

use super::table;
use crate::error::{Error, Result};

/// Merges the files `latency.csv` in the `folders`: rows of `value_ns,count`, where the value `inf`
/// counts the unanswered.
pub(super) fn merged<'a>(folders: impl Iterator<Item = &'a Path>) -> Result<Histogram> {
    let mut frames = Vec::new();
    let mut last = Path::new("").to_owned();
    for folder in folders {
        last = folder.join("latency.csv");
        let missing = || std::io::Error::from(std::io::ErrorKind::NotFound);
        let frame = table::read(&last)?.ok_or_else(|| Error::read(&last, missing()))?;
        frames.push(
            frame
                .lazy()
                .select([col("value_ns"), col("count").strict_cast(DataType::UInt64)]),
        );
    }
    if frames.is_empty() {
        return Ok(Histogram::default());
    }
    rows(frames).map_err(Error::table(&last))
}

fn rows(frames: Vec<LazyFrame>) -> PolarsResult<Histogram> {
    let all = concat(frames, UnionArgs::default())?
        .group_by([col("value_ns")])
        .agg([col("count").sum()])
        .collect()?;
    let values = all.column("value_ns")?.str()?;
    let counts = all.column("count")?.u64()?;
    let mut histogram = Histogram::default();
    for (value, count) in values.iter().zip(counts.iter()) {
        let count = count.unwrap_or(0);
        match value {
            Some("inf") => histogram.record_unanswered(count),
            Some(text) => {
                let not_a_number = |_| polars_err!(ComputeError: "value_ns is '{text}'");
                histogram.record(text.parse().map_err(not_a_number)?, count);
            }
            None => return Err(polars_err!(ComputeError: "a row has no value_ns")),
        }
    }
    Ok(histogram)
}
