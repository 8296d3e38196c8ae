//! All probes and trials of one spec, in order, each recorded as soon as it is complete.

use anyhow::Result;
use record::RunFolder;
use spec::Trial;

use super::{probe, trial};
use crate::doctor;
use crate::interrupt::{self, Interrupted};
use crate::plan::{self, Plan, Refusal};
use crate::port;
use crate::specs::Chosen;
use crate::terminal::{Progress, trial_row};

/// How many steps did not give data.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// Trials that began and failed.
    pub(crate) failed: usize,
    /// Trials that this machine cannot run.
    pub(crate) refused: usize,
}

/// Runs what `chosen` asks for and `folder` does not have yet.
///
/// # Errors
/// [`Interrupted`], and when results cannot be written. A trial that fails is told and counted.
pub(crate) fn drive(chosen: &Chosen, folder: &mut RunFolder) -> Result<Tally> {
    let cpus = doctor::usable_cpus()?;
    let steps = probe::steps(&chosen.spec.probes)?;
    let mut rounds = probe::Rounds::default();
    let mut progress = Progress::new(steps.len() + chosen.trials.len());
    for step in &steps {
        interrupt::check()?;
        progress.begin(&step.name());
        let line = probe::run(step, &mut rounds, folder)?;
        progress.end(&line);
    }
    let mut tally = Tally::default();
    for (sequence, trial) in chosen.trials.iter().enumerate() {
        interrupt::check()?;
        if folder.finished(&trial.id()) {
            progress.end("recorded already");
            continue;
        }
        progress.begin(&what(trial));
        match plan_here(trial, &cpus)? {
            Err(refusal) => {
                tally.refused += 1;
                progress.say(&format!("refused: {}: {refusal}", what(trial)));
                progress.end(&format!("{}: refused", what(trial)));
            }
            Ok(plan) => match trial::run(&plan, u32::try_from(sequence)?) {
                Ok(data) => progress.end(&trial_row(folder.record_trial(&data)?)),
                Err(error) if error.is::<Interrupted>() => return Err(error),
                Err(error) => {
                    tally.failed += 1;
                    progress.say(&format!("failed: {}: {error:#}", what(trial)));
                    progress.end(&format!("{}: failed", what(trial)));
                }
            },
        }
    }
    Ok(tally)
}

fn plan_here(trial: &Trial, cpus: &[u32]) -> Result<Result<Plan, Refusal>> {
    let port = port::first_free(trial)?;
    Ok(plan::plan(trial, cpus, port))
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
