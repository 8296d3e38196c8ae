//! Load modes: closed loops, rates that change, injected service times.

use std::time::Duration;

use anyhow::{Result, ensure};
use model::{Service, ServiceTimes};
use spec::SystemKind;
use steering::hash::hash_bytes;

use crate::bench::{Bench, shipped};
use crate::case::Case;
use crate::needs::Need;
use crate::schedules::schedule_of;

const MINUTE: Duration = Duration::from_secs(60);
/// What a key may burn beyond its time, ns: less than the longest step between two looks at the clock.
const OVERSHOOT_NS: u64 = 1_000;

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::new("loads::closed", &[Need::Veth], closed),
        Case::new("loads::closed_kernel_client", &[], closed_kernel_client),
        Case::new("loads::pattern_and_service", &[Need::Veth], pattern),
        Case::new("loads::refused", &[], refused),
    ]
}

fn closed(bench: &Bench) -> Result<()> {
    let run = bench.run(&shipped("smoke/closed.yaml"), MINUTE)?;
    expect_closed_loops(&run, &[1, 8], 4)
}

/// Ordinary sockets, without privilege.
fn closed_kernel_client(bench: &Bench) -> Result<()> {
    let spec = bench.spec(
        "closed",
        "
name: closed
topology: {kind: loopback}
systems: [{system: sphinx, owners: 2}]
workload: {keys: 1 k, key_size: 16 B, value_size: 64 B, popularity: uniform, get_ratio: 0.9, flows: 32}
load: {closed: [1, 32]}
phases: {warmup: 50 ms, measure: 200 ms, timeout: 100 ms}
",
    )?;
    expect_closed_loops(&bench.run(&spec, MINUTE)?, &[1, 32], 2)
}

fn expect_closed_loops(run: &crate::results::Run, depths: &[u64], trials: usize) -> Result<()> {
    ensure!(run.trials.len() == trials, "{} trials", run.trials.len());
    for trial in &run.trials {
        trial.expect_closed()?;
        let load = trial.text("load")?;
        let depth = depths
            .iter()
            .find(|depth| load == format!("closed {depth}"));
        let Some(depth) = depth else {
            anyhow::bail!("load is `{load}`")
        };
        for empty in ["offered_rps", "send_lag_p99_ns"] {
            ensure!(trial.text(empty)?.is_empty(), "{load} has {empty}");
        }
        let record = trial.record()?;
        ensure!(record.answered_measured > 0, "{load}: nothing was answered");
        // Requests under way fill the phase at most `depth` times over; each may begin in it and
        // end in the timeout after it.
        let spent_ns = record.latency.mean_ns.unwrap_or(0.0) * record.answered_measured as f64;
        let phases = &record.trial.phases;
        let room_ns = *depth * (phases.measure.as_nanos() + phases.timeout.as_nanos());
        ensure!(
            spent_ns <= room_ns as f64,
            "{load}: {spent_ns} ns of latency in {room_ns} ns: more were under way than asked for"
        );
    }
    Ok(())
}

fn pattern(bench: &Bench) -> Result<()> {
    let run = bench.run(&shipped("smoke/pattern.yaml"), MINUTE)?;
    ensure!(run.trials.len() == 2, "{} trials", run.trials.len());
    for row in &run.trials {
        row.expect_closed()?;
        let trial = row.record()?.trial;
        let schedule = schedule_of(&trial)?;
        let obtained = row.record()?.obtained["schedule"].clone();
        let expected = format!("{:016x}", schedule.fingerprint());
        ensure!(
            obtained == expected.as_str(),
            "{obtained} was sent, {expected} was asked for"
        );

        let service = if trial.system.system == SystemKind::XdpSteered {
            Service::Fixed { time_ns: 10_000 }
        } else {
            Service::Exponential { mean_ns: 20_000 }
        };
        let times = ServiceTimes::new(service, trial.schedule_seed);
        let mut key = Vec::new();
        let due_ns: u64 = schedule
            .requests
            .iter()
            .map(|r| times.of_hash(hash_bytes(schedule.keyspace().key_bytes(r.key, &mut key))))
            .sum();
        let executed = row.counter("server", "requests_executed")?;
        let burnt_ns = row.counter("server", "service_ns")?;
        // What was lost on the way to the server was not served.
        let all = executed == schedule.requests.len() as u64;
        ensure!(
            burnt_ns < due_ns + OVERSHOOT_NS * executed && (!all || burnt_ns >= due_ns),
            "{}: {burnt_ns} ns were burnt for {executed} requests, {due_ns} were due",
            row.who()
        );
        ensure!(
            executed > 0 && burnt_ns > 0,
            "{}: nothing was served",
            row.who()
        );
    }
    Ok(())
}

fn refused(bench: &Bench) -> Result<()> {
    let text = "
name: refused
topology: {kind: loopback}
systems: [memcached]
workload: {keys: 1 k, key_size: 16 B, value_size: 64 B, popularity: uniform, get_ratio: 0.9, service: {fixed: 20 us}}
load: {closed: [8], pattern: {sine: {period: 1 s, amplitude: 0.5}}}
phases: {warmup: 50 ms, measure: 200 ms, timeout: 100 ms}
";
    let spec = bench.spec("refused", text)?;
    let finished = bench.finish(bench.experiment(["check"]).arg(&spec), MINUTE)?;
    finished.expect_code(2)?;
    finished.expect_told(&[
        "memcached is an external process",
        "a pattern changes `rates`",
    ])
}
