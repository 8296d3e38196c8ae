//! The capacity search: it ends with a bracket, keeps every trial, and goes on where it was killed; over requests and over frames.

use std::collections::BTreeSet;
use std::fs;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use record::RunFolder;
use spec::Rate;

use crate::bench::{Bench, shipped};
use crate::case::Case;
use crate::needs::Need;
use crate::results::{Run, table};
use crate::storage::trial_files;

const MINUTES: Duration = Duration::from_secs(150);

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::new(
            "search::killed_and_resumed",
            &[Need::Veth],
            killed_and_resumed,
        ),
        Case::new("search::frames", &[Need::Veth], frames),
    ]
}

/// A bracket needs four rates, each of them tried two or three times.
const COARSE: [&str; 4] = [
    "--set",
    "load.capacity.from=25 kreq/s",
    "--set",
    "load.capacity.precision=100%",
];

fn killed_and_resumed(bench: &Bench) -> Result<()> {
    let spec = shipped("smoke/capacity.yaml");
    let mut running = bench.start(&mut bench.run_command(&spec, &COARSE))?;
    let path = running.wait_for("some trials", MINUTES, |_| {
        let run = record::runs_below(&bench.output()).ok()?.pop()?;
        (Run::read(&run).ok()?.trials.len() >= 4).then_some(run)
    })?;
    running.kill()?;
    running.wait(MINUTES)?;
    let known = trial_files(&path)?;
    let finished = bench.finish(bench.experiment(["resume"]).arg(&path), MINUTES)?;
    finished.expect_code(0)?;
    ensure!(
        finished.out.contains("Highest rate with p50 <= 10 ms"),
        "the closing table does not tell: {}",
        finished.out
    );
    let now = trial_files(&path)?;
    for (file, bytes) in &known {
        ensure!(now.get(file) == Some(bytes), "{} changed", file.display());
    }
    expect_answered(&path)
}

/// A search over frames: every trial's ledger is closed, and what a rate is said to do is what its trials' ledgers say.
fn frames(bench: &Bench) -> Result<()> {
    let spec = shipped("smoke/netslice-capacity.yaml");
    let checked = bench.finish(bench.experiment(["check"]).arg(&spec), MINUTES)?;
    checked.expect_code(0)?;
    for told in [
        "2 capacity searches from 2 kframes/s to 512 kframes/s",
        "in 2 of 3 repeats",
        "the throughput of RFC 1242",
        "sender - router - receiver",
    ] {
        ensure!(checked.out.contains(told), "{told}: {}", checked.out);
    }
    let mut command = bench.run_command(&spec, &["--set", "load.capacity.precision=100%"]);
    let finished = bench.finish(&mut command, MINUTES)?;
    finished.expect_code(0)?;
    ensure!(
        finished.out.contains("Highest rate with no loss"),
        "the closing table does not tell: {}",
        finished.out
    );
    let run = bench.only_run()?;
    for trial in &run.trials {
        trial.expect_closed()?;
    }
    let folder = RunFolder::open(&run.path)?;
    let searches = &folder.run().capacity;
    ensure!(searches.len() == 2, "{} searches", searches.len());
    for search in searches {
        ensure!(search.complete, "{search:?}");
        for rate in &search.rates {
            expect_counted(&folder, rate)?;
        }
    }
    let (_, rows) = table(&run.path.join("capacity.csv"))?;
    for row in rows {
        let Ok(passing) = row["passing_rps"].parse::<f64>() else {
            ensure!(row["passing_payload_gbps"].is_empty(), "{row:?}");
            continue;
        };
        let gbps: f64 = row["passing_payload_gbps"].parse()?;
        // 1514 B have 42 B of headers.
        ensure!(
            (gbps - passing * 1472.0 * 8.0 / 1e9).abs() < 1e-6,
            "{row:?}"
        );
    }
    Ok(())
}

/// Of the repeats of a rate, those passed that lost nothing and those failed that lost something.
fn expect_counted(folder: &RunFolder, rate: &record::RateRecord) -> Result<()> {
    let (mut passed, mut failed, mut invalid) = (0, 0, 0);
    for id in &rate.trials {
        let record = folder.trials().iter().find(|it| it.trial_id == *id);
        let Some(record) = record else {
            invalid += 1;
            continue;
        };
        let (trial, ledger) = (&record.trial, &record.ledger);
        let asked = trial.load.rate();
        ensure!(asked == Some(Rate::frames(rate.rate_rps)), "{asked:?}");
        let seconds = (trial.phases.warmup.to_std() + trial.phases.measure.to_std()).as_secs_f64();
        let due = rate.rate_rps as f64 * seconds;
        ensure!(
            (ledger.offered as f64 - due).abs() <= 1.0,
            "{id} offered {} of {due}",
            ledger.offered
        );
        if !record.valid {
            invalid += 1;
            continue;
        }
        if ledger.answered == ledger.offered {
            passed += 1;
        } else {
            failed += 1;
        }
    }
    ensure!(
        (passed, failed, invalid) == (rate.passed, rate.failed, rate.invalid),
        "{passed} passed, {failed} failed, {invalid} invalid: {rate:?}"
    );
    Ok(())
}

/// Both searches came to an end, all trials belong to one of them, and each bracket follows from the
/// recorded rates.
fn expect_answered(path: &std::path::Path) -> Result<()> {
    let folder = RunFolder::open(path)?;
    let searches = &folder.run().capacity;
    ensure!(searches.len() == 2, "{} searches", searches.len());
    let mut searched = BTreeSet::new();
    for search in searches {
        ensure!(search.complete, "{search:?}");
        let asked = &search.asked;
        for rate in &search.rates {
            let trials = u32::try_from(rate.trials.len())?;
            ensure!(
                trials == rate.passed + rate.failed + rate.invalid,
                "{rate:?}"
            );
            searched.extend(rate.trials.iter().map(ToString::to_string));
        }
        let verdict = |wanted: u64| {
            let rate = search.rates.iter().find(|rate| rate.rate_rps == wanted);
            rate.and_then(|rate| rate.verdict)
                .with_context(|| format!("{wanted} req/s has no verdict"))
        };
        if let Some(low) = search.passing_rps {
            ensure!(verdict(low)? == record::RateVerdict::Passes, "{search:?}");
        }
        if let Some(high) = search.failing_rps {
            ensure!(verdict(high)? != record::RateVerdict::Passes, "{search:?}");
        }
        if let (Some(low), Some(high)) = (search.passing_rps, search.failing_rps) {
            let width = high as f64 / low as f64 - 1.0;
            let wanted = asked.precision().fraction();
            ensure!(width <= wanted, "{low} to {high} is wider than {wanted}");
        }
    }
    let run = Run::read(path)?;
    let recorded: BTreeSet<String> = run.ids().into_iter().collect();
    ensure!(recorded == searched, "{recorded:?} against {searched:?}");
    for trial in &run.trials {
        ensure!(trial.number("offered")? > 0, "{} is empty", trial.who());
    }
    let (_, rows) = table(&path.join("capacity.csv"))?;
    ensure!(rows.iter().all(|row| row["complete"] == "true"), "{rows:?}");
    ensure!(fs::metadata(path.join("figures/capacity.svg"))?.len() > 1000);
    Ok(())
}
