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
mod table;
pub mod truth;

pub use cells::{Cell, Cells, Point};
pub use error::AnalysisError;
pub use metric::Metric;
