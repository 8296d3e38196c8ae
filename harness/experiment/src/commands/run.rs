//! `run`: the whole way from specs to results and figures.

use std::path::{Path, PathBuf};

use anyhow::Result;
use record::{RunFolder, RunId, RunRecord, Timestamp, TrialRecord};
use serde_json::{Value, json};
use sys::lock::{LockError, MachineLock};

use crate::cli::RunArgs;
use crate::doctor;
use crate::drive::run::{Tally, drive};
use crate::environment;
use crate::exit::{BadInput, HostCannot, Outcome};
use crate::interrupt;
use crate::specs::{self, Chosen};
use crate::terminal;

/// Runs every spec named, one after the other.
pub(crate) fn run(args: &RunArgs) -> Result<Outcome> {
    let specs = specs::read(&args.spec)?;
    if args.resume.is_some() && specs.len() > 1 {
        return Err(BadInput("--resume takes one spec".to_owned()).into());
    }
    for chosen in &specs {
        doctor::preflight(&chosen.spec)?;
    }
    let _lock = lock(args)?;
    let mut outcome = Outcome::Complete;
    for chosen in &specs {
        if run_one(chosen, args)? == Outcome::Incomplete {
            outcome = Outcome::Incomplete;
        }
    }
    Ok(outcome)
}

fn lock(args: &RunArgs) -> Result<MachineLock> {
    let path = args.lock.clone().unwrap_or_else(MachineLock::default_path);
    let what = std::env::args().collect::<Vec<_>>().join(" ");
    if !args.wait {
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

fn run_one(chosen: &Chosen, args: &RunArgs) -> Result<Outcome> {
    let output = output(chosen, args);
    let output_is_new = !output.exists();
    let mut folder = open_folder(chosen, args)?;
    let path = folder.path().to_path_buf();
    // Only what was made here is given away: an output folder may hold much that is not ours.
    let ours = match path.parent() {
        Some(experiment) if !output_is_new => experiment.to_path_buf(),
        Some(_) | None => output,
    };
    let result = drive(chosen, &mut folder);
    sys::privilege::give_to_user(&ours)?;
    let tally = match result {
        Ok(tally) => tally,
        Err(error) => {
            eprintln!("{}", kept(&folder, &path));
            return Err(error);
        }
    };
    let obtained = obtained(&folder);
    folder.update_run(|run| {
        run.obtained = obtained;
        run.finished = Some(Timestamp::now());
    })?;
    analysis::compare::record_within(&path)?;
    draw(&path)?;
    sys::privilege::give_to_user(&ours)?;
    close(&folder, tally, args)
}

/// Where results go: the spec's word before the command line's.
fn output(chosen: &Chosen, args: &RunArgs) -> PathBuf {
    let named = chosen.spec.output.as_ref();
    named.map_or_else(|| args.output.clone(), PathBuf::from)
}

/// The run's folder: a new one, or the one to be resumed.
fn open_folder(chosen: &Chosen, args: &RunArgs) -> Result<RunFolder> {
    if let Some(path) = &args.resume {
        let folder = RunFolder::resume(path).map_err(|error| BadInput(error.to_string()))?;
        if folder.run().spec != chosen.spec.resolved() {
            return Err(BadInput(format!(
                "{} was made from another spec than {}: repeat it with {}",
                path.display(),
                chosen.file.display(),
                path.join("spec.yaml").display()
            ))
            .into());
        }
        return Ok(folder);
    }
    let started = Timestamp::now();
    let salt = format!("{} {}", std::process::id(), chosen.file.display());
    let mut record = RunRecord::begin(&chosen.spec, RunId::new(started, &salt), started);
    record.git = environment::git();
    record.command = std::env::args().collect();
    record.environment = environment::here()?;
    Ok(RunFolder::create(&output(chosen, args), record)?)
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
         finish the run with: --resume {path}",
        folder.trials().len(),
        path = path.display()
    )
}

#[cfg(feature = "figures")]
fn draw(path: &Path) -> Result<()> {
    interrupt::check()?;
    anyhow::Context::with_context(figures::draw_all(path), || {
        format!("drawing {}", path.display())
    })?;
    Ok(())
}

#[cfg(not(feature = "figures"))]
fn draw(_path: &Path) -> Result<()> {
    Ok(())
}

fn close(folder: &RunFolder, tally: Tally, args: &RunArgs) -> Result<Outcome> {
    interrupt::check()?;
    let path = folder.path().display();
    let invalid = folder.trials().iter().filter(|trial| !trial.valid).count();
    if args.spec.json {
        println!(
            "{}",
            json!({
                "run": folder.path(),
                "trials": folder.trials().len(),
                "invalid": invalid,
                "failed": tally.failed,
                "refused": tally.refused,
            })
        );
    } else {
        terminal::print_run(folder);
        println!(
            "\n{} trials recorded, {invalid} of them invalid; {} could not run, {} refused",
            folder.trials().len(),
            tally.failed,
            tally.refused
        );
        println!("results  {path}\nfigures  {path}/figures");
    }
    let incomplete = tally.failed + tally.refused > 0 || (args.strict && invalid > 0);
    Ok(if incomplete {
        Outcome::Incomplete
    } else {
        Outcome::Complete
    })
}
