//! The machine is left as it was found, however a run ends, and no finished trial is lost.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::bench::{Bench, Running, shipped};
use crate::case::Case;
use crate::needs::Need;
use crate::results::Run;
use crate::traces::{self, Held, Machine};

const MINUTE: Duration = Duration::from_secs(60);

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::new("restoring::after_success", &[Need::Veth], success),
        Case::new(
            "restoring::after_a_failed_trial",
            &[Need::Veth, Need::Root],
            failure,
        ),
        Case::new("restoring::after_interrupt", &[Need::Veth], interrupt),
        Case::new(
            "restoring::after_interrupt_in_set_up",
            &[Need::Veth],
            interrupt_in_set_up,
        ),
        Case::new("restoring::after_kill", &[Need::Veth], kill_ours),
        Case::new(
            "restoring::after_interrupt_of_frames",
            &[Need::Veth],
            interrupt_frames,
        ),
        Case::new(
            "restoring::after_kill_of_frames",
            &[Need::Veth],
            kill_frames,
        ),
        Case::new(
            "restoring::after_interrupt_of_isolated_slices",
            &[Need::Veth],
            interrupt_isolated,
        ),
        Case::new(
            "restoring::after_kill_of_isolated_slices",
            &[Need::Veth],
            kill_isolated,
        ),
        Case::new(
            "restoring::after_kill_with_memcached",
            &[Need::Veth, Need::Memcached],
            kill_memcached,
        ),
    ]
}

/// Three trials of `system`, long enough to be caught in the middle of one.
fn long(bench: &Bench, system: &str) -> Result<std::path::PathBuf> {
    bench.spec(
        "long",
        &format!(
            "
name: long
topology: {{kind: veth, queues: 2}}
systems: [{system}]
workload: {{keys: 1 k, key_size: 16 B, value_size: 64 B, popularity: uniform, get_ratio: 0.9, flows: 64}}
load: {{rates: [1 kreq/s]}}
phases: {{warmup: 100 ms, measure: 900 ms, timeout: 100 ms}}
blocks: 3
floor: false
"
        ),
    )
}

/// As [`long`], of frames that `netslice` passes on.
fn long_frames(bench: &Bench) -> Result<std::path::PathBuf> {
    bench.spec(
        "long",
        "
name: long
topology: {kind: chain, queues: 2}
traffic: {processor: router, arrivals: fixed, flows: 64}
systems: [netslice]
load: {rates: [1 kframes/s]}
phases: {warmup: 100 ms, measure: 900 ms, timeout: 100 ms}
blocks: 3
",
    )
}

/// As [`long_frames`], by slices that are processes, of which one is killed.
fn long_isolated(bench: &Bench) -> Result<std::path::PathBuf> {
    bench.spec(
        "long",
        "
name: long
topology: {kind: chain, queues: 2}
traffic: {processor: router, arrivals: fixed, flows: 64}
systems: [{system: netslice, isolation: process}]
disturb: {kill_slice: {slice: 0, after: 300 ms}}
load: {rates: [1 kframes/s]}
phases: {warmup: 100 ms, measure: 1500 ms, timeout: 100 ms}
blocks: 3
",
    )
}

fn success(bench: &Bench) -> Result<()> {
    let before = Machine::look()?;
    bench.run(&shipped("smoke/veth.yaml"), MINUTE)?;
    before.expect_restored(bench)?;
    expect_nothing_left(bench)
}

/// memcached passes the preflight and then does not start.
fn failure(bench: &Bench) -> Result<()> {
    let before = Machine::look()?;
    let broken = bench.path("bin");
    fs::create_dir(&broken)?;
    let script = broken.join("memcached");
    fs::write(
        &script,
        "#!/bin/sh\n[ \"$1\" = -V ] && echo memcached 0.0 && exit 0\nexit 71\n",
    )?;
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755))?;
    let path = std::env::var("PATH")?;
    let spec = bench.spec(
        "half-broken",
        "
name: half-broken
topology: {kind: veth, queues: 2}
systems: [xdp_steered, memcached]
workload: {keys: 1 k, key_size: 16 B, value_size: 64 B, popularity: uniform, get_ratio: 0.9}
load: {rates: [1 kreq/s]}
phases: {warmup: 0 s, measure: 200 ms, timeout: 50 ms}
blocks: 2
floor: false
",
    )?;
    let mut command = bench.run_command(&spec, &[]);
    command.env("PATH", format!("{}:{path}", broken.display()));
    let finished = bench.finish(&mut command, MINUTE)?;
    finished.expect_code(1)?;
    finished.expect_told(&["failed: block", "memcached", "exit status: 71"])?;
    before.expect_restored(bench)?;
    let run = bench.only_run()?;
    let systems: Result<Vec<&str>> = run
        .trials
        .iter()
        .map(|trial| trial.text("system"))
        .collect();
    ensure!(
        systems? == ["xdp_steered", "xdp_steered"],
        "the other trials are kept"
    );
    expect_nothing_left(bench)
}

fn interrupt(bench: &Bench) -> Result<()> {
    interrupted(bench, &long(bench, "sphinx")?, CLIENT)
}

fn interrupt_frames(bench: &Bench) -> Result<()> {
    interrupted(bench, &long_frames(bench)?, SENDER)
}

fn interrupt_isolated(bench: &Bench) -> Result<()> {
    interrupted(bench, &long_isolated(bench)?, SENDER)
}

/// Ctrl-C while `load` is at work in the second trial of the spec.
fn interrupted(bench: &Bench, spec: &Path, load: &str) -> Result<()> {
    let before = Machine::look()?;
    let mut running = bench.start(&mut bench.run_command(spec, &[]))?;
    in_the_second_trial(bench, &mut running, load)?;
    running.interrupt()?;
    let finished = running.wait(Duration::from_secs(10))?;
    finished.expect_code(130)?;
    ensure!(
        finished.took < Duration::from_secs(3),
        "it took {:?}",
        finished.took
    );
    before.expect_restored(bench)?;
    finished.expect_told(&["experiment resume"])?;
    expect_resumable(bench, spec)?;
    before.expect_restored(bench)?;
    expect_nothing_left(bench)
}

/// Before anything is measured: wherever the signal falls, what was begun is undone.
fn interrupt_in_set_up(bench: &Bench) -> Result<()> {
    let before = Machine::look()?;
    let spec = long(bench, "xdp_steered")?;
    for delay_ms in [20, 60, 120, 200] {
        let mut running = bench.start(&mut bench.run_command(&spec, &[]))?;
        running.wait_for("host agent", MINUTE, |_| {
            agents(bench)
                .iter()
                .any(|what| what.contains("agent host"))
                .then_some(())
        })?;
        std::thread::sleep(Duration::from_millis(delay_ms));
        running.interrupt()?;
        running.wait(Duration::from_secs(10))?.expect_code(130)?;
        before.expect_restored(bench)?;
    }
    expect_nothing_left(bench)
}

fn kill_ours(bench: &Bench) -> Result<()> {
    kill(bench, &long(bench, "xdp_steered")?, CLIENT)
}

fn kill_frames(bench: &Bench) -> Result<()> {
    kill(bench, &long_frames(bench)?, SENDER)
}

fn kill_isolated(bench: &Bench) -> Result<()> {
    kill(bench, &long_isolated(bench)?, SENDER)
}

fn kill_memcached(bench: &Bench) -> Result<()> {
    kill(bench, &long(bench, "memcached")?, CLIENT)
}

/// SIGKILL to the coordinator while `load` is at work in the second trial of the spec.
fn kill(bench: &Bench, spec: &Path, load: &str) -> Result<()> {
    let before = Machine::look()?;
    let mut running = bench.start(&mut bench.run_command(spec, &[]))?;
    in_the_second_trial(bench, &mut running, load)?;
    let living = bench.processes();
    let mut held = Held::default();
    for (pid, _) in &living {
        traces::held_by(*pid, &mut held);
    }
    // Without these the case would show nothing.
    ensure!(
        living.len() >= 5,
        "too few processes in the middle of a trial: {living:?}"
    );
    ensure!(
        !held.programs.is_empty(),
        "no program is held in the middle of a trial"
    );
    running.kill()?;
    let finished = running.wait(MINUTE)?;
    ensure!(
        finished.status.code().is_none(),
        "{} was not killed",
        finished.status
    );
    before.expect_restored(bench)?;
    for id in held.programs {
        ensure!(
            !crate::bpf::programs()?.contains(&id),
            "eBPF program {id} is still loaded"
        );
    }
    expect_resumable(bench, spec)?;
    before.expect_restored(bench)?;
    expect_nothing_left(bench)
}

fn agents(bench: &Bench) -> Vec<String> {
    bench
        .processes()
        .into_iter()
        .map(|(_, what)| what)
        .collect()
}

/// The agent that drives requests.
const CLIENT: &str = "agent client";
/// The agent that makes frames.
const SENDER: &str = "agent sender";

/// Waits until the first trial is recorded and the second one's `load` is at work.
fn in_the_second_trial(bench: &Bench, running: &mut Running, load: &str) -> Result<()> {
    running.wait_for("first trial", MINUTE, |_| {
        let runs = record::runs_below(&bench.output()).ok()?;
        (!Run::read(runs.first()?).ok()?.trials.is_empty()).then_some(())
    })?;
    running.wait_for("second trial's load", MINUTE, |_| {
        agents(bench)
            .iter()
            .any(|what| what.contains(load))
            .then_some(())
    })?;
    std::thread::sleep(Duration::from_millis(600));
    Ok(())
}

/// What was finished is there, whole and readable; what was not is not there; `--resume` adds the
/// rest and repeats nothing.
fn expect_resumable(bench: &Bench, spec: &Path) -> Result<()> {
    let kept = bench.only_run()?;
    ensure!(
        kept.trials.len() == 1,
        "{} trials were kept",
        kept.trials.len()
    );
    expect_whole(&kept)?;
    let shown = bench.finish(bench.experiment(["show"]).arg(&kept.path), MINUTE)?;
    shown.expect_code(0)?;
    ensure!(
        shown.out.contains(kept.only_trial()?.text("label")?),
        "{}",
        shown.out
    );

    let folder = kept.path.display().to_string();
    let mut resume = bench.run_command(spec, &["--resume", &folder]);
    bench.finish(&mut resume, MINUTE)?.expect_code(0)?;
    let complete = bench.only_run()?;
    expect_whole(&complete)?;
    ensure!(
        complete.trials.len() == 3,
        "{} trials after --resume",
        complete.trials.len()
    );
    let first = kept.only_trial()?;
    let same = complete
        .trials
        .iter()
        .find(|trial| trial.id() == first.id());
    let same = same.context("the finished trial is gone")?;
    ensure!(
        same.text("started")? == first.text("started")?,
        "a finished trial was repeated"
    );
    for trial in &complete.trials {
        trial.expect_closed()?;
    }
    Ok(())
}

/// Every folder of a trial is in the table, with all of its files.
fn expect_whole(run: &Run) -> Result<()> {
    let ids = run.ids();
    let mut found = Vec::new();
    for entry in fs::read_dir(run.path.join("trials"))? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if !name.starts_with('.') {
            found.push(name);
        }
    }
    found.sort();
    let mut expected = ids.clone();
    expected.sort();
    ensure!(found == expected, "folders {found:?}, rows {expected:?}");
    for trial in &run.trials {
        for file in [
            "trial.json",
            "latency.hlog",
            "latency.csv",
            "send_lag.hlog",
            "counters.csv",
        ] {
            let length = fs::metadata(trial.folder().join(file))?.len();
            ensure!(length > 0, "{file} of {} is empty", trial.who());
        }
    }
    Ok(())
}

fn expect_nothing_left(bench: &Bench) -> Result<()> {
    let clean = bench.finish(&mut bench.experiment(["clean", "--dry-run"]), MINUTE)?;
    clean.expect_code(0)?;
    ensure!(
        clean.out.contains("nothing was left behind"),
        "clean finds: {}",
        clean.out
    );
    Ok(())
}
