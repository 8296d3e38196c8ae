//! A role that gets stuck is named, ended, and costs its trial only.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rustix::process::{Signal, kill_process};

use crate::bench::{Bench, Running, pid};
use crate::case::Case;
use crate::needs::Need;
use crate::results::Cells;
use crate::traces::Machine;

const MINUTE: Duration = Duration::from_secs(60);

/// So many packets tell that requests are answered.
const SOME: u64 = 100;

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::new("stuck::server", &[Need::Veth], server),
        Case::new("stuck::client", &[Need::Veth], client),
        Case::new(
            "stuck::memcached",
            &[Need::Veth, Need::Memcached],
            memcached,
        ),
    ]
}

/// Two trials of a system, long enough to be caught in the middle.
fn spec(bench: &Bench, system: &str) -> Result<PathBuf> {
    bench.spec(
        "stuck",
        &format!(
            "
name: stuck
topology: {{kind: veth, queues: 2}}
systems: [{system}]
workload: {{keys: 1 k, key_size: 16 B, value_size: 64 B, popularity: uniform, get_ratio: 0.9, flows: 64}}
load: {{rates: [1 kreq/s]}}
phases: {{warmup: 100 ms, measure: 2500 ms, timeout: 100 ms}}
blocks: 2
floor: false
"
        ),
    )
}

fn server(bench: &Bench) -> Result<()> {
    let (stopped, failure) = stop(bench, "xdp_steered", "agent server")?;
    expect_told(
        &failure,
        &[
            &format!("the server agent (process {stopped} on the server host) is stuck"),
            "'measure'",
            "stopped by a signal",
        ],
    )
}

fn client(bench: &Bench) -> Result<()> {
    let (stopped, failure) = stop(bench, "sphinx", "agent client")?;
    expect_told(
        &failure,
        &[
            &format!("the client agent (process {stopped} on the client host) is stuck"),
            "'run'",
            "stopped by a signal",
        ],
    )
}

/// The wrapper answers, what it wraps does not.
fn memcached(bench: &Bench) -> Result<()> {
    let (stopped, failure) = stop(bench, "memcached", "memcached -l")?;
    expect_told(
        &failure,
        &[
            &format!("memcached (process {stopped}) is stuck"),
            "'stats'",
            "stopped by a signal",
        ],
    )
}

/// Stops the first trial's process whose command line has `what`, in the middle of the load; the
/// second trial must be well. Returns the process and the recorded failure.
fn stop(bench: &Bench, system: &str, what: &str) -> Result<(u32, Cells)> {
    let before = Machine::look()?;
    let path = spec(bench, system)?;
    let mut command = bench.run_command(&path, &["--patience", "8 s"]);
    let mut running = bench.start(&mut command)?;
    in_the_middle(bench, &mut running)?;
    let process = bench.process(what).context("the role's process")?;
    kill_process(pid(process)?, Signal::STOP)?;
    let finished = running.wait(MINUTE)?;
    finished.expect_code(1)?;
    finished.expect_told(&["failed: block 1", "is stuck"])?;
    ensure!(
        finished.out.contains("1 failed") && finished.out.contains("is stuck"),
        "the closing table does not tell: {}",
        finished.out
    );
    before.expect_restored(bench)?;
    let failure = only_failure(bench)?;
    Ok((process, failure))
}

/// Waits until requests are under way.
fn in_the_middle(bench: &Bench, running: &mut Running) -> Result<()> {
    running.wait_for("requests", MINUTE, |_| {
        let client = bench.process("agent client")?;
        // Its own network: /proc/PID/net is that of the process's namespace.
        let devices = std::fs::read_to_string(format!("/proc/{client}/net/dev")).ok()?;
        (received(&devices, "client")? > SOME).then_some(())
    })
}

/// Packets received by the device whose name begins with `name`, as /proc/net/dev has them.
fn received(devices: &str, name: &str) -> Option<u64> {
    let line = devices
        .lines()
        .find_map(|line| line.trim_start().strip_prefix(name))?;
    let (_, counters) = line.split_once(':')?;
    counters.split_whitespace().nth(1)?.parse().ok()
}

/// The first trial's failure; the second one is recorded and closed.
fn only_failure(bench: &Bench) -> Result<Cells> {
    let run = bench.only_run()?;
    let trial = run.only_trial()?;
    trial.expect_closed()?;
    ensure!(trial.text("block")? == "2", "the run did not go on");
    let mut failures = run.failures()?;
    ensure!(failures.len() == 1, "{failures:?}");
    Ok(failures.remove(0))
}

fn expect_told(failure: &Cells, texts: &[&str]) -> Result<()> {
    ensure!(failure["status"] == "failed", "{failure:?}");
    ensure!(failure["block"] == "1", "{failure:?}");
    for text in texts {
        ensure!(
            failure["reason"].contains(text),
            "the reason does not say `{text}`: {}",
            failure["reason"]
        );
    }
    Ok(())
}
