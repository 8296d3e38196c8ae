//! Slices that are processes: one is killed while frames are forwarded, and the others, the ledger and the kernel are held to it.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rustix::process::{Signal, kill_process};

use crate::bench::{Bench, pid, shipped};
use crate::case::Case;
use crate::needs::Need;
use crate::results::{Row, table};
use crate::traces::Machine;

const MINUTE: Duration = Duration::from_secs(60);

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::new("isolation::one_is_killed", &[Need::Veth], one_is_killed),
        Case::new("isolation::under_overload", &[Need::Veth], under_overload),
        Case::new(
            "isolation::nobody_is_killed",
            &[Need::Veth],
            nobody_is_killed,
        ),
        Case::new("isolation::router_dies", &[Need::Veth], router_dies),
        Case::new("isolation::plan", &[], plan),
    ]
}

/// Where each frame of the dead slice's queue is: delivered, or in a line that a counter has.
fn expect_dead_accounted(trial: &Row) -> Result<()> {
    let who = trial.who();
    let arrived = trial.number("dead_arrived_before")? + trial.number("dead_arrived_after")?;
    let delivered = trial.number("dead_delivered")?;
    let (_, rows) = table(&trial.folder().join("counters.csv"))?;
    let dead = |name: &str| -> Result<i64> {
        let row = rows.iter().find(|row| {
            row["scope"] == "router host" && row["name"] == format!("slice-0, dead {name}")
        });
        Ok(row.with_context(|| format!("no {name}"))?["value"].parse()?)
    };
    let taken = dead("taken")?;
    ensure!(taken > 0, "{who}: the slice took nothing before it died");
    let held = dead("died_waiting")? + dead("died_in_hand")? + dead("died_unsent")?;
    let discarded = dead("dead_discarded")?;
    let homeless = trial.number("drop_no_slice")?;
    ensure!(
        arrived >= delivered + discarded + held + homeless,
        "{who}: {arrived} came, {delivered} were delivered, {discarded} thrown away, {held} died with it, {homeless} came after"
    );
    // It had its sockets until the signal: what it took and what waited for it is what the programs gave it, but for
    // what the sockets had no room for.
    let given = arrived - homeless;
    let full = trial.number("drop_xsk_rx_ring_full").unwrap_or(0);
    let dry = trial.number("drop_xsk_no_frame").unwrap_or(0);
    let known = taken + dead("died_waiting")?;
    ensure!(
        known <= given && given <= known + full + dry,
        "{who}: {given} were given to it, {known} reached its rings, {full} and {dry} did not"
    );
    Ok(())
}

/// The other slices' frames all arrive, the dead one's are counted, and the kernel is whole.
fn one_is_killed(bench: &Bench) -> Result<()> {
    let before = Machine::look()?;
    let run = bench.run(&shipped("smoke/netslice-isolation.yaml"), MINUTE)?;
    let trial = run.only_trial()?;
    let who = trial.who();
    trial.expect_closed()?;
    trial.expect_sound()?;
    ensure!(trial.text("isolation")? == "process", "{who}: no processes");
    ensure!(trial.number("killed_slice")? == 0, "{who}: another died");
    let killed_after_ns = trial.number("killed_after_ns")?;
    ensure!(
        (200_000_000..600_000_000).contains(&killed_after_ns),
        "{who}: killed after {killed_after_ns} ns"
    );
    let (arrived, lost) = (
        trial.number("survivors_arrived")?,
        trial.number("survivors_lost")?,
    );
    ensure!(arrived > 0, "{who}: nothing came for the others");
    ensure!(lost == 0, "{who}: the others lost {lost} of {arrived}");
    let (before_it, after_it) = (
        trial.number("dead_arrived_before")?,
        trial.number("dead_arrived_after")?,
    );
    ensure!(
        before_it > 0 && after_it > 0,
        "{who}: {before_it} came for the slice before its end, {after_it} after"
    );
    let homeless = trial.number("drop_no_slice")?;
    ensure!(homeless > 0, "{who}: its queue was served after its end");
    expect_dead_accounted(trial)?;
    ensure!(
        trial.text("kernel_unharmed")? == "true",
        "{who}: {:?}",
        trial.record()?.fault
    );
    expect_steps(trial)?;
    before.expect_restored(bench)
}

/// In steps, the dead slice delivers until its end and nothing after it, and the other one in both.
fn expect_steps(trial: &Row) -> Result<()> {
    let fault = trial.record()?.fault.context("no fault is recorded")?;
    let gone_at_ns = fault.killed_ns + fault.gone_ns;
    let (_, rows) = table(&trial.folder().join("delivered.csv"))?;
    let mut sums = [[0_u64; 2]; 2];
    for row in &rows {
        let number = |column: &str| -> Result<u64> { Ok(row[column].parse()?) };
        let (start_ns, queue) = (number("start_ns")?, number("queue")?);
        let phase = match start_ns {
            _ if start_ns + number("length_ns")? <= fault.killed_ns => 0,
            _ if start_ns >= gone_at_ns => 1,
            _ => continue,
        };
        sums[usize::try_from(queue)?][phase] += number("frames")?;
    }
    let [dead, other] = sums;
    ensure!(
        dead[0] > 0 && dead[1] == 0 && other[0] > 0 && other[1] > 0,
        "delivered before and after the end: {dead:?} by the dead slice, {other:?} by the other"
    );
    let parquet = trial.folder().join("delivered.parquet");
    ensure!(
        fs::metadata(&parquet)?.len() > 0,
        "no {}",
        parquet.display()
    );
    Ok(())
}

/// While more comes than slices take, the dead one holds frames; they are in the ledger too.
fn under_overload(bench: &Bench) -> Result<()> {
    let spec = bench.spec(
        "overloaded",
        "
name: overloaded
topology: {kind: chain, queues: 2}
traffic: {processor: router, frame_size: 60 B}
systems: [{system: netslice, isolation: process, batch: 1}]
disturb: {kill_slice: {slice: 0, after: 150 ms}}
phases: {warmup: 50 ms, measure: 400 ms, timeout: 100 ms}
blocks: 2
",
    )?;
    let run = bench.run(&spec, MINUTE)?;
    ensure!(run.trials.len() == 2, "{} trials", run.trials.len());
    for trial in &run.trials {
        trial.expect_closed()?;
        expect_dead_accounted(trial)?;
        let who = trial.who();
        ensure!(
            trial.number("drop_no_slice")? > 0,
            "{who}: nothing came for the dead slice"
        );
        ensure!(
            trial.text("kernel_unharmed")? == "true",
            "{who}: {:?}",
            trial.record()?.fault
        );
    }
    Ok(())
}

/// Processes forward like threads do.
fn nobody_is_killed(bench: &Bench) -> Result<()> {
    let spec = bench.spec(
        "alive",
        "
name: alive
topology: {kind: chain, queues: 2}
traffic: {processor: inspect, arrivals: fixed, flows: 64}
systems: [netslice, {system: netslice, label: isolated, isolation: process}]
load: {rates: [2 kframes/s]}
phases: {warmup: 50 ms, measure: 300 ms, timeout: 100 ms}
",
    )?;
    let run = bench.run(&spec, MINUTE)?;
    ensure!(run.trials.len() == 2, "{} trials", run.trials.len());
    for trial in &run.trials {
        let who = trial.who();
        trial.expect_closed()?;
        let label = trial.text("label")?;
        let expected = match label {
            "isolated" => "process",
            _ => "thread",
        };
        ensure!(
            trial.text("isolation")? == expected,
            "{who}: told otherwise"
        );
        ensure!(trial.text("killed_slice")?.is_empty(), "{who}: one died");
        let (sent, answered) = (trial.number("sent")?, trial.number("answered")?);
        ensure!(answered == sent, "{who}: {answered} of {sent} arrived");
        let threads: f64 = trial.text("u_peer_cpus")?.parse()?;
        ensure!(threads > 0.0, "{who}: its threads used no time");
        for slice in 0..2 {
            let took = trial.counter("router host", &format!("slice-{slice} received"))?;
            ensure!(took > 0, "{who}: slice {slice} took nothing");
        }
    }
    Ok(())
}

/// Slices end with their router, however that ends; the next trial has its own.
fn router_dies(bench: &Bench) -> Result<()> {
    let before = Machine::look()?;
    let spec: PathBuf = bench.spec(
        "orphans",
        "
name: orphans
topology: {kind: chain, queues: 2}
traffic: {processor: router, arrivals: fixed, flows: 64}
systems: [{system: netslice, isolation: process}]
load: {rates: [1 kframes/s]}
phases: {warmup: 100 ms, measure: 1500 ms, timeout: 100 ms}
blocks: 2
",
    )?;
    let mut running = bench.start(&mut bench.run_command(&spec, &[]))?;
    let slices = || {
        let all = bench.processes().into_iter();
        let slices = all.filter(|(_, line)| line.contains("agent slice"));
        slices.map(|(pid, _)| pid).collect::<Vec<u32>>()
    };
    let first = running.wait_for("two slices", MINUTE, |_| {
        let slices = slices();
        (slices.len() == 2).then_some(slices)
    })?;
    // Into the measure phase, unless the machine is slow; then it is earlier, which must be no worse.
    std::thread::sleep(Duration::from_millis(500));
    let router = bench.process("agent router").context("no router agent")?;
    kill_process(pid(router)?, Signal::KILL)?;
    running.wait_for("the slices' end", MINUTE, |_| {
        let left = slices();
        (!first.iter().any(|pid| left.contains(pid))).then_some(())
    })?;
    let finished = running.wait(MINUTE)?;
    finished.expect_code(1)?;
    let run = bench.only_run()?;
    run.only_trial()?.expect_closed()?;
    let failures = run.failures()?;
    ensure!(failures.len() == 1, "{failures:?}");
    ensure!(failures[0]["status"] == "failed", "{failures:?}");
    before.expect_restored(bench)
}

/// What `check` tells.
fn plan(bench: &Bench) -> Result<()> {
    let spec = shipped("smoke/netslice-isolation.yaml");
    let checked = bench.finish(bench.experiment(["check"]).arg(&spec), MINUTE)?;
    checked.expect_code(0)?;
    let told = "each slice of isolated is a process of its own; that of slice 0 is killed 200 ms into the measure phase";
    ensure!(checked.out.contains(told), "{}", checked.out);
    let threads = "
name: threads
topology: {kind: chain, queues: 2}
traffic: {processor: router}
systems: [netslice]
disturb: {kill_slice: {slice: 0, after: 10 ms}}
phases: {warmup: 0 s, measure: 100 ms, timeout: 50 ms}
";
    let told = "all slices of netslice are threads of one: give it `isolation: process`";
    bench.expect_refused(threads, &[told], MINUTE)
}
