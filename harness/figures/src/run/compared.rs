//! Tables of comparisons, which the analysis writes beside the run's own.

use std::collections::HashMap;
use std::path::Path;

use crate::error::{Error, Result};

/// A row by the names of its columns.
#[derive(Debug, Clone)]
pub(crate) struct Named(HashMap<String, String>);

impl Named {
    /// The field; empty where there is none.
    pub(crate) fn text(&self, column: &str) -> &str {
        self.0.get(column).map_or("", String::as_str)
    }

    /// The field as a number; `None` where it is empty.
    pub(crate) fn number(&self, column: &str) -> Option<f64> {
        self.text(column).parse().ok()
    }
}

/// The rows of the table at `path`; none when there is no such file.
pub(super) fn read(path: &Path) -> Result<Vec<Named>> {
    if !path.is_file() {
        return Ok(Vec::new());
    }
    let rows: std::result::Result<Vec<_>, csv::Error> =
        csv::Reader::from_path(path).and_then(|mut reader| reader.deserialize().collect());
    let rows = rows.map_err(|error| Error::read(path, error.into()))?;
    Ok(rows.into_iter().map(Named).collect())
}
