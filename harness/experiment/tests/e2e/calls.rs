//! Calls in place of memcached's requests: each goes to the owner of what steers it, counted call by call.

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use model::{Op, tenant_of};
use spec::{Calls, SteerBy};
use steering::{PartitionTable, hash_bytes};

use crate::bench::{Bench, shipped};
use crate::case::Case;
use crate::needs::Need;
use crate::results::{Row, Run};
use crate::schedules::schedule_of;

const LIMIT: Duration = Duration::from_secs(60);

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::new("calls::steered", &[Need::Veth], steered),
        Case::new("calls::functions_have_owners", &[Need::Veth], functions),
        Case::new("calls::counters", &[Need::Veth], counters),
    ]
}

/// XDP steers every call by key, by tenant or by function, to the owner that the schedule says. By key and
/// by tenant nothing changes threads; by function items do, which belong to their keys' owners.
fn steered(bench: &Bench) -> Result<()> {
    let run = bench.run(&shipped("smoke/rpc.yaml"), LIMIT)?;
    ensure!(run.trials.len() == 5, "{} trials", run.trials.len());
    for trial in &run.trials {
        expect_answered(trial)?;
        expect_values(trial)?;
        expect_several_owners(trial)?;
        let (label, handed) = (trial.text("label")?, trial.text("handoffs")?);
        match label {
            "by_key" | "by_tenant" => {
                expect_owners(trial)?;
                ensure!(handed == "0", "{label}: {handed} handed off");
            }
            "by_function" => {
                expect_owners(trial)?;
                // Of 700 calls 0.1 are 5 standard deviations.
                let share =
                    handed.parse::<f64>()? / trial.counter("server", "requests_executed")? as f64;
                ensure!(share > 0.2, "{label}: {share} handed off");
            }
            "sphinx_by_key" => ensure!(handed != "0", "{label}: nothing handed off"),
            _ => ensure!(handed.is_empty(), "{label}: any thread serves any call"),
        }
    }
    Ok(())
}

/// What touches no item is executed by its function's owner: no misroute and no handoff in XDP.
fn functions(bench: &Bench) -> Result<()> {
    let run = bench.run(&shipped("smoke/rpc-functions.yaml"), LIMIT)?;
    ensure!(run.trials.len() == 2, "{} trials", run.trials.len());
    for trial in &run.trials {
        expect_answered(trial)?;
        expect_values(trial)?;
        expect_several_owners(trial)?;
        let burnt = trial.counter("server", "service_ns")?;
        ensure!(burnt > 100_000, "{}: {burnt} ns of spin", trial.who());
        // Whoever receives a call, its owner executes it.
        let executed = owners_of(trial)?;
        for (owner, calls) in executed.iter().enumerate() {
            let counter = format!("executed_owner_{owner}");
            let seen = trial.counter("server", &counter)?;
            ensure!(
                seen == *calls,
                "{}: {counter} {seen}, not {calls}",
                trial.who()
            );
        }
        if trial.text("label")? == "by_function" {
            expect_owners(trial)?;
            let handoffs = trial.counter("server", "handoffs")?;
            ensure!(handoffs == 0, "{handoffs} handoffs");
        }
    }
    Ok(())
}

/// `add` finds its key's number at one owner, whatever thread the call arrived at: every reply is a number.
fn counters(bench: &Bench) -> Result<()> {
    let spec = bench.spec(
        "counters",
        "
name: counters
topology: {kind: veth, queues: 2}
systems:
  - {system: xdp_steered, label: by_tenant, owners: 2, steer_by: {argument: 0}}
  - {system: xdp_steered, label: by_function, owners: 3, steer_by: function}
workload: {protocol: rpc, calls: count, keys: 100, key_size: 16 B, value_size: 8 B, popularity: uniform, get_ratio: 0.5, flows: 64}
load: {rates: [2 kreq/s]}
phases: {warmup: 50 ms, measure: 300 ms, timeout: 200 ms}
floor: false
",
    )?;
    let run: Run = bench.run(&spec, LIMIT)?;
    for trial in &run.trials {
        expect_answered(trial)?;
        let (executed, added) = (
            trial.counter("server", "requests_executed")?,
            trial.counter("server", "executed_write")?,
        );
        ensure!(executed == added, "{}: {added} of {executed}", trial.who());
        expect_owners(trial)?;
    }
    Ok(())
}

/// The ledger closes, all is answered and understood, and nothing went to the wrong thread.
fn expect_answered(trial: &Row) -> Result<()> {
    trial.expect_closed()?;
    let who = trial.who();
    let unanswered = trial.number("timed_out")? + trial.number("unsent")?;
    ensure!(unanswered == 0, "{who}: {unanswered} without an answer");
    for name in ["errors", "malformed", "wrong_values", "misses"] {
        let count = trial.counter("client", name)?;
        ensure!(count == 0, "{who}: {count} {name}");
    }
    let misroutes = trial.counter("server", "misroutes")?;
    ensure!(misroutes == 0, "{who}: {misroutes} misroutes");
    Ok(())
}

fn expect_values(trial: &Row) -> Result<()> {
    let hits = trial.counter("client", "hits")?;
    ensure!(hits > 200, "{}: {hits} values", trial.who());
    Ok(())
}

/// XDP gave each owner the calls that are its own. With three owners `get` and `set` have different ones,
/// and so have `echo` and `spin`.
fn expect_owners(trial: &Row) -> Result<()> {
    let expected = owners_of(trial)?;
    for (owner, calls) in expected.iter().enumerate() {
        let counter = format!("xdp_redirected_{owner}");
        let steered = trial.counter("server", &counter)?;
        ensure!(
            steered == *calls,
            "{}: {counter} {steered}, not {calls}",
            trial.who()
        );
    }
    Ok(())
}

/// The case shows something: calls have several owners.
fn expect_several_owners(trial: &Row) -> Result<()> {
    let owners = owners_of(trial)?;
    let busy = owners.iter().filter(|calls| **calls > 0).count();
    ensure!(busy > 1, "{}: {owners:?}", trial.who());
    Ok(())
}

/// Calls of the trial's schedule by the owner of what steers them.
fn owners_of(trial: &Row) -> Result<Vec<u64>> {
    let trial = trial.record()?.trial;
    let schedule = schedule_of(&trial)?;
    let calls = (trial.workload().and_then(|it| it.calls)).context("a trial of calls")?;
    let name = |op| match (calls, op) {
        (Calls::Store, Op::Get) => "get",
        (Calls::Store, Op::Set) => "set",
        (Calls::Count, Op::Get | Op::Set) => "add",
        (Calls::Compute, Op::Get) => "echo",
        (Calls::Compute, Op::Set) => "spin",
        (Calls::Scan, Op::Get) => "scan",
        (Calls::Scan, Op::Set) => "set",
    };
    let table = PartitionTable::even(trial.system.owners);
    let mut owners = vec![0; usize::from(trial.system.owners)];
    let mut room = Vec::new();
    for planned in &schedule.requests {
        let hash = match trial.system.steer_by.unwrap_or(SteerBy::DEFAULT) {
            SteerBy::Function => hash_bytes(name(planned.op).as_bytes()),
            SteerBy::Argument(0) => hash_bytes(&tenant_of(planned.key)),
            SteerBy::Argument(1) => {
                hash_bytes(schedule.keyspace().key_bytes(planned.key, &mut room))
            }
            SteerBy::Argument(number) => bail!("an argument {number}"),
            SteerBy::Range => bail!("ranges of keys"),
        };
        owners[usize::from(table.owner_of(hash))] += 1;
    }
    Ok(owners)
}
