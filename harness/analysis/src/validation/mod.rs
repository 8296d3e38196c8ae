//! Can the instrument be believed? The results of the validation specs, as tables and sentences.
//!
//! One file a section; each finds in the runs what it can be answered from, by the shape of their
//! specs and not by their names, so that anybody's run of such a shape is read. The method behind
//! each is in docs/validation.md.

pub mod floor;
pub mod gates;
pub mod ground_truth;
mod pool;
pub mod repeated;
mod report;
pub mod stall;

use std::path::PathBuf;

use record::RunFolder;

use crate::error::AnalysisError;
pub use report::write;

/// What a section found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// What must hold was seen to hold.
    Holds,
    /// It was seen not to hold.
    Fails,
    /// Too little was recorded to say.
    Undecided,
}

impl Answer {
    /// In words.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Holds => "holds",
            Self::Fails => "FAILS",
            Self::Undecided => "undecided",
        }
    }
}

/// The run that a section was answered from, and the figure that shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// The run's folder.
    pub run: PathBuf,
    /// Name of the figure in it, without extension.
    pub figure: &'static str,
}

impl Shown {
    fn of(run: &RunFolder, figure: &'static str) -> Option<Self> {
        let run = run.path().to_owned();
        Some(Self { run, figure })
    }
}

/// One section of the report.
#[derive(Debug, Clone, PartialEq)]
pub struct Section {
    /// Its heading.
    pub title: String,
    /// Where it can be seen; `None` where it was answered from all runs.
    pub shown: Option<Shown>,
    /// What must hold, in one sentence.
    pub question: String,
    /// Whether it does.
    pub answer: Answer,
    /// The numbers: a header and rows of the same length.
    pub table: Vec<Vec<String>>,
    /// What else the reader must know.
    pub notes: Vec<String>,
}

/// Every section that the runs give an answer to, in the order of the runs.
///
/// # Errors
/// When a recorded file is damaged.
pub fn validate(runs: &[RunFolder]) -> Result<Vec<Section>, AnalysisError> {
    let mut sections = Vec::new();
    for run in runs {
        sections.extend(repeated::section(run)?);
        sections.extend(ground_truth::section(run)?);
        sections.extend(stall::section(run)?);
        sections.extend(floor::section(run));
    }
    // A word on gates belongs to a campaign, not to any run of a floor.
    if sections.len() > 1 {
        sections.extend(gates::section(runs));
    }
    Ok(sections)
}
