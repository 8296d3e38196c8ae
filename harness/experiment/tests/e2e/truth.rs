//! Does the instrument say what is known to be true? Held replies, a stopped server, its own floor.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use record::{RunFolder, StallSeen, TraceRow, TrialRecord};

use crate::bench::Bench;
use crate::case::Case;
use crate::needs::Need;
use crate::results::Row;

const MINUTE: Duration = Duration::from_secs(60);

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::new("truth::held_replies_on_loopback", &[], loopback),
        Case::new("truth::held_replies_on_veth", &[Need::Veth], veth),
        Case::new("truth::a_stall_is_seen", &[Need::Veth], stall),
        Case::new("truth::a_stall_is_interrupted", &[Need::Veth], interrupted),
        Case::new("truth::floor", &[Need::Veth], floor),
    ]
}

/// One server at half its capacity: 100 us of service on average, 5000 requests a second.
fn spec(topology: &str, system: &str, further: &str) -> String {
    format!(
        "
name: truth
topology: {topology}
systems: [{system}]
workload: {{keys: 10 k, key_size: 16 B, value_size: 64 B, popularity: uniform, get_ratio: 0.9, flows: 64}}
load: {{rates: [5 kreq/s]}}
phases: {{warmup: 100 ms, measure: 600 ms, timeout: 500 ms}}
trace: true
floor: false
{further}
"
    )
}

const SYNTHETIC: &str = "{system: synthetic, service: {exponential: 100 us}}";

fn loopback(bench: &Bench) -> Result<()> {
    let spec = bench.spec("loopback", &spec("{kind: loopback}", SYNTHETIC, ""))?;
    let (record, trace) = run(bench, &spec)?;
    expect_truth(&record, &trace)
}

fn veth(bench: &Bench) -> Result<()> {
    let system = "{system: synthetic, io: af_xdp, servers: 2, service: {exponential: 200 us}}";
    let spec = bench.spec(
        "veth",
        &spec("{kind: veth, queues: 1, client: af_xdp}", system, ""),
    )?;
    let (record, trace) = run(bench, &spec)?;
    expect_truth(&record, &trace)
}

/// Runs a spec of one trial, whose ledger must close.
fn run(bench: &Bench, spec: &std::path::Path) -> Result<(TrialRecord, Vec<TraceRow>)> {
    let run = bench.run(spec, MINUTE)?;
    run.only_trial()?.expect_closed()?;
    let folder = RunFolder::open(&run.path)?;
    let [record] = folder.trials() else {
        anyhow::bail!("one trial");
    };
    let trace = folder.trace(&record.trial_id)?.context("a trace")?;
    ensure!(trace.len() as u64 == record.ledger.offered, "every request");
    Ok((record.clone(), trace))
}

/// No reply came before the queue let it go: what arrives later than it was sent departs no earlier.
/// How much later it came is not for a test on a busy machine, beyond a bound that no idle one nears.
fn expect_truth(record: &TrialRecord, trace: &[TraceRow]) -> Result<()> {
    let ledger = &record.ledger;
    ensure!(ledger.answered == ledger.offered, "{ledger:?}");
    let servers = record.trial.system.servers.context("virtual servers")?;
    let mut free = vec![0u64; usize::from(servers)];
    let mut bias_ns = Vec::new();
    for row in trace {
        let sent = row.sent_ns.context("sent")?;
        let service = row.service_ns.context("a service time")?;
        let first = free.iter_mut().min().context("a server")?;
        *first = sent.max(*first) + service;
        let reply = row.reply_ns.context("answered")?;
        bias_ns.push(reply as i64 - *first as i64);
    }
    bias_ns.sort_unstable();
    let median = bias_ns[bias_ns.len() / 2];
    ensure!(
        bias_ns[0] >= 0 && median < 100_000_000,
        "replies came from {} ns on, the median {median} ns, after their virtual departure",
        bias_ns[0]
    );
    Ok(())
}

const STALL: &str = "disturb: {stall: {after: 200 ms, length: 100 ms}}";

fn stall(bench: &Bench) -> Result<()> {
    let topology = "{kind: veth, queues: 1, client: af_xdp}";
    for system in [
        "{system: synthetic, service: {fixed: 20 us}}",
        "{system: rss_shared, io: udp, owners: 1}",
    ] {
        let bench = Bench::new()?;
        let spec = bench.spec("stall", &spec(topology, system, STALL))?;
        let (record, trace) = run(&bench, &spec)?;
        let seen = record.stall.context("when the server stood still")?;
        expect_stall(&record, &trace, seen).context(system.to_owned())?;
    }
    ensure!(bench.processes().is_empty());
    Ok(())
}

/// What was due in the stall waited for its end; 100 ms in 600 ms put the 99.9th percentile near the
/// stall's whole length.
fn expect_stall(record: &TrialRecord, trace: &[TraceRow], seen: StallSeen) -> Result<()> {
    let StallSeen { began_ns, ended_ns } = seen;
    let length_ns = ended_ns - began_ns;
    ensure!(
        began_ns >= 300_000_000 && length_ns >= 100_000_000,
        "{seen:?}"
    );
    let mut waited = 0;
    for row in trace {
        let due = row.intended_ns;
        if (began_ns..ended_ns).contains(&due) {
            waited += 1;
            let reply = row.reply_ns.context("answered at last")?;
            ensure!(reply >= ended_ns, "{row:?} was answered in {seen:?}");
        }
    }
    ensure!(waited > 300, "only {waited} requests were due in the stall");
    let p99_9 = record.latency.p99_9_ns.context("within the timeout")?;
    // Of 600 ms, 0.1% are 0.6 ms: as much of the stall is at or above the percentile.
    let theory = length_ns - 600_000;
    ensure!(
        p99_9 as f64 >= 0.9 * theory as f64,
        "p99.9 is {p99_9} ns, theory says {theory}"
    );
    Ok(())
}

/// Ctrl-C while the server stands still: it must not stay so, nor anything else.
fn interrupted(bench: &Bench) -> Result<()> {
    let long = "disturb: {stall: {after: 0 s, length: 20 s}}";
    let text = spec("{kind: veth, queues: 1}", SYNTHETIC, long).replace("600 ms", "21 s");
    let spec = bench.spec("interrupted", &text)?;
    let mut running = bench.start(&mut bench.run_command(&spec, &[]))?;
    running.wait_for("a stopped server", MINUTE, |_| {
        bench
            .processes()
            .iter()
            .any(|(pid, _)| is_stopped(*pid))
            .then_some(())
    })?;
    running.interrupt()?;
    running.wait(Duration::from_secs(15))?.expect_code(130)?;
    let left = bench.processes();
    ensure!(left.is_empty(), "{left:?}");
    Ok(())
}

fn is_stopped(pid: u32) -> bool {
    sys::process::Identity::of(pid).is_ok_and(|it| it.is_stopped().unwrap_or(false))
}

/// Without being asked for, every run over veth measures what of its latencies is the instrument's.
fn floor(bench: &Bench) -> Result<()> {
    let text = spec("{kind: veth, queues: 2}", "xdp_steered", "blocks: 2");
    let text = text
        .replace("floor: false\n", "")
        .replace("trace: true\n", "");
    let spec = bench.spec("floor", &text)?;
    let finished = bench.finish(&mut bench.run_command(&spec, &[]), MINUTE)?;
    finished.expect_code(0)?;
    let run = bench.only_run()?;
    ensure!(run.trials.len() == 2 && run.floor.len() == 2, "{run:?}");
    // What other guests took from the machine may leave nothing valid to tell.
    let valid = |row: &Row| row.text("valid").is_ok_and(|valid| valid == "true");
    ensure!(
        finished.out.contains("Instrument floor") == run.floor.iter().any(valid),
        "the closing table: {}",
        finished.out
    );
    for floor in &run.floor {
        floor.expect_closed()?;
        floor.expect_sound()?;
        ensure!(floor.text("system")? == "reflector", "{floor:?}");
        let (offered, hits) = (floor.number("offered")?, floor.counter("client", "hits")?);
        ensure!(
            i64::try_from(hits)? == offered,
            "{hits} of {offered} requests came back as they went"
        );
    }
    Ok(())
}
