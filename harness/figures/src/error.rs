//! Errors, each with the path it is about and what to do.

use std::io;
use std::path::{Path, PathBuf};

use polars::prelude::PolarsError;

/// Why figures could not be drawn.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The folder is not a run.
    #[error(
        "{path}: not a result folder: it has no run.json, trials.csv or probes.csv; name a folder results/<experiment>/<run-id>"
    )]
    NotARun {
        /// The folder.
        path: PathBuf,
    },
    /// A recorded file could not be opened.
    #[error(
        "{path}: cannot read: {source}; copy the file from where the run was recorded, or run the experiment again"
    )]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A recorded table is not what `record` writes.
    #[error(
        "{path}: cannot make sense of this table: {source}; was it edited, or recorded by another version?"
    )]
    Table {
        /// The file.
        path: PathBuf,
        /// Why.
        source: PolarsError,
    },
    /// A recorded trial cannot be analysed.
    #[error(transparent)]
    Analysis(#[from] analysis::AnalysisError),
    /// A recorded trial is not what `record` writes.
    #[error(transparent)]
    Record(#[from] record::RecordError),
    /// run.json is not JSON.
    #[error("{path}: not valid JSON: {source}; was it edited?")]
    Json {
        /// The file.
        path: PathBuf,
        /// Why.
        source: serde_json::Error,
    },
    /// A figure's file could not be written.
    #[error("{path}: cannot write: {source}; make the result folder writable for this user")]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A back end failed to draw.
    #[error(
        "{path}: cannot draw: {reason}; this is a defect, please report it with the run's CSV files"
    )]
    Render {
        /// The figure's file.
        path: PathBuf,
        /// The back end's reason.
        reason: String,
    },
}

/// The result of drawing.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    pub(crate) fn read(path: &Path, source: io::Error) -> Self {
        Self::Read {
            path: path.to_owned(),
            source,
        }
    }

    pub(crate) fn write(path: &Path, source: io::Error) -> Self {
        Self::Write {
            path: path.to_owned(),
            source,
        }
    }

    pub(crate) fn render(path: &Path, reason: impl std::fmt::Display) -> Self {
        Self::Render {
            path: path.to_owned(),
            reason: reason.to_string(),
        }
    }

    /// For `map_err` on what polars does with the table at `path`.
    pub(crate) fn table(path: &Path) -> impl Fn(PolarsError) -> Self + '_ {
        |source| Self::Table {
            path: path.to_owned(),
            source,
        }
    }
}
