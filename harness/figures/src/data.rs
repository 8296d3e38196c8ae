//! The table behind a figure.

use std::path::Path;

use stats::{Estimate, Spread};

use crate::error::{Error, Result};

/// A table; columns end in their unit. `inf` is beyond the timeout, empty is not applicable.
#[derive(Debug)]
pub(crate) struct Data {
    header: Vec<&'static str>,
    rows: Vec<Vec<String>>,
}

impl Data {
    pub(crate) fn new(header: impl IntoIterator<Item = &'static str>) -> Self {
        Self {
            header: header.into_iter().collect(),
            rows: Vec::new(),
        }
    }

    /// A table of cells: `further` begins with their load, which each kind of load has a name of its
    /// own for.
    pub(crate) fn by_cell(further: impl IntoIterator<Item = &'static str>) -> Self {
        let place = ["fidelity", "topology", "workload", "label", "io"];
        Self::new(place.into_iter().chain(further))
    }

    /// Adds a row; it must have one field for each column.
    pub(crate) fn push(&mut self, row: Vec<String>) {
        debug_assert_eq!(row.len(), self.header.len());
        self.rows.push(row);
    }

    pub(crate) fn write(&self, path: &Path) -> Result<()> {
        let failed = |e: csv::Error| Error::write(path, e.into());
        let mut writer = csv::Writer::from_path(path).map_err(failed)?;
        writer.write_record(&self.header).map_err(failed)?;
        for row in &self.rows {
            writer.write_record(row).map_err(failed)?;
        }
        writer.flush().map_err(|e| Error::write(path, e))
    }
}

/// The columns of an estimate, without a unit: value, low, high, blocks, spread.
pub(crate) fn estimate_fields(estimate: Option<&Estimate>) -> [String; 5] {
    let Some(e) = estimate else {
        return Default::default();
    };
    let spread = match e.spread {
        Spread::Interval95 => "interval_95",
        Spread::RangeOfTooFewBlocks => "range_too_few_blocks",
    };
    [
        e.value.to_string(),
        e.low.to_string(),
        e.high.to_string(),
        e.n.to_string(),
        spread.to_owned(),
    ]
}
