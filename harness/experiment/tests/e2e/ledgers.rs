//! Every ledger closes: no request is lost without a named counter, neither by an idle server nor by
//! one that drowns.

use std::time::Duration;

use anyhow::{Result, ensure};

use crate::bench::Bench;
use crate::case::Case;
use crate::needs::Need;

/// Ten servers, two loads each.
const LIMIT: Duration = Duration::from_secs(150);

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::new(
            "ledgers::close_far_below_saturation",
            &[Need::Veth, Need::Memcached],
            low,
        ),
        Case::new(
            "ledgers::close_far_above_saturation",
            &[Need::Veth, Need::Memcached],
            high,
        ),
    ]
}

/// Every system over every I/O. Spinning owners take a CPU of their own, so there is one.
const SYSTEMS: &str = "
  - {system: rss_shared, label: rss_shared_udp, io: udp}
  - {system: rss_shared, label: rss_shared_xsk, io: af_xdp}
  - {system: sphinx, label: sphinx_udp, io: udp}
  - {system: sphinx, label: sphinx_xsk, io: af_xdp}
  - {system: sphinx, label: sphinx_batched_xsk, io: af_xdp, wakeup: batched}
  - {system: seastar, label: seastar_udp, io: udp, owners: 1}
  - {system: seastar, label: seastar_xsk, io: af_xdp, owners: 1}
  - {system: mica_erew, label: mica_erew_udp, io: udp}
  - {system: mica_erew, label: mica_erew_xsk, io: af_xdp}
  - xdp_steered
  - memcached
";
const SYSTEM_COUNT: usize = 11;

/// `load` is the length of the load, all of it measured.
fn spec(rate: &str, multi_get: u16, load: &str) -> String {
    format!(
        "
name: ledgers
topology: {{kind: veth, queues: 2}}
systems: {SYSTEMS}
workload: {{keys: 1 k, key_size: 16 B, value_size: 64 B, popularity: uniform, get_ratio: 0.9, flows: 1024, multi_get: {multi_get}}}
load: {{rates: [{rate}]}}
phases: {{warmup: 0 s, measure: {load}, timeout: 100 ms}}
floor: false
"
    )
}

fn low(bench: &Bench) -> Result<()> {
    let spec = bench.spec("low", &spec("2 kreq/s", 2, "150 ms"))?;
    let run = bench.run(&spec, LIMIT)?;
    ensure!(
        run.trials.len() == SYSTEM_COUNT,
        "{} trials",
        run.trials.len()
    );
    for trial in &run.trials {
        trial.expect_closed()?;
        trial.expect_sound()?;
    }
    Ok(())
}

fn high(bench: &Bench) -> Result<()> {
    let spec = bench.spec("high", &spec("600 kreq/s", 1, "200 ms"))?;
    let run = bench.run(&spec, LIMIT)?;
    ensure!(
        run.trials.len() == SYSTEM_COUNT,
        "{} trials",
        run.trials.len()
    );
    let mut failures = Vec::new();
    let mut lost = 0;
    for trial in &run.trials {
        if let Err(error) = trial.expect_closed() {
            failures.push(format!("{error:#}"));
        }
        ensure!(
            trial.number("offered")? > 100_000,
            "{}: hardly any load",
            trial.who()
        );
        lost += trial.number("unsent")? + trial.number("timed_out")?;
    }
    ensure!(failures.is_empty(), "{}", failures.join("\n"));
    ensure!(
        lost > 100_000,
        "only {lost} requests were lost: this load saturates nothing"
    );
    Ok(())
}
