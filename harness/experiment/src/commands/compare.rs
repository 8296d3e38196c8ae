//! `compare`: which differences a run shows, or two runs.

use std::path::{Path, PathBuf};

use analysis::compare::{Compared, between, within};
use anyhow::Result;
use record::RunFolder;

use crate::exit::{BadInput, Outcome};
use crate::terminal;

/// Compares the systems of the run at `path` with `baseline`, or with the same systems of `other`.
pub(crate) fn compare(
    path: &Path,
    other: Option<&PathBuf>,
    baseline: Option<&str>,
    json: bool,
) -> Result<Outcome> {
    let compared = compared(path, other, baseline).map_err(|error| BadInput(error.to_string()))?;
    if json {
        println!("{}", serde_json::to_string_pretty(&compared.to_json())?);
    } else {
        terminal::print_comparison(&compared);
    }
    Ok(Outcome::Complete)
}

fn compared(
    path: &Path,
    other: Option<&PathBuf>,
    baseline: Option<&str>,
) -> Result<Compared, analysis::AnalysisError> {
    let run = RunFolder::open(path)?;
    match other {
        Some(other) => between(&run, &RunFolder::open(other)?),
        None => within(&run, baseline),
    }
}
