//! What recorded runs show: comparisons between systems, and whether the instrument can be
//! believed.
//!
//! Everything is computed from the result folder through [`record::RunFolder`] and the statistics
//! of [`stats`]; nothing measures, draws or needs polars, so that the terminal has its tables also
//! where figures were left out of the build. Figures draw from the tables that are written here.

mod cells;
pub mod compare;
mod error;
mod metric;
pub mod netslices;
pub mod recovery;
mod table;
pub mod truth;
pub mod validation;

pub use cells::{Cell, Cells, Point};
pub use error::AnalysisError;
pub use metric::Metric;

use std::path::Path;

use record::RunFolder;

/// Writes into the folder of the run at `path` the tables that figures draw: the comparison of its
/// systems, and the repeated comparisons of an A/A or A/B run. A run that has nothing to compare
/// gets none.
///
/// # Errors
/// When a recorded file is damaged or a table cannot be written.
pub fn record_tables(path: &Path) -> Result<(), AnalysisError> {
    let run = RunFolder::open(path)?;
    compare::record(&run)?;
    validation::repeated::record(&run)
}
