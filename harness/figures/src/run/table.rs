//! Reading a recorded CSV into polars.

use std::path::Path;

use polars::prelude::DataFrame;
use polars_io::SerReader;
use polars_io::prelude::CsvReadOptions;

use crate::error::{Error, Result};

/// The table at `path` with every column as text, empty fields null: which columns are numbers is
/// the schema's to say, not for a guess from the first rows. `None` when there is no such file or
/// it has no rows.
pub(super) fn read(path: &Path) -> Result<Option<DataFrame>> {
    match std::fs::metadata(path) {
        Ok(_) => {}
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(Error::read(path, e)),
    }
    let options = CsvReadOptions::default()
        .with_infer_schema_length(Some(0))
        .with_n_threads(Some(1));
    let frame = options
        .try_into_reader_with_file_path(Some(path.to_owned()))
        .and_then(|reader| reader.finish())
        .map_err(Error::table(path))?;
    Ok((frame.height() > 0).then_some(frame))
}
