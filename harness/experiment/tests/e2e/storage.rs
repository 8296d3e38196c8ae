//! A disk that fills up and a folder that cannot be written: no finished trial is lost.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::bench::{Bench, EXPERIMENT};
use crate::case::Case;
use crate::needs::Need;
use crate::privilege::Guest;
use crate::results::Run;

const MINUTE: Duration = Duration::from_secs(60);
const TRIALS: usize = 8;

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::new(
            "storage::full_disk",
            &[Need::Root, Need::Tool("unshare")],
            full_disk,
        ),
        Case::new("storage::read_only_folder", &[Need::Root], read_only),
        Case::new("storage::output_cannot_be_made", &[Need::Root], no_output),
    ]
}

fn spec(bench: &Bench) -> Result<PathBuf> {
    bench.spec(
        "storage",
        &format!(
            "
name: storage
topology: {{kind: loopback}}
systems: [{{system: rss_shared, owners: 1}}]
workload: {{keys: 100, key_size: 16 B, value_size: 64 B, popularity: uniform, get_ratio: 0.9, flows: 8}}
load: {{rates: [2 kreq/s]}}
phases: {{warmup: 0 s, measure: 200 ms, timeout: 50 ms}}
blocks: {TRIALS}
"
        ),
    )
}

/// In a mount namespace of its own, results go to a file system that is too small for all trials,
/// and is made larger after.
fn full_disk(bench: &Bench) -> Result<()> {
    let spec = spec(bench)?;
    let script = "
set -u
mount -t tmpfs -o size=$SIZE steerbench-test \"$DISK\" || exit 90
\"$EXPERIMENT\" run \"$SPEC\" --output \"$DISK/results\" 2>\"$WORK/first.err\"
echo \"first $?\"
cp -a \"$DISK/results\" \"$WORK/full\"
mount -o remount,size=64m \"$DISK\" || exit 91
\"$EXPERIMENT\" resume \"$DISK\"/results/storage/*
echo \"second $?\"
cp -a \"$DISK/results\" \"$WORK/mended\"
";
    let disk = bench.path("disk");
    fs::create_dir(&disk)?;
    let arguments = ["--mount", "--propagation", "private", "sh", "-c", script];
    let mut command = bench.program("unshare", arguments);
    command
        .env("SIZE", "160k")
        .env("DISK", &disk)
        .env("WORK", bench.path(""))
        .env("SPEC", &spec)
        .env("EXPERIMENT", EXPERIMENT);
    let finished = bench.finish(&mut command, MINUTE)?;
    finished.expect_code(0)?;
    let told = fs::read_to_string(bench.path("first.err"))?;
    for code in ["first 1", "second 0"] {
        ensure!(
            finished.out.lines().any(|line| line == code),
            "no `{code}`: {}\n{told}\n{}",
            finished.out,
            finished.err
        );
    }
    for text in ["No space left on device", "make room", "experiment resume"] {
        ensure!(told.contains(text), "no `{text}`: {told}");
    }
    expect_kept(&bench.path("full"), &bench.path("mended"))
}

/// The run's folder becomes read-only between two trials of an ordinary user.
fn read_only(bench: &Bench) -> Result<()> {
    let guest = Guest::new(bench)?;
    let spec = spec(bench)?.display().to_string();
    let mut running = bench.start(&mut guest.command(bench, &["run", &spec]))?;
    let results = guest.home.join("results");
    let path = running.wait_for("first trial", MINUTE, |_| {
        let runs = record::runs_below(&results).ok()?;
        let run = runs.into_iter().next()?;
        (!Run::read(&run).ok()?.trials.is_empty()).then_some(run)
    })?;
    let folders = [path.clone(), path.join("trials")];
    for folder in &folders {
        fs::set_permissions(folder, fs::Permissions::from_mode(0o555))?;
    }
    let finished = running.wait(MINUTE)?;
    finished.expect_code(1)?;
    let shown = path.file_name().context("a run has a name")?;
    let shown = shown.to_string_lossy();
    finished.expect_told(&["Permission denied", &shown, "--output", "experiment resume"])?;
    let full = bench.path("full");
    copy(&results, &full)?;

    let run = path.display().to_string();
    let refused = bench.finish(&mut guest.command(bench, &["resume", &run]), MINUTE)?;
    refused.expect_code(3)?;
    refused.expect_told(&["Permission denied"])?;
    for folder in &folders {
        fs::set_permissions(folder, fs::Permissions::from_mode(0o755))?;
    }
    bench
        .finish(&mut guest.command(bench, &["resume", &run]), MINUTE)?
        .expect_code(0)?;
    let owner = fs::metadata(&path)?.uid();
    ensure!(owner != 0, "the result belongs to root");
    expect_kept(&full, &results)
}

/// Nothing is started where nothing can be recorded.
fn no_output(bench: &Bench) -> Result<()> {
    let guest = Guest::new(bench)?;
    let spec = spec(bench)?.display().to_string();
    let closed = bench.path("closed");
    fs::create_dir(&closed)?;
    let output = closed.join("results").display().to_string();
    let arguments = ["run", &spec, "--output", &output];
    let finished = bench.finish(&mut guest.command(bench, &arguments), MINUTE)?;
    finished.expect_code(3)?;
    finished.expect_told(&[&output, "Permission denied", "--output"])
}

/// Some trials, but not all, were recorded in `early`; in `late` all are, those of `early` unchanged.
fn expect_kept(early: &Path, late: &Path) -> Result<()> {
    let (early, late) = (only_run(early)?, only_run(late)?);
    let (kept, all) = (trial_files(&early)?, trial_files(&late)?);
    let kept_trials = folders(&early)?.len();
    ensure!(
        (1..TRIALS).contains(&kept_trials),
        "{kept_trials} of {TRIALS} trials were kept: the case shows nothing"
    );
    ensure!(
        folders(&late)?.len() == TRIALS,
        "{:?} after resuming",
        folders(&late)?
    );
    for (file, bytes) in &kept {
        ensure!(
            all.get(file) == Some(bytes),
            "{} was changed or lost",
            file.display()
        );
    }
    let run = Run::read(&late)?;
    ensure!(run.trials.len() == TRIALS, "{} rows", run.trials.len());
    for trial in &run.trials {
        trial.expect_closed()?;
    }
    Ok(())
}

fn only_run(output: &Path) -> Result<PathBuf> {
    let mut runs = record::runs_below(output)?;
    ensure!(runs.len() == 1, "{runs:?}");
    Ok(runs.remove(0))
}

fn folders(run: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(run.join("trials"))? {
        let entry = entry?;
        if !entry.file_name().to_string_lossy().starts_with('.') {
            found.push(entry.path());
        }
    }
    Ok(found)
}

/// Every file of every finished trial, by its path in the run.
pub(crate) fn trial_files(run: &Path) -> Result<BTreeMap<PathBuf, Vec<u8>>> {
    let mut files = BTreeMap::new();
    for folder in folders(run)? {
        for entry in fs::read_dir(&folder)? {
            let file = entry?.path();
            let name = file.strip_prefix(run)?.to_path_buf();
            files.insert(name, fs::read(&file)?);
        }
    }
    Ok(files)
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), &target)?;
        }
    }
    Ok(())
}
