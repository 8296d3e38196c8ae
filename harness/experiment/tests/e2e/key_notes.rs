//! Hashes of keys that travel with their packets: they are the keys' own, and what is wrong is seen.

use std::time::Duration;

use anyhow::{Result, ensure};

use crate::bench::{Bench, shipped};
use crate::case::Case;
use crate::known::requests_of_slot;
use crate::needs::Need;
use crate::results::Row;

const MINUTE: Duration = Duration::from_secs(60);
/// The slot that experiments/validation/corrupted-hash.yaml corrupts.
const SLOT: u16 = 77;

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::new("key_notes::reused", &[Need::Veth], reused),
        Case::new("key_notes::of_every_protocol", &[Need::Veth], protocols),
        Case::new("key_notes::corrupted", &[Need::Veth], corrupted),
        Case::new("key_notes::refused", &[], refused),
    ]
}

/// The counters of one trial: reused, checked, disagreed, unnoted; and requests for one key.
fn counted(trial: &Row) -> Result<([u64; 4], u64)> {
    let count = |name| trial.counter("server", name);
    let hashes = [
        count("hashes_reused")?,
        count("hashes_checked")?,
        count("hashes_disagreed")?,
        count("hashes_unnoted")?,
    ];
    Ok((hashes, count("executed_get")? + count("executed_write")?))
}

/// Each key was found, with its own value.
fn right(trial: &Row) -> Result<()> {
    for name in ["misses", "wrong_values"] {
        let count = trial.counter("client", name)?;
        ensure!(count == 0, "{}: {count} {name}", trial.who());
    }
    Ok(())
}

/// Every hash that is checked is the key's, and what is not checked is used.
fn reused(bench: &Bench) -> Result<()> {
    let run = bench.run(&shipped("smoke/hash-reuse.yaml"), MINUTE)?;
    for trial in &run.trials {
        trial.expect_closed()?;
        let (hashes, requests) = counted(trial)?;
        ensure!(requests > 0, "{}: no requests", trial.who());
        let xdp = trial.record()?.trial.system.xdp.unwrap_or_default();
        let expected = match xdp.check_one_in {
            None => [0; 4],
            Some(1) => [0, requests, 0, 0],
            Some(_) => {
                let [reused, checked, ..] = hashes;
                ensure!(
                    0 < checked && checked < reused,
                    "{}: {checked} checked, {reused} reused",
                    trial.who()
                );
                [requests - checked, checked, 0, 0]
            }
        };
        ensure!(
            hashes == expected,
            "{}: {hashes:?}, not {expected:?}",
            trial.who()
        );
        for name in ["misroutes", "handoffs"] {
            let count = trial.number(name)?;
            ensure!(count == 0, "{}: {count} {name}", trial.who());
        }
        right(trial)?;
    }
    ensure!(run.trials.len() == 3, "{} trials", run.trials.len());
    Ok(())
}

/// Binary and meta requests have keys elsewhere; keys of a get of several are hashed by the server.
fn protocols(_: &Bench) -> Result<()> {
    for (protocol, multi_get) in [("binary", 1), ("meta", 1), ("ascii", 4)] {
        let bench = Bench::new()?;
        let spec = bench.spec(
            protocol,
            &format!(
                "
name: {protocol}
topology: {{kind: veth, queues: 2}}
systems: [{{system: xdp_steered, xdp: {{hash_reuse: true, check_one_in: 2}}}}]
workload: {{keys: 1 k, key_size: 24 B, value_size: 64 B, popularity: uniform, get_ratio: 0.7,
           protocol: {protocol}, multi_get: {multi_get}}}
load: {{rates: [2 kreq/s]}}
phases: {{warmup: 0 s, measure: 300 ms, timeout: 100 ms}}
floor: false
"
            ),
        )?;
        let run = bench.run(&spec, MINUTE)?;
        let trial = run.only_trial()?;
        trial.expect_closed()?;
        let ([reused, checked, disagreed, unnoted], _) = counted(trial)?;
        ensure!(
            reused > 0 && checked > 0 && (disagreed, unnoted) == (0, 0),
            "{protocol}: {reused} reused, {checked} checked, {disagreed} wrong, {unnoted} without"
        );
        right(trial)?;
    }
    Ok(())
}

/// A wrong hash is found at every request that has it, no request suffers, and the trial is invalid.
fn corrupted(bench: &Bench) -> Result<()> {
    let run = bench.run(&shipped("validation/corrupted-hash.yaml"), MINUTE)?;
    let trial = run.only_trial()?;
    trial.expect_closed()?;
    let (offered, answered) = (trial.number("offered")?, trial.number("answered")?);
    ensure!(answered == offered, "{answered} of {offered} answered");
    right(trial)?;
    let expected = requests_of_slot(&trial.record()?.trial, SLOT)?;
    ensure!(expected > 0, "slot {SLOT} has no requests");
    let disagreed = trial.counter("server", "hashes_disagreed")?;
    ensure!(
        disagreed == expected,
        "{disagreed} disagreements, but {expected} requests name keys of slot {SLOT}"
    );
    let smells = trial.text("smells")?;
    ensure!(
        trial.text("valid")? == "false" && smells.contains("hashes_disagreed"),
        "wrong hashes make a trial invalid; smells: {smells}"
    );
    Ok(())
}

fn refused(bench: &Bench) -> Result<()> {
    let spec = |system: &str, further: &str| {
        format!(
            "
name: refused
topology: {{kind: veth, queues: 2}}
systems: [{system}]
workload: {{keys: 1 k, key_size: 16 B, value_size: 64 B, popularity: uniform, get_ratio: 1.0}}
load: {{rates: [1 kreq/s]}}
phases: {{warmup: 0 s, measure: 100 ms, timeout: 50 ms}}
{further}"
        )
    };
    let cases = [
        (
            spec("{system: sphinx, io: af_xdp, xdp: {hash_reuse: true}}", ""),
            "`xdp` belongs to xdp_steered",
        ),
        (
            spec("{system: xdp_steered, xdp: {check_one_in: 2}}", ""),
            "there is nothing to check",
        ),
        (
            spec("xdp_steered", "disturb: {corrupt_slot: 3}"),
            "xdp_steered passes none",
        ),
    ];
    for (text, reason) in cases {
        bench.expect_refused(&text, &[reason], MINUTE)?;
    }
    Ok(())
}
