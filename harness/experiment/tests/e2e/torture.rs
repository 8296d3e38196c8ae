//! kill -9 at random instants: the run is finished in the end, nothing is lost, nothing is left behind.
//!
//! A few points in the ordinary tests; `cargo xtask torture` takes as many as asked and prints what it
//! saw. The instants are drawn from a seed. One in three is not a time but an event: the first sight
//! of an unfinished file or folder, which is when a process that replaces files is most easily hurt.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::bench::{Bench, Running};
use crate::case::Case;
use crate::needs::Need;
use crate::results::Run;
use crate::storage::trial_files;
use crate::traces::Machine;

const MINUTE: Duration = Duration::from_secs(60);
/// How many points, and which seed they are drawn from.
const POINTS: &str = "STEERBENCH_TORTURE_POINTS";
const SEED: &str = "STEERBENCH_TORTURE_SEED";
/// A whole run takes about this long; kills fall within it.
const SPAN_MS: u64 = 4_000;

pub(crate) fn cases() -> Vec<Case> {
    vec![Case::new("torture::kill_at_random", &[Need::Veth], torture)]
}

const SPEC: &str = "
name: torture
topology: {kind: veth, queues: 2}
systems: [xdp_steered, sphinx]
workload: {keys: 1 k, key_size: 16 B, value_size: 64 B, popularity: uniform, get_ratio: 0.9, flows: 64}
load: {rates: [1 kreq/s]}
phases: {warmup: 20 ms, measure: 150 ms, timeout: 50 ms}
blocks: 2
figures: [ledger]
";

fn number(name: &str, otherwise: u64) -> Result<u64> {
    match std::env::var(name) {
        Ok(text) => text
            .parse()
            .with_context(|| format!("{name}={text} is no number")),
        Err(_) => Ok(otherwise),
    }
}

/// What happened so far.
#[derive(Debug, Default)]
struct Tally {
    kills: u64,
    /// Of them, while files were being replaced.
    replacing: u64,
    /// Kills that came before the run had a folder.
    before_the_folder: u64,
    /// Starts that were not killed in time.
    ended_first: u64,
    runs_finished: u64,
    /// Files compared before and after a kill and what followed.
    files_compared: usize,
}

fn torture(bench: &Bench) -> Result<()> {
    let points = number(POINTS, 4)?;
    let seed = number(SEED, 1)?;
    let mut draws = Draws(seed);
    let before = Machine::look()?;
    let spec = bench.spec("torture", SPEC)?;
    let mut expected: Option<BTreeSet<String>> = None;
    let mut tally = Tally::default();
    while tally.kills < points {
        let mut run: Option<PathBuf> = None;
        // Attempts at one run, each killed, until one comes to the end.
        loop {
            let known = known_files(run.as_deref())?;
            let mut running = start(bench, &spec, run.as_deref())?;
            let killed = if tally.kills < points {
                kill_somewhere(bench, &mut running, &mut draws, &mut tally)?
            } else {
                false
            };
            let finished = running.wait(MINUTE)?;
            before.expect_restored(bench)?;
            run = newest(bench)?.or(run);
            expect_unchanged(run.as_deref(), &known, &mut tally)?;
            if !killed {
                finished.expect_code(0)?;
                break;
            }
        }
        let run = run.context("the run that ended has a folder")?;
        let trials = complete(&run)?;
        let first = expected.get_or_insert_with(|| trials.clone());
        ensure!(*first == trials, "{trials:?} instead of {first:?}");
        tally.runs_finished += 1;
        fs::remove_dir_all(bench.output())?;
    }
    println!("torture, seed {seed}: {tally:?}");
    ensure!(
        tally.files_compared > 0,
        "no kill left a finished trial behind: the case shows nothing"
    );
    Ok(())
}

/// A new run, or the rest of one.
fn start(bench: &Bench, spec: &Path, run: Option<&Path>) -> Result<Running> {
    match run {
        None => bench.start(&mut bench.run_command(spec, &[])),
        Some(run) => bench.start(bench.experiment(["resume"]).arg(run)),
    }
}

/// Kills the process at the next instant drawn; false when it ended before.
fn kill_somewhere(
    bench: &Bench,
    running: &mut Running,
    draws: &mut Draws,
    tally: &mut Tally,
) -> Result<bool> {
    let deadline = Instant::now() + Duration::from_millis(draws.below(SPAN_MS));
    let on_sight = draws.below(3) == 0;
    let mut seen = false;
    // A glance at the folder takes far less time than the writing of a trial's files.
    while !seen && (on_sight || Instant::now() < deadline) {
        if !running.alive()? {
            tally.ended_first += 1;
            return Ok(false);
        }
        if on_sight && Instant::now() >= deadline {
            seen = unfinished(&bench.output())?;
        } else {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
    if !running.alive()? {
        tally.ended_first += 1;
        return Ok(false);
    }
    running.kill()?;
    tally.kills += 1;
    tally.replacing += u64::from(seen);
    tally.before_the_folder += u64::from(newest(bench)?.is_none());
    Ok(true)
}

/// Whether something below `folder` is being written.
fn unfinished(folder: &Path) -> Result<bool> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Ok(false);
    };
    for entry in entries.flatten() {
        if entry
            .file_name()
            .to_string_lossy()
            .starts_with(".unfinished-")
        {
            return Ok(true);
        }
        if entry.path().is_dir() && unfinished(&entry.path())? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn newest(bench: &Bench) -> Result<Option<PathBuf>> {
    Ok(record::runs_below(&bench.output())?.pop())
}

type Files = std::collections::BTreeMap<PathBuf, Vec<u8>>;

fn known_files(run: Option<&Path>) -> Result<Files> {
    run.map_or_else(|| Ok(Files::new()), trial_files)
}

/// Every file of a finished trial that was there before is there now, byte by byte.
fn expect_unchanged(run: Option<&Path>, known: &Files, tally: &mut Tally) -> Result<()> {
    let now = known_files(run)?;
    for (file, bytes) in known {
        ensure!(
            now.get(file) == Some(bytes),
            "{} was changed or lost",
            file.display()
        );
    }
    tally.files_compared += known.len();
    Ok(())
}

/// Names of the trials of a run that ended; each closed, none failed, no litter.
fn complete(path: &Path) -> Result<BTreeSet<String>> {
    let run = Run::read(path)?;
    ensure!(run.failures()?.is_empty(), "{:?}", run.failures()?);
    for trial in &run.trials {
        trial.expect_closed()?;
    }
    ensure!(
        !unfinished(path)?,
        "unfinished files stay in {}",
        path.display()
    );
    Ok(run.ids().into_iter().collect())
}

/// SplitMix64 (Steele, Lea and Flood, OOPSLA 2014): the same instants for the same seed.
struct Draws(u64);

impl Draws {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % limit
    }
}
