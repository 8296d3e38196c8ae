//! The shipped smoke specs, and everything that their results promise.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use record::{Hardware, TrialRecord};

use crate::bench::{Bench, shipped};
use crate::case::Case;
use crate::needs::Need;
use crate::results::{Row, Run, table};

const MINUTE: Duration = Duration::from_secs(60);

/// Columns that every `trials.csv` has in this order; drops stand between `timed_out` and
/// `remainder`.
const COLUMNS: [&str; 38] = [
    "trial_id",
    "block",
    "system",
    "label",
    "io",
    "topology",
    "fidelity",
    "keys",
    "theta",
    "get_ratio",
    "swept",
    "offered_rps",
    "achieved_rps",
    "offered",
    "unsent",
    "sent",
    "answered",
    "timed_out",
    "remainder",
    "p50_ns",
    "p90_ns",
    "p99_ns",
    "p99_9_ns",
    "p99_99_ns",
    "max_ns",
    "mean_ns",
    "send_lag_p99_ns",
    "handoffs",
    "frame_returns",
    "wakeups_app",
    "wakeups_kernel",
    "cross_core_hops",
    "misroutes",
    "cpu_ns_per_request",
    "server_cpu_ns_per_request",
    "client_cpu_ns_per_request",
    "valid",
    "smells",
];

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::new("smoke::loopback", &[Need::Memcached], loopback),
        Case::new("smoke::veth", &[Need::Veth], veth),
        Case::new("smoke::kernel_client_on_veth", &[Need::Veth], kernel_client),
        Case::new("smoke::bpf_statistics", &[Need::Veth], bpf_statistics),
    ]
}

fn loopback(bench: &Bench) -> Result<()> {
    let run = bench.run(&shipped("smoke/loopback.yaml"), MINUTE)?;
    expect_complete(&run, 4)?;
    for trial in &run.trials {
        ensure!(
            trial.text("cpu_ns_per_request")?.is_empty(),
            "{}: on loopback the cost of a request cannot be told from the client's",
            trial.who()
        );
    }
    let (columns, probes) = table(&run.path.join("probes.csv"))?;
    ensure!(
        columns.starts_with(&["cell_id".to_owned(), "mechanism".to_owned()]),
        "{columns:?}"
    );
    let measured: Vec<_> = probes.iter().filter(|row| row["status"] == "ok").collect();
    ensure!(
        !measured.is_empty(),
        "no probe cell was measured: {probes:?}"
    );
    for row in measured {
        let p50: u64 = row["p50_ns"].parse()?;
        ensure!((100..10_000_000_000).contains(&p50), "{row:?}");
    }
    Ok(())
}

fn veth(bench: &Bench) -> Result<()> {
    let run = bench.run(&shipped("smoke/veth.yaml"), MINUTE)?;
    expect_complete(&run, 3)?;
    for trial in &run.trials {
        ensure!(
            !trial.text("cpu_ns_per_request")?.is_empty(),
            "{} has no CPU cost",
            trial.who()
        );
    }
    expect_shown(bench, &run)?;
    if cfg!(feature = "figures") {
        expect_redrawn(bench, &run)?;
    }
    Ok(())
}

/// Ordinary sockets at the client's end; a clsact program chooses the queue that a NIC would.
fn kernel_client(bench: &Bench) -> Result<()> {
    let spec = bench.spec(
        "kernel-client",
        "
name: kernel-client
topology: {kind: veth, queues: 2, client: udp}
systems:
  - {system: xdp_steered, owners: 2}
  - {system: mica_erew, io: af_xdp, owners: 2}
  - {system: sphinx, io: udp, owners: 2}
workload: {keys: 1 k, key_size: 16 B, value_size: 64 B, popularity: uniform, get_ratio: 0.9, flows: 128}
load: {rates: [2 kreq/s]}
phases: {warmup: 50 ms, measure: 300 ms, timeout: 200 ms}
floor: false
",
    )?;
    let run = bench.run(&spec, MINUTE)?;
    expect_complete(&run, 3)?;
    for trial in &run.trials {
        let misroutes = trial.counter("server", "misroutes")?;
        ensure!(misroutes == 0, "{}: {misroutes} misroutes", trial.who());
    }
    Ok(())
}

/// A pass of its own in the warmup; hardware counters are there or their absence is explained.
fn bpf_statistics(bench: &Bench) -> Result<()> {
    let spec = bench.spec(
        "bpf-statistics",
        "
name: bpf-statistics
topology: {kind: veth, queues: 2}
systems: [xdp_steered]
workload: {keys: 1 k, key_size: 16 B, value_size: 64 B, popularity: uniform, get_ratio: 0.9, flows: 128}
load: {rates: [2 kreq/s]}
phases: {warmup: 500 ms, measure: 300 ms, timeout: 200 ms}
bpf_stats: true
floor: false
",
    )?;
    let run = bench.run(&spec, MINUTE)?;
    let trial = run.only_trial()?;
    let record: TrialRecord =
        serde_json::from_slice(&fs::read(trial.folder().join("trial.json"))?)?;
    let steerer = record.programs.iter().find(|one| one.program == "steerer");
    ensure!(
        steerer.is_some_and(|one| one.runs > 100 && one.run_ns > one.runs),
        "programs that ran: {:?}",
        record.programs
    );
    let hardware = record.hardware.context("no word about hardware counters")?;
    for (role, counted) in [("server", hardware.server), ("client", hardware.client)] {
        match counted {
            Hardware::Counted { instructions, .. } => {
                ensure!(instructions > 0, "{role}: not an instruction");
            }
            Hardware::Absent { reason } => {
                ensure!(reason.contains("hardware counter"), "{role}: {reason}");
            }
        }
    }
    Ok(())
}

fn expect_complete(run: &Run, trials: usize) -> Result<()> {
    let promised = run
        .columns
        .iter()
        .filter(|column| COLUMNS.contains(&column.as_str()));
    ensure!(
        promised.map(String::as_str).eq(COLUMNS),
        "columns are missing or in another order: {:?}",
        run.columns
    );
    ensure!(run.trials.len() == trials, "{} trials", run.trials.len());
    for trial in &run.trials {
        trial.expect_closed()?;
        trial.expect_sound()?;
        ensure!(trial.number("answered")? > 0, "{}: no answers", trial.who());
        expect_histogram(trial)?;
    }
    Ok(())
}

/// The interval log holds the distribution that the table summarises.
fn expect_histogram(trial: &Row) -> Result<()> {
    let (count, max) = trial.logged("latency.hlog")?;
    let json: serde_json::Value =
        serde_json::from_slice(&fs::read(trial.folder().join("trial.json"))?)?;
    let answered = json["answered_measured"].as_u64();
    ensure!(
        answered == Some(count) && count > 0,
        "latency.hlog has {count} values, trial.json {answered:?}"
    );
    if let Ok(recorded) = trial.number("max_ns") {
        ensure!(
            u64::try_from(recorded)? == max,
            "maximum {max} in latency.hlog, {recorded} in trials.csv"
        );
    }
    Ok(())
}

fn expect_shown(bench: &Bench, run: &Run) -> Result<()> {
    let shown = bench.finish(bench.experiment(["show"]).arg(&run.path), MINUTE)?;
    shown.expect_code(0)?;
    for trial in &run.trials {
        let label = trial.text("label")?;
        ensure!(
            shown.out.contains(label),
            "show leaves {label} out:\n{}",
            shown.out
        );
    }
    let lines = bench.finish(bench.experiment(["show", "--json"]).arg(&run.path), MINUTE)?;
    lines.expect_code(0)?;
    let parsed: Result<Vec<serde_json::Value>, _> =
        lines.out.lines().map(serde_json::from_str).collect();
    let shown = parsed?;
    let systems = shown
        .iter()
        .filter(|line| line["trial"]["system"]["label"] != "floor");
    ensure!(systems.count() == run.trials.len(), "{}", lines.out);
    Ok(())
}

/// Figures come from the files alone: gone, they come back.
fn expect_redrawn(bench: &Bench, run: &Run) -> Result<()> {
    let folder = run.path.join("figures");
    let drawn = || -> Result<Vec<String>> {
        let mut names: Vec<String> = fs::read_dir(&folder)?
            .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
            .collect::<Result<_>>()?;
        names.sort();
        Ok(names)
    };
    let before = drawn()?;
    // Figures are of valid trials, and a busy hypervisor may leave none.
    let valid = |row: &Row| row.text("valid").is_ok_and(|valid| valid == "true");
    if run.trials.iter().any(valid) {
        for end in ["svg", "png", "csv"] {
            ensure!(
                before.iter().any(|name| name.ends_with(end)),
                "no .{end} in {before:?}"
            );
        }
    }
    fs::remove_dir_all(&folder)?;
    let finished = bench.finish(bench.experiment(["figures"]).arg(&run.path), MINUTE)?;
    finished.expect_code(0)?;
    ensure!(drawn()? == before, "other figures than before: {before:?}");
    Ok(())
}
