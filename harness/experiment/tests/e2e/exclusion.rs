//! Two runs on one machine at once: refused by name, or one after the other.

use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::bench::{Bench, Running};
use crate::case::Case;
use crate::needs::Need;
use crate::results::Run;

const MINUTE: Duration = Duration::from_secs(60);
/// A refusal does nothing but read a file.
const AT_ONCE: Duration = Duration::from_secs(2);

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::new("exclusion::second_run_is_refused", &[], refused),
        Case::new("exclusion::second_run_waits", &[], waits),
        Case::new("exclusion::killed_run_frees_the_machine", &[], killed),
        Case::new("exclusion::serve_holds_the_machine", &[Need::Veth], serve),
    ]
}

fn spec(name: &str, measure: &str) -> String {
    format!(
        "
name: {name}
topology: {{kind: loopback}}
systems: [{{system: rss_shared, owners: 1}}]
workload: {{keys: 100, key_size: 16 B, value_size: 64 B, popularity: uniform, get_ratio: 0.9, flows: 8}}
load: {{rates: [500 req/s]}}
phases: {{warmup: 0 s, measure: {measure}, timeout: 50 ms}}
"
    )
}

/// A run that holds the lock.
fn first(bench: &Bench, measure: &str) -> Result<Running> {
    let path = bench.spec("first", &spec("first", measure))?;
    let mut running = bench.start(&mut bench.run_command(&path, &[]))?;
    let lock = bench.lock();
    running.wait_for("lock", Duration::from_secs(10), |running| {
        let text = std::fs::read_to_string(&lock).ok()?;
        text.contains(&running.pid().to_string()).then_some(())
    })?;
    Ok(running)
}

fn refused(bench: &Bench) -> Result<()> {
    let running = first(bench, "1500 ms")?;
    let path = bench.spec("second", &spec("second", "100 ms"))?;
    let second = bench.finish(&mut bench.run_command(&path, &[]), MINUTE)?;
    second.expect_code(3)?;
    second.expect_told(&[
        &format!("process {}", running.pid()),
        "first.yaml",
        "--wait",
    ])?;
    ensure!(
        second.took < AT_ONCE,
        "refused after {:?} only",
        second.took
    );
    ensure!(
        !bench.output().join("second").exists(),
        "the refused run left a folder"
    );
    running.wait(MINUTE)?.expect_code(0)?;
    ensure!(!bench.lock().exists(), "the lock file stays");
    Ok(())
}

fn waits(bench: &Bench) -> Result<()> {
    let running = first(bench, "1500 ms")?;
    let path = bench.spec("second", &spec("second", "100 ms"))?;
    let second = bench.start(&mut bench.run_command(&path, &["--wait"]))?;
    running.wait(MINUTE)?.expect_code(0)?;
    let second = second.wait(MINUTE)?;
    second.expect_code(0)?;
    second.expect_told(&[
        "waiting: another experiment holds this machine",
        "first.yaml",
    ])?;
    let runs = record::runs_below(&bench.output())?;
    let of = |name: &str| -> Result<Run> {
        let path = runs
            .iter()
            .find(|path| path.components().any(|part| part.as_os_str() == name));
        Run::read(path.with_context(|| format!("no run of {name} in {runs:?}"))?)
    };
    let (first, second) = (of("first")?, of("second")?);
    let finished = |run: &Run| -> Result<record::TrialRecord> {
        let path = run.only_trial()?.folder().join("trial.json");
        Ok(serde_json::from_slice(&std::fs::read(path)?)?)
    };
    ensure!(
        finished(&second)?.started.system_time() >= finished(&first)?.finished.system_time(),
        "the second run began before the first ended"
    );
    Ok(())
}

/// The lock ends with its holder, whose file stays: the next run takes it over without waiting.
fn killed(bench: &Bench) -> Result<()> {
    let running = first(bench, "5 s")?;
    running.kill()?;
    running.wait(MINUTE)?;
    ensure!(bench.lock().exists(), "a killed process removes nothing");
    let path = bench.spec("second", &spec("second", "100 ms"))?;
    let second = bench.finish(&mut bench.run_command(&path, &[]), MINUTE)?;
    second.expect_code(0)?;
    ensure!(!bench.lock().exists(), "the lock file stays");
    Ok(())
}

/// A server on veth keeps runs away, and frees the machine also when it is killed.
fn serve(bench: &Bench) -> Result<()> {
    let arguments = ["serve", "--system", "sphinx", "--topology", "veth"];
    let mut server = bench.start(&mut bench.experiment(arguments))?;
    server.wait_for("line that begins with `ready`", MINUTE, |server| {
        let printed = server.printed();
        printed
            .lines()
            .any(|line| line.starts_with("ready"))
            .then_some(())
    })?;
    let path = bench.spec("second", &spec("second", "100 ms"))?;
    let refused = bench.finish(&mut bench.run_command(&path, &[]), MINUTE)?;
    refused.expect_code(3)?;
    refused.expect_told(&[&format!("process {}", server.pid()), "experiment serve"])?;
    server.kill()?;
    server.wait(MINUTE)?;
    bench
        .finish(&mut bench.run_command(&path, &[]), MINUTE)?
        .expect_code(0)?;
    // The name of the client's namespace outlives the process that gave it.
    bench
        .finish(&mut bench.experiment(["clean"]), MINUTE)?
        .expect_code(0)
}
