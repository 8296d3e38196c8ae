//! The recorded probes of thread notification.

use std::path::{Path, PathBuf};

use polars::prelude::*;
use stats::Histogram;

use super::{histogram, table};
use crate::error::{Error, Result};

/// One cell of the probe: a mechanism between two CPUs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Probe {
    id: String,
    pub(crate) mechanism: String,
    pub(crate) pair_class: String,
    pub(crate) mode: String,
    /// `ok`, or why it was refused.
    pub(crate) status: String,
}

impl Probe {
    pub(crate) fn ran(&self) -> bool {
        self.status == "ok"
    }
}

/// The probes of a run.
#[derive(Debug)]
pub(crate) struct Probes {
    run: PathBuf,
    pub(crate) cells: Vec<Probe>,
}

impl Probes {
    pub(super) fn read(run: &Path) -> Result<Option<Self>> {
        let path = run.join("probes.csv");
        let Some(frame) = table::read(&path)? else {
            return Ok(None);
        };
        let cells = cells(frame).map_err(Error::table(&path))?;
        Ok(Some(Self {
            run: run.to_owned(),
            cells,
        }))
    }

    /// The distribution of one cell, in nanoseconds.
    pub(crate) fn histogram(&self, probe: &Probe) -> Result<Histogram> {
        let folder = self.run.join("probes").join(&probe.id);
        histogram::merged(std::iter::once(folder.as_path()))
    }
}

fn cells(frame: DataFrame) -> PolarsResult<Vec<Probe>> {
    let names = ["cell_id", "mechanism", "pair_class", "mode", "status"];
    let keys = ["mode", "mechanism", "pair_class"];
    let frame = frame
        .lazy()
        .select(names.map(col))
        .sort(keys, SortMultipleOptions::default())
        .collect()?;
    let columns = names.map(|name| frame.column(name).and_then(|c| c.str()).cloned());
    let [id, mechanism, pair_class, mode, status] = columns;
    let (id, mechanism, pair_class, mode, status) = (id?, mechanism?, pair_class?, mode?, status?);
    let text = |column: &StringChunked, row| column.get(row).unwrap_or_default().to_owned();
    let probe = |row| Probe {
        id: text(&id, row),
        mechanism: text(&mechanism, row),
        pair_class: text(&pair_class, row),
        mode: text(&mode, row),
        status: text(&status, row),
    };
    let mut probes: Vec<_> = (0..frame.height()).map(probe).collect();
    // The paper measured idle threads: those first.
    probes.sort_by_key(|p| p.mode != "idle");
    Ok(probes)
}
