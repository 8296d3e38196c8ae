//! Responses kept in XDP: an expensive call is computed a few times and then answered without the server, a cheap one never
//! is, no value is wrong, and every request is in a line of the ledger.

use std::time::Duration;

use anyhow::{Result, ensure};

use crate::bench::{Bench, shipped};
use crate::case::Case;
use crate::needs::Need;
use crate::results::Row;

const LIMIT: Duration = Duration::from_secs(60);

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::new("responses::written_meanwhile", &[Need::Veth], written),
        Case::new("responses::computed", &[Need::Veth], computed),
    ]
}

/// What the cache answered is what the server did not execute; the values are the last ones that were set.
fn written(bench: &Bench) -> Result<()> {
    let run = bench.run(&shipped("smoke/response-cache.yaml"), LIMIT)?;
    ensure!(run.trials.len() == 4, "{} trials", run.trials.len());
    for trial in &run.trials {
        let who = trial.who();
        expect_right(trial)?;
        let executed = trial.counter("server", "requests_executed")?;
        let sent = trial.number("sent")? as u64;
        let ratio = trial.text("cache_hit_ratio")?;
        if trial.text("label")? == "plain" {
            ensure!(executed == sent, "{who}: {executed} executed of {sent}");
            ensure!(ratio.is_empty(), "{who}: a hit ratio of {ratio}");
            continue;
        }
        let of = |what: &str| trial.counter("server", &format!("responses_{what}"));
        let (hits, gets, writes) = (of("hits")?, of("gets_passed")?, of("writes_passed")?);
        ensure!(
            hits + executed == sent && executed == gets + writes,
            "{who}: {hits} hits, {executed} executed, {gets} gets and {writes} writes went on, of {sent}"
        );
        let (cheap, ratio) = (trial.text("label")? == "cheap", ratio.parse::<f64>()?);
        ensure!(
            (0.0..1.0).contains(&ratio) && (ratio == 0.0) == cheap,
            "{who}: a hit ratio of {ratio}"
        );
        if cheap {
            let admitted = of("admitted")?;
            ensure!(hits + admitted == 0, "{who}: {hits} hits, {admitted} kept");
            continue;
        }
        for what in ["hits", "stale", "renewed"] {
            let count = of(what)?;
            ensure!(count > 0, "{who}: no {what}");
        }
    }
    Ok(())
}

/// Nothing changes what was computed: once each call has been made a few times the server has nothing to do, until the
/// responses expire.
fn computed(bench: &Bench) -> Result<()> {
    let spec = bench.spec(
        "computed",
        "
name: computed
topology: {kind: veth, queues: 2}
systems:
  - {system: xdp_steered, label: lasting, owners: 2, response_cache: {min_cost: 100 us, ttl: 1 min}}
  - {system: xdp_steered, label: expiring, owners: 2, response_cache: {min_cost: 100 us, ttl: 100 ms}}
  - {system: xdp_steered, label: few, owners: 2, response_cache: {entries: 4, min_cost: 100 us, ttl: 1 min}}
workload: {protocol: rpc, calls: compute, keys: 10, key_size: 16 B, value_size: 64 B, popularity: uniform, get_ratio: 0.5, flows: 64, service: {fixed: 200 us}}
load: {rates: [1 kreq/s]}
phases: {warmup: 700 ms, measure: 700 ms, timeout: 200 ms}
floor: false
",
    )?;
    let run = bench.run(&spec, LIMIT)?;
    for trial in &run.trials {
        let (who, label) = (trial.who(), trial.text("label")?);
        expect_right(trial)?;
        let of = |what: &str| trial.counter("server", &format!("responses_{what}"));
        let (hits, expired, entries) = (of("hits")?, of("expired")?, of("entries")?);
        let executed = trial.counter("server", "requests_executed")?;
        let sent = trial.number("sent")? as u64;
        ensure!(
            hits + executed == sent,
            "{who}: {hits} hits, {executed} executed, of {sent}"
        );
        match label {
            // 20 calls, each executed twice at least.
            "lasting" => ensure!(
                executed * 4 < sent && expired == 0 && entries == 20,
                "{who}: {executed} of {sent} executed, {expired} expired, {entries} kept"
            ),
            "expiring" => ensure!(
                hits > 0 && executed > 100,
                "{who}: {hits} hits, {executed} executed"
            ),
            _ => ensure!(
                hits > 0 && entries == 4,
                "{who}: {hits} hits, {entries} kept"
            ),
        }
    }
    Ok(())
}

/// The ledger closes, all is answered and understood.
fn expect_right(trial: &Row) -> Result<()> {
    trial.expect_closed()?;
    let who = trial.who();
    let unanswered = trial.number("timed_out")? + trial.number("unsent")?;
    ensure!(unanswered == 0, "{who}: {unanswered} without an answer");
    for name in ["errors", "malformed", "wrong_values", "misses"] {
        let count = trial.counter("client", name)?;
        ensure!(count == 0, "{who}: {count} {name}");
    }
    Ok(())
}
