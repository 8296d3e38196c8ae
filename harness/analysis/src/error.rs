//! Why recorded runs cannot be analysed.

use std::path::PathBuf;

use record::RecordError;

/// Why an analysis was not possible; each message names the place and the remedy.
#[derive(Debug, thiserror::Error)]
pub enum AnalysisError {
    /// A recorded file cannot be read.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// The run has no such label.
    #[error("{run} has no system labelled `{label}`; it has {known}")]
    UnknownLabel {
        /// The run's folder.
        run: PathBuf,
        /// What was asked for.
        label: String,
        /// The labels there are.
        known: String,
    },
    /// There are no two systems to compare.
    #[error("{run} recorded {found}: a comparison needs two labels, or a second run")]
    NothingToCompare {
        /// The run's folder.
        run: PathBuf,
        /// What it recorded.
        found: String,
    },
    /// The runs differ in fidelity.
    #[error(
        "{a} was measured on {a_fidelity} and {b} on {b_fidelity}: results of different fidelity \
         are not compared; run both specs on one topology"
    )]
    Fidelity {
        /// One run.
        a: PathBuf,
        /// Its fidelity.
        a_fidelity: String,
        /// The other run.
        b: PathBuf,
        /// Its fidelity.
        b_fidelity: String,
    },
    /// The runs have no cell in common.
    #[error("{a} and {b} share no label at one load and workload: nothing can be compared")]
    NothingInCommon {
        /// One run.
        a: PathBuf,
        /// The other run.
        b: PathBuf,
    },
    /// A table cannot be written.
    #[error("{path}: cannot be written: {source}")]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}
