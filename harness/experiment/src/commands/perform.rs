//! From specs to results and figures: what `run`, `resume` and `rerun` have in common.

use std::path::{Path, PathBuf};

use anyhow::Result;
use record::{
    Origin, RecordError, Repeats, Resumption, RunFolder, RunId, RunRecord, Timestamp, TrialRecord,
};
use serde_json::{Value, json};
use sys::lock::{LockError, MachineLock};

use super::tally::Tally;
use crate::cli::HowArgs;
use crate::doctor;
use crate::drive::run::drive;
use crate::drive::trial::Patience;
use crate::environment;
use crate::exit::{BadInput, HostCannot};
use crate::interrupt;
use crate::lab::Agent;
use crate::specs::Chosen;
use crate::terminal;

/// Where a run begins.
pub(super) enum Start {
    /// As a new run below this folder.
    New(PathBuf),
    /// As a new run below this folder that repeats another.
    Repeat(PathBuf, Repeats),
    /// Where this run ended.
    Resume(PathBuf),
}

/// What the command line wants.
pub(super) struct Wish<'a> {
    /// Where to begin.
    pub(super) start: Start,
    /// How to go about it.
    pub(super) how: &'a HowArgs,
    /// One JSON object at the end, in place of text.
    pub(super) json: bool,
}

/// Runs every spec, one after the other.
pub(super) fn perform(specs: &[Chosen], wish: &Wish<'_>) -> Result<Tally> {
    for chosen in specs {
        doctor::preflight(&chosen.spec)?;
    }
    let _lock = lock(wish.how)?;
    let _settings: Agent<(), ()> = Agent::start("settings", None)?;
    let mut all = Tally::default();
    for chosen in specs {
        all = all.and(run_one(chosen, wish)?);
    }
    Ok(all)
}

fn lock(how: &HowArgs) -> Result<MachineLock> {
    let path = how.lock.clone().unwrap_or_else(MachineLock::default_path);
    let what = std::env::args().collect::<Vec<_>>().join(" ");
    if !how.wait {
        return MachineLock::try_acquire(&path, &what).map_err(refused);
    }
    let mut told = false;
    let acquired = MachineLock::acquire(&path, &what, |holder| {
        if !std::mem::replace(&mut told, true) {
            let holder = holder
                .map(|holder| format!(" ({})", holder.what))
                .unwrap_or_default();
            eprintln!("waiting: another experiment holds this machine{holder}");
        }
        !interrupt::requested()
    });
    interrupt::check()?;
    acquired.map_err(refused)
}

fn refused(error: LockError) -> anyhow::Error {
    HostCannot(format!("{error}; wait for it with --wait")).into()
}

fn run_one(chosen: &Chosen, wish: &Wish<'_>) -> Result<Tally> {
    let (mut folder, ours) = open_folder(chosen, &wish.start)?;
    let path = folder.path().to_path_buf();
    let driven = drive(chosen, &mut folder, Patience(wish.how.patience.to_std()))
        .and_then(|()| finish(&mut folder));
    // Also when the run ended early, and without hiding why.
    let given = sys::privilege::give_to_user(&ours);
    if let Err(error) = driven {
        eprintln!("{}", kept(&folder, &path));
        return Err(error);
    }
    given?;
    analysis::record_tables(&path)?;
    draw(&folder)?;
    sys::privilege::give_to_user(&ours)?;
    close(&folder, wish)
}

fn finish(folder: &mut RunFolder) -> Result<()> {
    let obtained = obtained(folder);
    Ok(folder.update_run(|run| {
        run.obtained = obtained;
        run.finished = Some(Timestamp::now());
    })?)
}

/// The run's folder, and the topmost folder that was made for it: an output folder that was there
/// before may hold much that is not ours to give away.
fn open_folder(chosen: &Chosen, start: &Start) -> Result<(RunFolder, PathBuf)> {
    let (output, repeats) = match start {
        Start::New(output) => (output, None),
        Start::Repeat(output, repeats) => (output, Some(repeats.clone())),
        Start::Resume(path) => {
            let folder = resumed(path)?;
            let ours = folder.path().to_path_buf();
            return Ok((folder, ours));
        }
    };
    // The spec's word before the command line's.
    let named = chosen.spec.output.as_ref();
    let output = named.map_or_else(|| output.clone(), PathBuf::from);
    let output_is_new = !output.exists();
    let started = Timestamp::now();
    let salt = format!("{} {}", std::process::id(), chosen.file.display());
    let mut record = RunRecord::begin(&chosen.spec, RunId::new(started, &salt), started);
    record.git = environment::git();
    record.command = std::env::args().collect();
    record.environment = environment::here()?;
    record.smells.extend(environment::advice());
    record.repeats = repeats;
    let folder = RunFolder::create(&output, record).map_err(unusable)?;
    let ours = match folder.path().parent() {
        Some(experiment) if !output_is_new => experiment.to_path_buf(),
        Some(_) | None => output,
    };
    Ok((folder, ours))
}

fn resumed(path: &Path) -> Result<RunFolder> {
    let mut folder = RunFolder::resume(path).map_err(unusable)?;
    let (git, machine) = (environment::git(), environment::here()?);
    let differences = folder.run().differences_to(Origin {
        git: git.as_ref(),
        environment: &machine,
    });
    if !differences.is_empty() {
        let names: Vec<&str> = differences.iter().map(|one| one.what.as_str()).collect();
        eprintln!(
            "since the run began these have changed: {} (run.json, `resumed`)",
            names.join(", ")
        );
    }
    folder.update_run(|run| {
        run.resumed.push(Resumption {
            resumed_at: Timestamp::now(),
            command: std::env::args().collect(),
            differences,
        });
    })?;
    Ok(folder)
}

/// A folder that is no run is the caller's mistake, one that cannot be written the host's.
fn unusable(error: RecordError) -> anyhow::Error {
    match error {
        RecordError::Io { .. } => HostCannot(error.to_string()).into(),
        RecordError::NotAResult { .. }
        | RecordError::SchemaVersion { .. }
        | RecordError::Damaged { .. }
        | RecordError::Exists(_)
        | RecordError::Unwritable { .. } => BadInput(error.to_string()).into(),
    }
}

/// What each label obtained, as its last trial tells; trial.json has it trial by trial.
fn obtained(folder: &RunFolder) -> Value {
    let of = |trial: &TrialRecord| (trial.trial.system.label.clone(), trial.obtained.clone());
    Value::Object(folder.trials().iter().map(of).collect())
}

/// What remains of a run that ended early.
fn kept(folder: &RunFolder, path: &Path) -> String {
    let why = if interrupt::requested() {
        "interrupted"
    } else {
        "ended early"
    };
    format!(
        "{why}: the machine is as it was; {} finished trials are kept in {path}\n\
         finish the run with: experiment resume {path}",
        folder.trials().len(),
        path = path.display()
    )
}

/// Draws what the spec wants drawn.
#[cfg(feature = "figures")]
fn draw(folder: &RunFolder) -> Result<()> {
    interrupt::check()?;
    let figures = crate::specs::figures(&folder.run().spec)?;
    anyhow::Context::with_context(figures::draw(folder.path(), &figures), || {
        format!(
            "every trial is recorded, but drawing failed; draw later with: experiment figures {}",
            folder.path().display()
        )
    })?;
    Ok(())
}

#[cfg(not(feature = "figures"))]
fn draw(_folder: &RunFolder) -> Result<()> {
    Ok(())
}

fn close(folder: &RunFolder, wish: &Wish<'_>) -> Result<Tally> {
    interrupt::check()?;
    let path = folder.path().display();
    let trials = folder.trials().len();
    let [failed, refused] = terminal::failed_and_refused(folder);
    let tally = Tally {
        recorded: trials + folder.probes().len(),
        invalid: folder.trials().iter().filter(|trial| !trial.valid).count(),
        failed,
        refused,
    };
    let invalid = tally.invalid;
    if wish.json {
        println!(
            "{}",
            json!({
                "run": folder.path(),
                "trials": trials,
                "invalid": invalid,
                "failed": failed,
                "refused": refused,
            })
        );
    } else {
        terminal::print_run(folder);
        println!(
            "\n{trials} trials recorded, {invalid} of them invalid; {failed} failed, {refused} refused",
        );
        println!("results  {path}");
        if folder.figures_folder().is_dir() {
            println!("figures  {path}/figures");
        }
        if let Some(line) = tally.refusals(&format!("{path}/failures.csv")) {
            println!("{line}");
        }
        if failed > 0 {
            println!("try what failed once more: experiment resume {path}");
        }
    }
    Ok(tally)
}
