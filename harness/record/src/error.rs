//! What can go wrong with a result folder.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

/// A result that cannot be read or written.
#[derive(Debug, Error)]
pub enum RecordError {
    /// The file system refused.
    #[error("{path}: {source}{}", remedy(source))]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// The folder holds no run.
    #[error("{path} is no result of a run: {reason}; a result is <output>/<experiment>/<run-id>/")]
    NotAResult {
        /// The folder.
        path: PathBuf,
        /// What is missing or wrong.
        reason: String,
    },
    /// The folder was written by another version of this program.
    #[error("{path} has schema version {found}, and this program reads version {known}: {remedy}")]
    SchemaVersion {
        /// The file.
        path: PathBuf,
        /// The version that it has.
        found: u64,
        /// The version that this program reads.
        known: u32,
        /// Who wrote it, and what to do.
        remedy: String,
    },
    /// A file of the result is damaged.
    #[error("{path} cannot be read as this program wrote it: {reason}")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What does not fit.
        reason: String,
    },
    /// A new run would overwrite something.
    #[error("{0} exists already")]
    Exists(PathBuf),
    /// A value that the result files cannot hold.
    #[error("{path} cannot be written: {reason}")]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
}

impl RecordError {
    pub(crate) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { path, source }
    }

    /// An error of the `csv` crate; what the file system said stays apart from what the table said.
    pub(crate) fn csv(path: &Path) -> impl FnOnce(csv::Error) -> Self {
        let path = path.to_owned();
        move |error| {
            let kind = error.into_kind();
            let csv::ErrorKind::Io(source) = kind else {
                return Self::unwritable(&path, format!("{kind:?}"));
            };
            Self::Io { path, source }
        }
    }

    pub(crate) fn damaged(path: &Path, reason: impl ToString) -> Self {
        Self::Damaged {
            path: path.to_owned(),
            reason: reason.to_string(),
        }
    }

    pub(crate) fn unwritable(path: &Path, reason: impl ToString) -> Self {
        Self::Unwritable {
            path: path.to_owned(),
            reason: reason.to_string(),
        }
    }
}

/// What mends a refusal of the file system, where that can be said.
fn remedy(source: &io::Error) -> &'static str {
    use io::ErrorKind::{PermissionDenied, QuotaExceeded, ReadOnlyFilesystem, StorageFull};
    // An open set that is not ours; where no remedy is known the system's reason stands alone.
    let remedies = [
        (
            StorageFull,
            "; make room there, or take another folder with --output",
        ),
        (
            QuotaExceeded,
            "; make room there, or take another folder with --output",
        ),
        (
            PermissionDenied,
            "; give yourself the right to write there, or take another folder with --output",
        ),
        (
            ReadOnlyFilesystem,
            "; mount it writable, or take another folder with --output",
        ),
    ];
    let known = remedies.iter().find(|(kind, _)| *kind == source.kind());
    known.map_or("", |(_, remedy)| remedy)
}
