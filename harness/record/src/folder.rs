//! The result folder: written atomically, read back completely.

mod files;
mod place;
mod read;
mod write;

use std::path::{Path, PathBuf};

use spec::TrialId;

use crate::failure::FailureRecord;
use crate::probe::ProbeRecord;
use crate::run::RunRecord;
use crate::trial::TrialRecord;

pub use read::runs_below;

/// A run's folder with what it holds so far. All writing goes through one of these; the
/// machine-wide lock of a run keeps it the only one.
#[derive(Debug)]
pub struct RunFolder {
    path: PathBuf,
    run: RunRecord,
    /// In the run's order.
    trials: Vec<TrialRecord>,
    /// Of trials that have no data, in the run's order.
    failures: Vec<FailureRecord>,
    /// In the order in which they were recorded.
    probes: Vec<ProbeRecord>,
}

impl RunFolder {
    /// Where it is: `<output>/<experiment>/<run-id>`.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The run's own record.
    #[must_use]
    pub const fn run(&self) -> &RunRecord {
        &self.run
    }

    /// The recorded trials in the run's order.
    #[must_use]
    pub fn trials(&self) -> &[TrialRecord] {
        &self.trials
    }

    /// The trials that gave no data, in the run's order; none of them is among the recorded ones.
    #[must_use]
    pub fn failures(&self) -> &[FailureRecord] {
        &self.failures
    }

    /// The recorded probe cells.
    #[must_use]
    pub fn probes(&self) -> &[ProbeRecord] {
        &self.probes
    }

    /// Whether the trial is recorded already: a resumed run skips it. One that failed or was refused
    /// is not: it is tried again.
    #[must_use]
    pub fn finished(&self, trial: &TrialId) -> bool {
        self.trials.iter().any(|record| record.trial_id == *trial)
    }

    /// The folder of a trial's files.
    #[must_use]
    pub fn trial_folder(&self, trial: &TrialId) -> PathBuf {
        self.path.join("trials").join(trial.as_str())
    }

    fn failure_file(&self, trial: &TrialId) -> PathBuf {
        self.path.join("failures").join(format!("{trial}.json"))
    }

    /// The folder of a probe cell's files.
    #[must_use]
    pub fn probe_folder(&self, cell_id: &str) -> PathBuf {
        self.path.join("probes").join(cell_id)
    }

    /// The folder for figures; made when the first is drawn.
    #[must_use]
    pub fn figures_folder(&self) -> PathBuf {
        self.path.join("figures")
    }
}
