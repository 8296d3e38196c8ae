//! Steering by programs to kernel sockets, and RSS that a program computes: the property that defines
//! each system.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use packet::Addresses;
use spec::FlowHash;
use steering::PartitionTable;
use steering::flow::{mix_hash, toeplitz_hash};
use steering::rss::Tuple;

use crate::bench::{Bench, shipped};
use crate::case::Case;
use crate::known::requests_of_slot;
use crate::needs::Need;
use crate::results::Row;
use crate::schedules::schedule_of;

const LIMIT: Duration = Duration::from_secs(90);
/// Where the topology's hosts are, and the source port of a client's flow 0.
const CLIENT: [u8; 4] = [198, 18, 0, 2];
const SERVER: [u8; 4] = [198, 18, 0, 1];
const SERVER_PORT: u16 = 11_211;
const FIRST_FLOW: u16 = 16_384;

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::new("steering::reuseport_ebpf", &[Need::Veth], reuseport_ebpf),
        Case::new("steering::xdp_posix", &[Need::Veth], xdp_posix),
        Case::new("steering::xdp_cpumap", &[Need::Veth], xdp_cpumap),
        Case::new(
            "steering::programmable_rss",
            &[Need::Veth],
            programmable_rss,
        ),
        Case::new(
            "steering::reuseport_on_loopback",
            &[Need::Veth],
            on_loopback,
        ),
        Case::new(
            "steering::to_an_ordinary_client",
            &[Need::Veth],
            ordinary_client,
        ),
        Case::new(
            "steering::misdirected_by_the_kernel",
            &[Need::Veth],
            misdirected,
        ),
        Case::new(
            "steering::repartitioned_in_the_kernel",
            &[Need::Veth],
            repartitioned,
        ),
        Case::new("steering::no_xdp_on_loopback", &[], no_xdp_on_loopback),
    ]
}

/// The group's program chose the owner's socket for every request.
fn reuseport_ebpf(bench: &Bench) -> Result<()> {
    let trial = smoke(bench, "reuseport-ebpf")?.remove(0);
    steered_by_key(&trial, &["reuseport"], 2)
}

/// XDP wrote each owner's port, and every reply left from the port that was asked.
fn xdp_posix(bench: &Bench) -> Result<()> {
    let trial = smoke(bench, "xdp-posix")?.remove(0);
    steered_by_key(&trial, &["xdp"], 2)?;
    ports_restored(&trial, 2)
}

/// The stack ran on the owner's CPU for every request, and its program agreed with XDP's.
fn xdp_cpumap(bench: &Bench) -> Result<()> {
    let trial = smoke(bench, "xdp-cpumap")?.remove(0);
    steered_by_key(&trial, &["xdp", "reuseport"], 2)?;
    let hops = trial.number("cross_core_hops")?;
    ensure!(hops == 0, "{}: {hops} hops behind the stack", trial.who());
    for line in ["drop_cpumap_queue_full", "drop_cpumap_no_packet"] {
        trial
            .number(line)
            .context("a ledger line for what a CPUMAP loses")?;
    }
    Ok(())
}

/// Owners got what the function says of the client's flows, three of them behind two queues.
fn programmable_rss(bench: &Bench) -> Result<()> {
    for trial in smoke(bench, "programmable-rss")? {
        let recorded = trial.record()?.trial;
        let hash = match recorded.system.flow_hash.context("it has one")? {
            FlowHash::Toeplitz => toeplitz_hash,
            FlowHash::Mix => mix_hash,
        };
        let owners = recorded.system.owners;
        ensure!(owners != recorded.topology.queues, "the case shows nothing");
        let table = PartitionTable::even(owners);
        let mut expected = vec![0; usize::from(owners)];
        for request in &schedule_of(&recorded)?.requests {
            let flow = Tuple {
                addresses: Addresses::V4(CLIENT, SERVER),
                src_port: FIRST_FLOW + request.flow,
                dst_port: SERVER_PORT,
            };
            expected[usize::from(table.owner_of(hash(&flow)))] += 1;
        }
        ensure!(
            trial.number("unsent")? == 0,
            "{}: requests were not sent",
            trial.who()
        );
        let steered: Vec<u64> = (0..owners)
            .map(|owner| trial.counter("server", &format!("xdp_redirected_{owner}")))
            .collect::<Result<_>>()?;
        ensure!(
            steered == expected,
            "{}: {steered:?}, not {expected:?}",
            trial.who()
        );
        for name in ["handoffs", "misroutes"] {
            ensure!(
                trial.text(name)?.is_empty(),
                "any core serves any key: no {name}"
            );
        }
    }
    Ok(())
}

/// No device is needed; the program sees on which CPU the sender's kernel ran the stack.
fn on_loopback(bench: &Bench) -> Result<()> {
    let spec = bench.spec(
        "loopback",
        "
name: loopback
topology: {kind: loopback}
systems: [{system: reuseport_ebpf, owners: 3}]
workload: {keys: 1 k, key_size: 16 B, value_size: 64 B, popularity: uniform, get_ratio: 0.9, flows: 32}
load: {rates: [2 kreq/s]}
phases: {warmup: 50 ms, measure: 300 ms, timeout: 200 ms}
",
    )?;
    let run = bench.run(&spec, LIMIT)?;
    let trial = run.only_trial()?;
    steered_by_key(trial, &["reuseport"], 3)?;
    trial
        .number("cross_core_hops")
        .context("hops are counted here too")?;
    Ok(())
}

/// A client on ordinary sockets, which knows one port of the server's and no owners.
fn ordinary_client(bench: &Bench) -> Result<()> {
    let spec = bench.spec(
        "ordinary",
        "
name: ordinary
topology: {kind: veth, queues: 2, client: udp}
systems: [reuseport_ebpf, xdp_posix, xdp_cpumap]
workload: {keys: 1 k, key_size: 16 B, value_size: 64 B, popularity: uniform, get_ratio: 0.9, flows: 128}
load: {rates: [2 kreq/s]}
phases: {warmup: 50 ms, measure: 300 ms, timeout: 200 ms}
floor: false
",
    )?;
    let run = bench.run(&spec, LIMIT)?;
    ensure!(run.trials.len() == 3, "{} trials", run.trials.len());
    for trial in &run.trials {
        let programs: &[&str] = match trial.text("system")? {
            "reuseport_ebpf" => &["reuseport"],
            "xdp_posix" => &["xdp"],
            _ => &["xdp", "reuseport"],
        };
        steered_by_key(trial, programs, 2)?;
        let unknown = trial.counter("client", "unknown_datagrams")?;
        ensure!(unknown == 0, "{}: {unknown} unknown datagrams", trial.who());
        if trial.text("system")? == "xdp_posix" {
            ports_restored(trial, 2)?;
        }
    }
    Ok(())
}

/// A slot that is wrong in the kernel's table alone misroutes its requests and no others.
fn misdirected(bench: &Bench) -> Result<()> {
    const SLOT: u16 = 77;
    let spec = bench.spec(
        "misdirected",
        "
name: misdirected
topology: {kind: veth, queues: 2}
systems: [reuseport_ebpf, xdp_posix, xdp_cpumap]
workload: {keys: 10 k, key_size: 16 B, value_size: 64 B, popularity: uniform, get_ratio: 0.9, flows: 128}
load: {rates: [10 kreq/s]}
phases: {warmup: 50 ms, measure: 500 ms, timeout: 200 ms}
disturb: {misdirect_slot: 77}
floor: false
",
    )?;
    let run = bench.run(&spec, LIMIT)?;
    ensure!(run.trials.len() == 3, "{} trials", run.trials.len());
    for trial in &run.trials {
        trial.expect_closed()?;
        let expected = requests_of_slot(&trial.record()?.trial, SLOT)?;
        ensure!(
            expected > 0,
            "slot {SLOT} has no requests: the case shows nothing"
        );
        let misroutes = trial.counter("server", "misroutes")?;
        ensure!(
            misroutes == expected,
            "{}: {misroutes} misroutes, but {expected} requests name keys of slot {SLOT}",
            trial.who()
        );
        let (offered, answered) = (trial.number("offered")?, trial.number("answered")?);
        ensure!(
            answered == offered,
            "{}: {answered} of {offered}",
            trial.who()
        );
    }
    Ok(())
}

/// Slots that move under load move in the kernel's tables too: nothing is lost, and only requests that
/// were on their way meanwhile are misrouted. Without the kernel's part every sixteenth would be.
fn repartitioned(bench: &Bench) -> Result<()> {
    let spec = bench.spec(
        "repartitioned",
        "
name: repartitioned
topology: {kind: veth, queues: 2}
systems: [reuseport_ebpf, xdp_posix, xdp_cpumap]
workload: {keys: 10 k, key_size: 16 B, value_size: 64 B, popularity: uniform, get_ratio: 0.9, flows: 1024}
load: {rates: [2 kreq/s]}
repartition: {after: 100 ms, slots: 64}
phases: {warmup: 50 ms, measure: 1500 ms, timeout: 200 ms}
floor: false
",
    )?;
    let run = bench.run(&spec, LIMIT)?;
    ensure!(run.trials.len() == 3, "{} trials", run.trials.len());
    for trial in &run.trials {
        trial.expect_closed()?;
        let moved = trial.counter("server, measure phase", "repartitioned_slots")?;
        ensure!(moved == 64, "{}: {moved} slots were moved", trial.who());
        let (offered, answered) = (trial.number("offered")?, trial.number("answered")?);
        ensure!(
            answered == offered,
            "{}: {answered} of {offered}",
            trial.who()
        );
        let share = trial.counter("server", "misroutes")? as f64 / offered as f64;
        ensure!(share < 0.02, "{}: {share} were misrouted", trial.who());
    }
    Ok(())
}

/// What needs XDP is refused on loopback before anything runs, with the reason.
fn no_xdp_on_loopback(bench: &Bench) -> Result<()> {
    for system in ["xdp_posix", "xdp_cpumap", "programmable_rss"] {
        let text = format!(
            "
name: nowhere
topology: {{kind: loopback}}
systems: [{system}]
workload: {{keys: 1 k, key_size: 16 B, value_size: 64 B, popularity: uniform, get_ratio: 0.9, flows: 32}}
load: {{rates: [2 kreq/s]}}
phases: {{warmup: 50 ms, measure: 300 ms, timeout: 200 ms}}
"
        );
        bench.expect_refused(&text, &[system, "needs XDP, which loopback has not"], LIMIT)?;
    }
    Ok(())
}

/// Runs a shipped smoke spec.
fn smoke(bench: &Bench, name: &str) -> Result<Vec<Row>> {
    let run = bench.run(&shipped(&format!("smoke/{name}.yaml")), LIMIT)?;
    ensure!(!run.trials.is_empty(), "{name} has no trials");
    for trial in &run.trials {
        trial.expect_closed()?;
    }
    Ok(run.trials)
}

/// All requests were answered; each was placed by every program, with several owners, and none of them
/// changed threads.
fn steered_by_key(trial: &Row, programs: &[&str], owners: u32) -> Result<()> {
    trial.expect_closed()?;
    let (offered, answered) = (trial.number("offered")?, trial.number("answered")?);
    ensure!(
        answered == offered && offered > 0,
        "{}: {answered} of {offered} requests were answered",
        trial.who()
    );
    for name in ["misroutes", "handoffs"] {
        let count = trial.counter("server", name)?;
        ensure!(count == 0, "{}: {count} {name}", trial.who());
    }
    let executed = trial.counter("server", "requests_executed")?;
    for program in programs {
        let placed = of_owners(trial, &format!("{program}_placed"), owners)?;
        ensure!(
            placed.iter().sum::<u64>() == executed && placed.iter().all(|count| *count > 0),
            "{}: {program} placed {placed:?} of {executed}",
            trial.who()
        );
    }
    Ok(())
}

/// Every reply passed the program that restores the port.
fn ports_restored(trial: &Row, owners: u32) -> Result<()> {
    let restored = of_owners(trial, "restored_replies", owners)?;
    let sent = trial.counter("server", "reply_datagrams")?;
    ensure!(
        restored.iter().sum::<u64>() == sent,
        "{}: {restored:?} of {sent} replies",
        trial.who()
    );
    Ok(())
}

fn of_owners(trial: &Row, counter: &str, owners: u32) -> Result<Vec<u64>> {
    let of_owner = |owner| trial.counter("server", &format!("{counter}_{owner}"));
    (0..owners).map(of_owner).collect()
}
