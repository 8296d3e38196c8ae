//! `figures`: redraws a run from its files alone.

use std::path::Path;

use ::figures::{Drawn, Outcome as Fate};
use anyhow::Result;
use record::RunFolder;

use crate::exit::{BadInput, Outcome};

/// Draws every figure of the run at `path` and says where they are.
pub(crate) fn draw(path: &Path) -> Result<Outcome> {
    RunFolder::open(path).map_err(|error| BadInput(error.to_string()))?;
    analysis::record_tables(path)?;
    for drawn in ::figures::draw_all(path)? {
        println!("{}", line(&drawn));
    }
    sys::privilege::give_to_user(path)?;
    Ok(Outcome::Complete)
}

/// One line about a figure.
pub(crate) fn line(drawn: &Drawn) -> String {
    match &drawn.outcome {
        Fate::Written { png, .. } => format!("{:<20} {}", drawn.figure.id(), png.display()),
        Fate::Skipped(skip) => format!("{:<20} not drawn: {skip}", drawn.figure.id()),
    }
}
