//! `show`: a recorded run as a table.

use std::path::Path;

use anyhow::Result;
use record::RunFolder;

use crate::exit::{BadInput, Outcome};
use crate::terminal;

/// Prints the run at `path`.
pub(crate) fn show(path: &Path, json: bool) -> Result<Outcome> {
    let run = RunFolder::open(path).map_err(|error| BadInput(error.to_string()))?;
    if json {
        for trial in run.trials() {
            println!("{}", serde_json::to_string(trial)?);
        }
    } else {
        terminal::print_run(&run);
    }
    Ok(Outcome::Complete)
}
