//! Work that is injected into the steering program: it is there, it is recorded, and no decision changes.

use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::bench::{Bench, shipped};
use crate::case::Case;
use crate::needs::Need;
use crate::results::Row;

const MINUTE: Duration = Duration::from_secs(60);

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::new("slow_nic::decides_alike", &[Need::Veth], decides_alike),
        Case::new("slow_nic::queues_are_swept", &[Need::Veth], swept),
        Case::new("slow_nic::refused", &[], refused),
    ]
}

/// Nanoseconds obtained and asked for, as recorded.
fn recorded(trial: &Row) -> Result<Option<(u64, u64)>> {
    let record = trial.record()?;
    let Some(told) = record.obtained["server steering cost"].as_str() else {
        return Ok(None);
    };
    let numbers: Vec<u64> = told
        .split_whitespace()
        .filter_map(|word| word.parse().ok())
        .collect();
    match numbers[..] {
        [obtained, asked, rounds] if rounds > 0 => Ok(Some((obtained, asked))),
        _ => Err(anyhow::anyhow!("`{told}` says no cost")),
    }
}

/// What each owner was sent.
fn decisions(trial: &Row) -> Result<Vec<u64>> {
    let owners = trial.record()?.trial.system.owners;
    (0..owners)
        .map(|owner| trial.counter("server", &format!("xdp_redirected_{owner}")))
        .collect()
}

fn decides_alike(bench: &Bench) -> Result<()> {
    let run = bench.run(&shipped("smoke/slow-nic.yaml"), MINUTE)?;
    ensure!(run.trials.len() == 3, "{} trials", run.trials.len());
    let mut all = Vec::new();
    for trial in &run.trials {
        trial.expect_closed()?;
        let (unsent, drops) = (trial.number("unsent")?, trial.number("timed_out")?);
        ensure!(
            (unsent, drops) == (0, 0),
            "{}: {unsent} unsent, {drops} lost",
            trial.who()
        );
        let misroutes = trial.counter("server", "misroutes")?;
        ensure!(misroutes == 0, "{}: {misroutes} misroutes", trial.who());
        let asked = trial.record()?.trial.system.xdp.and_then(|xdp| xdp.cost);
        let recorded = recorded(trial)?;
        match asked {
            None => ensure!(recorded.is_none(), "{}: {recorded:?}", trial.who()),
            Some(asked) => {
                let (obtained, told) = recorded.context("the cost is recorded")?;
                let asked = asked.as_nanos();
                ensure!(told == asked && obtained > 0, "{obtained} of {told}");
            }
        }
        all.push(decisions(trial)?);
    }
    let first = all.first().context("trials")?;
    ensure!(
        all.iter().all(|decided| decided == first) && first.iter().all(|sent| *sent > 0),
        "decisions differ with the cost: {all:?}"
    );
    Ok(())
}

/// Queues are swept under owners that stay as many.
fn swept(bench: &Bench) -> Result<()> {
    let spec = bench.spec(
        "swept",
        "
name: swept
topology: {kind: veth, queues: 2}
systems: [{system: xdp_steered, owners: 2, xdp: {hash_reuse: true}}]
workload: {keys: 1 k, key_size: 16 B, value_size: 64 B, popularity: uniform, get_ratio: 1.0}
sweep: {queues: [1, 3], steering_cost: [0 ns, 1 us]}
load: {rates: [1 kreq/s]}
phases: {warmup: 0 s, measure: 200 ms, timeout: 100 ms}
floor: false
",
    )?;
    let run = bench.run(&spec, MINUTE)?;
    let mut seen = Vec::new();
    for trial in &run.trials {
        trial.expect_closed()?;
        let recorded_trial = trial.record()?.trial;
        ensure!(recorded_trial.system.owners == 2, "owners are not swept");
        let xdp = recorded_trial
            .system
            .xdp
            .context("what is not swept stays")?;
        ensure!(xdp.hash_reuse, "what is not swept stays");
        ensure!(
            recorded(trial)?.is_some() == xdp.cost.is_some(),
            "{}: a cost is recorded where there is one",
            trial.who()
        );
        let cost = xdp.cost.map_or(0, spec::Duration::as_nanos);
        seen.push((recorded_trial.topology.queues, cost));
    }
    seen.sort_unstable();
    ensure!(seen == [(1, 0), (1, 1_000), (3, 0), (3, 1_000)], "{seen:?}");
    Ok(())
}

fn refused(bench: &Bench) -> Result<()> {
    let spec = |systems: &str, sweep: &str| {
        format!(
            "
name: refused
topology: {{kind: veth, queues: 2}}
systems: [{systems}]
workload: {{keys: 1 k, key_size: 16 B, value_size: 64 B, popularity: uniform, get_ratio: 1.0}}
load: {{rates: [1 kreq/s]}}
phases: {{warmup: 0 s, measure: 100 ms, timeout: 50 ms}}
{sweep}
"
        )
    };
    let cases = [
        (
            spec("{system: xdp_steered, xdp: {cost: 1 ms}}", ""),
            "a steering decision: at most",
        ),
        (
            spec("sphinx", "sweep: {steering_cost: [0 ns, 1 us]}"),
            "has no XDP program that could be slowed",
        ),
        (
            spec(
                "{system: rss_shared, io: af_xdp, owners: 2}",
                "sweep: {queues: [1, 2]}",
            ),
            "`sweep.queues` is 1",
        ),
    ];
    for (text, reason) in cases {
        bench.expect_refused(&text, &[reason], MINUTE)?;
    }
    Ok(())
}
