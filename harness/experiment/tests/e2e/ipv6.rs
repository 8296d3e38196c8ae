//! Packet trials over IPv6.

use std::time::Duration;

use anyhow::{Result, ensure};

use crate::bench::{Bench, shipped};
use crate::case::Case;
use crate::frames::{expect_delivered, expect_path};
use crate::needs::Need;
use crate::results::Row;

const THREE_MINUTES: Duration = Duration::from_secs(180);

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::new("ipv6::router", &[Need::Veth], router),
        Case::new("ipv6::inspect", &[Need::Veth], inspect),
        Case::new("ipv6::round_trip", &[Need::Veth], round_trip),
        Case::new("ipv6::plan", &[], plan),
    ]
}

/// What IPv6 is told, and nothing of the hosts' own stands beside the trial's frames: nobody sends against their direction, and
/// the receiver sees no others.
fn expect_alone(trial: &Row) -> Result<()> {
    let who = trial.who();
    ensure!(trial.text("ip")? == "6", "{who}: told otherwise");
    let others = trial.counter("receiver", "xdp_passed")?;
    ensure!(others == 0, "{who}: {others} frames beside the trial's");
    for (host, device) in [("router host", "router0"), ("receiver host", "receiver0")] {
        let back = trial.counter(host, &format!("{device} tx_packets"))?;
        ensure!(back == 0, "{who}: {device} sent {back} frames");
    }
    Ok(())
}

/// Every system passes IPv6 on. The receiver counts a frame only with one hop less than it was sent with.
fn router(bench: &Bench) -> Result<()> {
    let run = bench.run(&shipped("smoke/netslice-ipv6.yaml"), THREE_MINUTES)?;
    ensure!(run.trials.len() == 12, "{} trials", run.trials.len());
    for trial in &run.trials {
        expect_delivered(trial)?;
        expect_path(trial, "router host")?;
        expect_alone(trial)?;
        let who = trial.who();
        // 14 B of Ethernet, 40 B of IPv6, 8 B of UDP.
        let payload = trial.record()?.frames.map(|frames| frames.payload_bytes);
        ensure!(
            payload.is_some_and(|bytes| bytes > 0 && bytes.is_multiple_of(1514 - 62)),
            "{who}: {payload:?} B are no whole payloads"
        );
        if trial.text("label")? == "told" {
            let by_kernel = |slice: u8| {
                let counter = format!("slice-{slice} routed_by_kernel");
                trial.counter("router host", &counter)
            };
            let sent = trial.counter("router host", "frames_sent")?;
            let told = by_kernel(0)? + by_kernel(1)?;
            ensure!(told == sent, "{who}: the kernel told {told} of {sent}");
        }
    }
    Ok(())
}

/// An inspector passes the shortest frames on as they are.
fn inspect(bench: &Bench) -> Result<()> {
    let spec = bench.spec(
        "inspect-v6",
        "
name: inspect-v6
topology: {kind: chain, queues: 1}
traffic: {processor: inspect, ip: 6, frame_size: 62 B, arrivals: fixed, flows: 16}
systems: [netslice, raw_socket, pcap_mmap]
load: {rates: [4 kframes/s]}
phases: {warmup: 0 s, measure: 300 ms, timeout: 100 ms}
",
    )?;
    let run = bench.run(&spec, THREE_MINUTES)?;
    ensure!(run.trials.len() == 3, "{} trials", run.trials.len());
    for trial in &run.trials {
        trial.expect_closed()?;
        expect_alone(trial)?;
        let who = trial.who();
        let misfits = trial.counter("receiver", "misfits")?;
        ensure!(misfits == 0, "{who}: {misfits} arrived otherwise");
        let (answered, sent) = (trial.number("answered")?, trial.number("sent")?);
        ensure!(answered > 0, "{who}: nothing of {sent} arrived");
    }
    Ok(())
}

/// There and back, timed.
fn round_trip(bench: &Bench) -> Result<()> {
    let spec = bench.spec(
        "round-trip-v6",
        "
name: round-trip-v6
topology: {kind: chain, queues: 1}
traffic: {processor: router, ip: 6, frame_size: 70 B, arrivals: fixed, flows: 16, round_trip: true}
systems: [netslice, kernel_forward]
load: {rates: [2 kframes/s]}
phases: {warmup: 0 s, measure: 300 ms, timeout: 100 ms}
",
    )?;
    let run = bench.run(&spec, THREE_MINUTES)?;
    ensure!(run.trials.len() == 2, "{} trials", run.trials.len());
    for trial in &run.trials {
        trial.expect_closed()?;
        let who = trial.who();
        let answered = trial.number("answered")?;
        ensure!(answered > 0, "{who}: nothing came back");
        let wrong = trial.counter("client", "wrong_values")?;
        ensure!(wrong == 0, "{who}: {wrong} came back changed");
        let p50 = trial.number("p50_ns")?;
        ensure!(p50 > 0, "{who}: p50 is {p50} ns");
    }
    Ok(())
}

/// What `check` tells of a plan, and what it refuses.
fn plan(bench: &Bench) -> Result<()> {
    let spec = shipped("smoke/netslice-ipv6.yaml");
    let checked = bench.finish(bench.experiment(["check"]).arg(&spec), THREE_MINUTES)?;
    checked.expect_code(0)?;
    for told in [
        "IPv6 frames of 1514 B",
        "no groups on router1",
        "address fd53:13::2/64 on receiver0",
    ] {
        ensure!(checked.out.contains(told), "{told}: {}", checked.out);
    }
    let tunnel = "
name: refused
topology: {kind: pair, queues: 1}
traffic: {processor: ipsec, ip: 6}
systems: [netslice]
phases: {warmup: 0 s, measure: 100 ms, timeout: 50 ms}
";
    let reasons = ["IPv4 addresses and ways alone", "use `ip: 4`"];
    bench.expect_refused(tunnel, &reasons, THREE_MINUTES)
}
