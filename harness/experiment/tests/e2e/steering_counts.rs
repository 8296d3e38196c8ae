//! How often requests change threads: never where XDP steers, as probability says where software
//! does.

use std::time::Duration;

use anyhow::{Result, ensure};

use crate::bench::Bench;
use crate::case::Case;
use crate::needs::Need;

const LIMIT: Duration = Duration::from_secs(120);
/// The number of requests that the paper's claim is tested with.
const MILLION: u64 = 1_000_000;

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::new("steering::xdp_never_misroutes", &[Need::Veth], xdp),
        Case::new("steering::sphinx_hands_off_half", &[Need::Veth], sphinx),
    ]
}

fn xdp(bench: &Bench) -> Result<()> {
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
    let run = bench.run(&spec, LIMIT)?;
    let mut executed = 0;
    for trial in &run.trials {
        trial.expect_closed()?;
        executed += trial.counter("server", "requests_executed")?;
        for name in ["misroutes", "handoffs"] {
            let count = trial.counter("server", name)?;
            ensure!(count == 0, "{}: {count} {name}", trial.who());
        }
    }
    ensure!(
        executed >= MILLION,
        "only {executed} requests reached the server"
    );
    Ok(())
}

/// With K owners and uniform keys a request arrives at its owner's thread once in K times. 170 k
/// requests put 1% at more than 4 standard deviations.
fn sphinx(bench: &Bench) -> Result<()> {
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
        let executed = trial.counter("server", "requests_executed")?;
        ensure!(
            executed >= 160_000,
            "{}: only {executed} requests",
            trial.who()
        );
        let share = trial.counter("server", "handoffs")? as f64 / executed as f64;
        ensure!(
            (share / 0.5 - 1.0).abs() < 0.01,
            "{}: {share} of the requests were handed off",
            trial.who()
        );
        let misroutes = trial.counter("server", "misroutes")?;
        ensure!(misroutes == 0, "{}: {misroutes} misroutes", trial.who());
    }
    Ok(())
}
