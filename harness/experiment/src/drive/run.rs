//! All probes and trials of one spec, in order, each recorded as soon as it is complete.

use std::collections::BTreeSet;

use anyhow::Result;
use record::{FailureStatus, RunFolder, TrialRecord};
use spec::Trial;

use super::frames::HostRefuses;
use super::trial::{self, Patience};
use super::{capacity, frames, probe, secret};
use crate::doctor;
use crate::interrupt::{self, Interrupted};
use crate::plan::{self, Machine, Planned, Refusal};
use crate::port;
use crate::specs::Chosen;
use crate::terminal::{Progress, trial_row};

/// Runs what `chosen` asks for and `folder` does not have yet.
///
/// # Errors
/// [`Interrupted`], and when results cannot be written. A trial that fails is recorded with its reason.
pub(crate) fn drive(chosen: &Chosen, folder: &mut RunFolder, patience: Patience) -> Result<()> {
    let machine = doctor::machine()?;
    let steps = probe::steps(&chosen.spec.probes)?;
    let mut rounds = probe::Rounds::default();
    let mut progress = Progress::new(steps.len() + chosen.trials.len());
    for step in &steps {
        interrupt::check()?;
        progress.begin(&step.name());
        let line = probe::run(step, &mut rounds, folder)?;
        progress.end(&line);
    }
    let mut steps = Steps {
        folder,
        progress,
        machine,
        patience,
        next: 0,
        refusals: BTreeSet::new(),
    };
    for trial in &chosen.trials {
        steps.take(trial)?;
    }
    capacity::drive(chosen, &mut steps)
}

/// What came of a trial.
pub(super) enum Taken {
    /// It is recorded, by this process or an earlier one.
    Recorded(Box<TrialRecord>),
    /// It began and failed.
    Failed,
    /// This machine cannot run it, for this reason.
    Refused(String),
}

/// Trials, one after the other, each in the record before the next begins.
pub(super) struct Steps<'a> {
    pub(super) folder: &'a mut RunFolder,
    pub(super) progress: Progress,
    machine: Machine,
    patience: Patience,
    /// Position in the run's order of the next trial.
    next: u32,
    /// Labels, and why this machine refuses them: each block would say it again.
    refusals: BTreeSet<(String, String)>,
}

impl Steps<'_> {
    /// Runs and records the trial, unless it is recorded already.
    pub(super) fn take(&mut self, trial: &Trial) -> Result<Taken> {
        interrupt::check()?;
        let sequence = self.next;
        self.next += 1;
        let id = trial.id();
        let recorded = self.folder.trials().iter();
        if let Some(known) = recorded.into_iter().find(|record| record.trial_id == id) {
            let known = Box::new(known.clone());
            self.progress.end("recorded already");
            return Ok(Taken::Recorded(known));
        }
        self.progress.begin(&what(trial));
        let plan = match self.plan(trial)? {
            Ok(plan) => plan,
            Err(refusal) => {
                let reason = refusal.to_string();
                self.fail(trial, sequence, FailureStatus::Refused, &reason)?;
                return Ok(Taken::Refused(reason));
            }
        };
        let ran = match plan {
            Planned::Requests(mut plan) => {
                secret::share(&mut plan)?;
                trial::run(&plan, sequence, self.patience)
            }
            Planned::Frames(mut plan) => {
                secret::share_tunnel(&mut plan)?;
                frames::run(&plan, sequence, self.patience)
            }
        };
        match ran {
            Ok(data) => {
                let record = self.folder.record_trial(&data)?;
                self.progress.end(&trial_row(record));
                Ok(Taken::Recorded(Box::new(record.clone())))
            }
            Err(error) if error.is::<Interrupted>() => Err(error),
            Err(error) if error.is::<HostRefuses>() => {
                let reason = format!("{error:#}");
                self.fail(trial, sequence, FailureStatus::Refused, &reason)?;
                Ok(Taken::Refused(reason))
            }
            Err(error) => {
                let reason = format!("{error:#}");
                self.fail(trial, sequence, FailureStatus::Failed, &reason)?;
                Ok(Taken::Failed)
            }
        }
    }

    fn plan(&self, trial: &Trial) -> Result<Result<Planned, Refusal>> {
        let port = port::first_free(trial)?;
        Ok(plan::plan(trial, &self.machine, port))
    }

    fn fail(
        &mut self,
        trial: &Trial,
        sequence: u32,
        status: FailureStatus,
        reason: &str,
    ) -> Result<()> {
        let (what, status_name) = (what(trial), status.name());
        let told = status == FailureStatus::Refused && {
            let refusal = (trial.system.label.clone(), reason.to_owned());
            !self.refusals.insert(refusal)
        };
        if !told {
            self.progress
                .say(&format!("{status_name}: {what}: {reason}"));
        }
        self.folder
            .record_failure(trial, sequence, status, reason)?;
        self.progress.end(&format!("{what}: {status_name}"));
        Ok(())
    }
}

fn what(trial: &Trial) -> String {
    format!(
        "block {}, {} over {} at {}",
        trial.block,
        trial.system.label,
        trial.system.io.name(),
        trial.load
    )
}
