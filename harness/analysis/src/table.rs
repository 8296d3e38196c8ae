//! Tables of results as CSV files.

use std::fs;
use std::io;
use std::path::Path;

use serde::Serialize;

use crate::error::AnalysisError;

/// Writes the rows as CSV, the field names first; by rename, so that a reader never sees half.
pub(crate) fn write<T: Serialize>(path: &Path, rows: &[T]) -> Result<(), AnalysisError> {
    text(rows)
        .and_then(|text| replace(path, &text))
        .map_err(|source| AnalysisError::Write {
            path: path.to_owned(),
            source,
        })
}

fn text<T: Serialize>(rows: &[T]) -> io::Result<Vec<u8>> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    for row in rows {
        writer.serialize(row).map_err(io::Error::other)?;
    }
    writer
        .into_inner()
        .map_err(|error| io::Error::other(error.to_string()))
}

/// Replaces the file by one with this content.
pub(crate) fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let beside = path.with_file_name(format!(".{name}.new"));
    fs::write(&beside, content)?;
    fs::rename(&beside, path)
}
