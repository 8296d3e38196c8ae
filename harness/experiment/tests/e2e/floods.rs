//! Loads that no schedule paces: a drain of what waits in the sockets, and a generator that saturates.

use std::time::Duration;

use anyhow::{Result, ensure};

use crate::bench::{Bench, shipped};
use crate::case::Case;
use crate::needs::Need;

const TWO_MINUTES: Duration = Duration::from_secs(120);

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::new("floods::drain", &[Need::Veth], drain),
        Case::new("floods::drain_of_kernel_sockets", &[], loopback),
        Case::new("floods::saturate", &[Need::Veth], saturate),
    ]
}

fn drain(bench: &Bench) -> Result<()> {
    let run = bench.run(&shipped("smoke/drain.yaml"), TWO_MINUTES)?;
    ensure!(run.trials.len() == 4, "{} trials", run.trials.len());
    for trial in &run.trials {
        trial.expect_closed()?;
        let who = trial.who();
        for column in ["offered_rps", "p50_ns", "send_lag_p99_ns"] {
            ensure!(
                trial.text(column)?.is_empty(),
                "{who}: {column} is not empty"
            );
        }
        let float = |column: &str| -> Result<f64> { Ok(trial.text(column)?.parse()?) };
        let (load, drain, both) = (
            float("load_cpu_ns_per_request")?,
            float("drain_cpu_ns_per_request")?,
            float("cpu_ns_per_request")?,
        );
        ensure!(load > 0.0 && drain > 0.0, "{who}: {load} and {drain} ns");
        ensure!(
            (load + drain - both).abs() < 0.5,
            "{who}: {load} + {drain} is not {both} ns"
        );
        ensure!(
            !trial.text("foreign_cpus")?.is_empty(),
            "{who}: nobody watched for competing load"
        );
        let drain_ns = trial.number("drain_ns")?;
        ensure!(drain_ns > 0, "{who}: the drain took no time");
        let idle_ns = trial.number("first_idle_ns")?;
        ensure!(
            (1..=drain_ns).contains(&idle_ns),
            "{who}: the first owner was idle after {idle_ns} ns of {drain_ns}"
        );
        let sent = trial.number("sent")?;
        ensure!(sent == 20_000, "{who}: {sent} of 20000 requests were sent");
        // Nothing was lost on the way in: the sockets were made for it.
        let executed = trial.number("requests_executed")?;
        ensure!(executed == sent, "{who}: {executed} requests were executed");
    }
    Ok(())
}

fn loopback(bench: &Bench) -> Result<()> {
    let spec = bench.spec(
        "drain-loopback",
        "
name: drain-loopback
topology: {kind: loopback}
systems: [{system: rss_shared, owners: 2}, {system: mica_erew, owners: 2}]
workload: {keys: 1 k, key_size: 16 B, value_size: 64 B, popularity: uniform, get_ratio: 0.9, flows: 64}
load: {drain: [2 k]}
phases: {warmup: 0 s, measure: 100 ms, timeout: 200 ms}
",
    )?;
    let run = bench.run(&spec, TWO_MINUTES)?;
    ensure!(run.trials.len() == 2, "{} trials", run.trials.len());
    for trial in &run.trials {
        trial.expect_closed()?;
        let (answered, offered) = (trial.number("answered")?, trial.number("offered")?);
        ensure!(
            answered == offered,
            "{}: {answered} of {offered}",
            trial.who()
        );
        ensure!(trial.text("load_cpu_ns_per_request")?.is_empty());
    }
    Ok(())
}

fn saturate(bench: &Bench) -> Result<()> {
    let run = bench.run(&shipped("smoke/saturate.yaml"), TWO_MINUTES)?;
    ensure!(run.trials.len() == 3, "{} trials", run.trials.len());
    for trial in &run.trials {
        trial.expect_closed()?;
        let who = trial.who();
        for column in ["offered_rps", "p50_ns", "send_lag_p99_ns"] {
            ensure!(
                trial.text(column)?.is_empty(),
                "{who}: {column} is not empty"
            );
        }
        let number = |column| trial.number(column);
        let (offered, answered) = (number("offered")?, number("answered")?);
        // Far more than a paced client offers in 0.4 s, and more than anybody serves here.
        ensure!(
            offered > 200_000,
            "{who}: only {offered} requests were made"
        );
        ensure!(
            answered > 0 && answered < offered,
            "{who}: {answered} of {offered}"
        );
        // The emulated NIC's choice of queue holds: who owns by port or by key is not misfed.
        let misroutes = trial.counter("server", "misroutes")?;
        ensure!(misroutes == 0, "{who}: {misroutes} misroutes");
        let hits = trial.counter("client", "hits")?;
        ensure!(hits > 0, "{who}: no get found its key");
        let misses = trial.counter("client", "misses")?;
        ensure!(
            misses == 0,
            "{who}: {misses} gets of preloaded keys found nothing"
        );
    }
    Ok(())
}
