//! A recorded run as one archive: its files, what explains them, and an RO-Crate description.
//!
//! Everything in the archive follows from the run's files and the command line, so that packing a run
//! twice gives the same bytes.

mod archive;
mod describe;
mod files;
mod people;

use std::io;
use std::path::Path;

use anyhow::{Context, Result};
use record::RunRecord;
use serde_json::Value;

pub(crate) use archive::write;
pub(crate) use files::Entry;
pub(crate) use people::Credits;

/// The page that explains every file, and the schemas of the JSON files.
const PAGE: &str = include_str!("../../../../docs/results.md");

/// The files of the archive for the run in `folder`, sorted by name, the description first.
///
/// # Errors
/// When a file cannot be read.
pub(crate) fn entries(
    folder: &Path,
    run: &RunRecord,
    credits: &Credits,
    schemas: [(&str, Value); 2],
) -> Result<Vec<Entry>> {
    let mut entries = files::read(folder).with_context(|| folder.display().to_string())?;
    entries.push(Entry::new("RESULTS.md", PAGE.into())?);
    for (name, schema) in schemas {
        let text = serde_json::to_string_pretty(&schema)? + "\n";
        entries.push(Entry::new(name, text.into())?);
    }
    entries.sort_by(|a, b| a.name.cmp(&b.name));
    let description = describe::describe(run, &entries, credits);
    let text = serde_json::to_string_pretty(&description)? + "\n";
    entries.insert(0, Entry::new(describe::FILE, text.into())?);
    Ok(entries)
}

/// The archive's folder, and its usual name without an ending.
pub(crate) fn stem(run: &RunRecord) -> String {
    format!("{}-{}", run.experiment, run.run_id)
}

/// An error about a file that does not belong into an archive.
fn unfit(path: &Path, why: &str) -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        format!("{}: {why}", path.display()),
    )
}

#[cfg(test)]
mod tests;
