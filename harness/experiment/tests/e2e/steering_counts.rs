//! How often requests change threads: never where XDP steers, as probability says where software
//! does.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Result, bail, ensure};

use crate::bench::Bench;
use crate::case::Case;
use crate::needs::Need;

const LIMIT: Duration = Duration::from_secs(120);
/// The number of requests that the paper's claim is tested with.
const MILLION: u64 = 1_000_000;
/// A machine that does not keep up with a case's rate makes up for it by more runs.
const MOST_RUNS: usize = 6;

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::new("steering::xdp_never_misroutes", &[Need::Veth], xdp),
        Case::new("steering::sphinx_hands_off_half", &[Need::Veth], sphinx),
    ]
}

fn xdp(_: &Bench) -> Result<()> {
    let mut executed = 0;
    for _ in 0..MOST_RUNS {
        let bench = Bench::new()?;
        let spec = bench.spec(
            "million",
            "
name: million
topology: {kind: veth, queues: 2}
systems: [xdp_steered]
workload: {keys: 100 k, key_size: 16 B, value_size: 64 B, popularity: {zipf: 0.99}, get_ratio: 0.95, flows: 1024}
load: {rates: [60 kreq/s]}
phases: {warmup: 0 s, measure: 8750 ms, timeout: 100 ms}
blocks: 2
floor: false
",
        )?;
        for trial in &bench.run(&spec, LIMIT)?.trials {
            trial.expect_closed()?;
            executed += trial.counter("server", "requests_executed")?;
            for name in ["misroutes", "handoffs"] {
                let count = trial.counter("server", name)?;
                ensure!(count == 0, "{}: {count} {name}", trial.who());
            }
        }
        if executed >= MILLION {
            return Ok(());
        }
    }
    bail!("only {executed} requests reached the server in {MOST_RUNS} runs")
}

/// With K owners and uniform keys a request arrives at its owner's thread once in K times. 160 k
/// requests put 1% at 4 standard deviations.
fn sphinx(_: &Bench) -> Result<()> {
    const ENOUGH: u64 = 160_000;
    // Requests executed and handed off, by label.
    let mut seen: BTreeMap<String, [u64; 2]> = BTreeMap::new();
    for _ in 0..MOST_RUNS {
        let bench = Bench::new()?;
        let spec = bench.spec(
            "halves",
            "
name: halves
topology: {kind: veth, queues: 2}
systems:
  - {system: sphinx, label: sphinx_udp, io: udp, owners: 2}
  - {system: sphinx, label: sphinx_xsk, io: af_xdp, owners: 2}
workload: {keys: 100 k, key_size: 16 B, value_size: 64 B, popularity: uniform, get_ratio: 1.0, flows: 1024}
load: {rates: [25 kreq/s]}
phases: {warmup: 0 s, measure: 7 s, timeout: 100 ms}
floor: false
",
        )?;
        let run = bench.run(&spec, LIMIT)?;
        ensure!(run.trials.len() == 2, "{} trials", run.trials.len());
        for trial in &run.trials {
            trial.expect_closed()?;
            let misroutes = trial.counter("server", "misroutes")?;
            ensure!(misroutes == 0, "{}: {misroutes} misroutes", trial.who());
            let [executed, handoffs] = seen.entry(trial.text("label")?.to_owned()).or_default();
            *executed += trial.counter("server", "requests_executed")?;
            *handoffs += trial.counter("server", "handoffs")?;
        }
        if seen.values().all(|[executed, _]| *executed >= ENOUGH) {
            break;
        }
    }
    for (label, [executed, handoffs]) in seen {
        ensure!(executed >= ENOUGH, "{label}: only {executed} requests");
        let share = handoffs as f64 / executed as f64;
        ensure!(
            (share / 0.5 - 1.0).abs() < 0.01,
            "{label}: {share} of the requests were handed off"
        );
    }
    Ok(())
}
