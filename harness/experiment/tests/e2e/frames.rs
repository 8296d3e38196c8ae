//! Packet trials: every system passes frames on, and every frame is accounted for.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use record::Hardware;

use crate::bench::{Bench, shipped};
use crate::case::Case;
use crate::needs::Need;
use crate::results::{Row, Run};

const THREE_MINUTES: Duration = Duration::from_secs(180);

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::new("frames::router", &[Need::Veth], router),
        Case::new("frames::routing", &[Need::Veth], routing),
        Case::new("frames::inspect", &[Need::Veth], inspect),
        Case::new("frames::ipsec", &[Need::Veth], ipsec),
        Case::new("frames::maelstrom", &[Need::Veth], maelstrom),
        Case::new("frames::losses", &[Need::Veth], losses),
        Case::new("frames::saturate", &[Need::Veth], saturate),
        Case::new("frames::overload", &[Need::Veth], overload),
        Case::new("frames::one_flow", &[Need::Veth], one_flow),
        Case::new("frames::plan", &[], plan),
        Case::new("frames::lacking_placement", &[], lacking),
    ]
}

/// The ledger closes, and what arrived is what should have become of what was sent.
pub(crate) fn expect_delivered(trial: &Row) -> Result<()> {
    trial.expect_closed()?;
    let who = trial.who();
    let (answered, sent) = (trial.number("answered")?, trial.number("sent")?);
    ensure!(answered > 0, "{who}: nothing of {sent} arrived");
    let misfits = trial.counter("receiver", "misfits")?;
    ensure!(misfits == 0, "{who}: {misfits} arrived otherwise");
    let arrived = trial.counter("receiver", "frames_arrived")?;
    ensure!(
        i64::try_from(arrived)? == answered,
        "{who}: {arrived} were counted, {answered} are told"
    );
    let payload: f64 = trial.text("payload_gbps")?.parse()?;
    ensure!(payload > 0.0, "{who}: {payload} Gb/s of payload");
    ensure!(trial.number("frame_bytes")? == 1514, "{who}: another size");
    Ok(())
}

/// What has threads took the frames into user space, and the kernel's systems did not.
pub(crate) fn expect_path(trial: &Row, host: &str) -> Result<()> {
    let who = trial.who();
    let received = trial.counter(host, "frames_received")?;
    let answered = trial.number("answered")?;
    match trial.text("io")? {
        "kernel" | "xdp" => ensure!(received == 0, "{who}: {received} frames left the kernel"),
        _ => ensure!(
            i64::try_from(received)? >= answered,
            "{who}: threads took {received} of {answered} frames"
        ),
    }
    let cpus: f64 = trial.text("k_peer_cpus")?.parse()?;
    ensure!(cpus > 0.0, "{who}: NAPI threads used no time");
    let threads: f64 = trial.text("u_peer_cpus")?.parse()?;
    let has_threads = !matches!(trial.text("io")?, "kernel" | "xdp");
    ensure!(
        has_threads == (threads > 0.0),
        "{who}: threads used {threads} CPUs"
    );
    Ok(())
}

fn router(bench: &Bench) -> Result<()> {
    let run = bench.run(&shipped("smoke/netslice-router.yaml"), THREE_MINUTES)?;
    ensure!(run.trials.len() == 12, "{} trials", run.trials.len());
    for trial in &run.trials {
        expect_delivered(trial)?;
        expect_path(trial, "router host")?;
        expect_hardware(trial)?;
    }
    Ok(())
}

/// What the CPU counted for the system's threads is told by frame, or why there is nothing: no such counters, or no threads.
fn expect_hardware(trial: &Row) -> Result<()> {
    let who = trial.who();
    let hardware = trial.record()?.hardware;
    let hardware = hardware.with_context(|| format!("{who}: no word about hardware counters"))?;
    let told = ["cycles_per_frame", "instructions_per_frame"].map(|column| trial.text(column));
    match hardware.server {
        Hardware::Counted { .. } => {
            for cell in told {
                let each: f64 = cell?.parse()?;
                ensure!(each > 0.0, "{who}: {each} for a frame");
            }
        }
        Hardware::Absent { reason } => {
            let in_kernel = matches!(trial.text("io")?, "kernel" | "xdp");
            let expected = if in_kernel {
                "no threads"
            } else {
                "hardware counter"
            };
            ensure!(reason.contains(expected), "{who}: {reason}");
            for cell in told {
                ensure!(cell?.is_empty(), "{who}: counted, though {reason}");
            }
        }
    }
    // The sender has threads, whoever forwards.
    match hardware.client {
        Hardware::Counted { instructions, .. } => {
            ensure!(instructions > 0, "{who}: the sender did nothing");
        }
        Hardware::Absent { reason } => {
            ensure!(reason.contains("hardware counter"), "{who}: {reason}");
        }
    }
    Ok(())
}

/// Every frame that leaves was looked up by who was asked to; where that is the kernel, the mirror agrees with it.
fn routing(bench: &Bench) -> Result<()> {
    let spec = shipped("smoke/netslice-routing.yaml");
    let run = bench.run(&spec, THREE_MINUTES)?;
    ensure!(run.trials.len() == 2, "{} trials", run.trials.len());
    for trial in &run.trials {
        expect_delivered(trial)?;
        expect_path(trial, "router host")?;
        let who = trial.who();
        let slices = |name: &str| -> Result<u64> {
            let of = |slice| trial.counter("router host", &format!("slice-{slice} {name}"));
            Ok(of(0)? + of(1)?)
        };
        let [by_kernel, by_mirror] = [slices("routed_by_kernel")?, slices("routed_by_mirror")?];
        let sent = trial.counter("router host", "frames_sent")?;
        let (checked, disagreed) = (
            slices("next_links_checked")?,
            slices("next_links_disagreed")?,
        );
        let kernel = trial.record()?.trial.system.routing == Some(spec::Routing::Kernel);
        let (expected, column) = match kernel {
            true => ((sent, 0), "kernel"),
            false => ((0, sent), "mirror"),
        };
        ensure!(
            (by_kernel, by_mirror) == expected,
            "{who}: {by_kernel} by the kernel, {by_mirror} by the mirror, {sent} sent"
        );
        ensure!(
            disagreed == 0 && (checked > 0) == kernel && checked >= by_kernel / 64,
            "{who}: {checked} compared, {disagreed} of them wrong"
        );
        ensure!(trial.text("routing")? == column, "{who}: told otherwise");
    }
    let checked = bench.finish(bench.experiment(["check"]).arg(&spec), THREE_MINUTES)?;
    checked.expect_code(0)?;
    let told = "to told the kernel tells each frame's route as it comes";
    ensure!(checked.out.contains(told), "{told}: {}", checked.out);
    let inspecting = "
name: refused
topology: {kind: chain, queues: 1}
traffic: {processor: inspect}
systems: [{system: netslice, routing: kernel}]
phases: {warmup: 0 s, measure: 100 ms, timeout: 50 ms}
";
    let reason = "`routing: kernel` belongs to `processor: router`";
    bench.expect_refused(inspecting, &[reason], THREE_MINUTES)
}

fn inspect(bench: &Bench) -> Result<()> {
    let run = bench.run(&shipped("smoke/netslice-inspect.yaml"), THREE_MINUTES)?;
    ensure!(run.trials.len() == 7, "{} trials", run.trials.len());
    for trial in &run.trials {
        expect_delivered(trial)?;
        expect_path(trial, "router host")?;
    }
    Ok(())
}

/// The kernel's own gateway is there where the kernel has ESP, and refused with the reason where not.
fn ipsec(bench: &Bench) -> Result<()> {
    let spec = shipped("smoke/netslice-ipsec.yaml");
    let finished = bench.finish(&mut bench.run_command(&spec, &[]), THREE_MINUTES)?;
    let run = bench.only_run()?;
    for trial in &run.trials {
        expect_delivered(trial)?;
        for host in ["egress host", "ingress host"] {
            expect_path(trial, host)?;
        }
        // A frame of 1514 B is a packet of 1500 and two bytes of trailer, padded to blocks of 16; before it an outer header,
        // an ESP header and an initialisation vector, behind it 16 bytes that tell that nothing was changed.
        let whole = 1514.0 / f64::from(14 + 20 + 8 + 16 + 1504 + 16);
        let share: f64 = trial.text("goodput_share")?.parse()?;
        let on_link = trial.counter("egress host", "egress1 tx_packets")?;
        let delivered = trial.number("answered")? as f64 / on_link as f64;
        ensure!(
            (share - whole * delivered).abs() < 0.001,
            "{}: {share} of the link's bytes, not {whole} of the {delivered} that were delivered",
            trial.who()
        );
    }
    let refused = refusals(&run)?;
    if refused.is_empty() {
        finished.expect_code(0)?;
        ensure!(run.trials.len() == 8, "{} trials", run.trials.len());
        return Ok(());
    }
    ensure!(refused == ["kernel_ipsec"], "refused: {refused:?}");
    ensure!(run.trials.len() == 7, "{} trials", run.trials.len());
    finished.expect_code(0)?;
    finished.expect_told(&["refused: block 1, kernel_ipsec", "ESP"])
}

/// Labels of the trials that the machine could not run.
fn refusals(run: &Run) -> Result<Vec<String>> {
    let failures = run.failures()?;
    let refused = failures.iter().filter(|row| row["status"] == "refused");
    Ok(refused.map(|row| row["label"].clone()).collect())
}

/// What the link loses is counted, most of it is recovered, and the ledger knows both. Systems that spoil a proxy's stream
/// are refused with the reason.
fn maelstrom(bench: &Bench) -> Result<()> {
    let run = bench.run(&shipped("smoke/netslice-maelstrom.yaml"), THREE_MINUTES)?;
    ensure!(run.trials.len() == 4, "{} trials", run.trials.len());
    for trial in &run.trials {
        expect_delivered(trial)?;
        let who = trial.who();
        let (lost, recovered, repairs) = (
            trial.number("lost")?,
            trial.number("recovered")?,
            trial.number("repairs")?,
        );
        ensure!(lost > 0, "{who}: the link lost nothing");
        ensure!(
            recovered > 0 && recovered <= lost,
            "{who}: {recovered} of {lost} recovered"
        );
        expect_times(trial)?;
        let beside = trial.number("further_parts")?;
        ensure!(
            beside >= recovered,
            "{who}: {recovered} recovered, {beside} beside the missing ones"
        );
        // A layer repairs a group of at least one packet at a time; one that is not full for long is repaired as it is.
        let sent = trial.number("sent")?;
        ensure!(
            repairs > 0 && repairs <= 3 * sent,
            "{who}: {repairs} repairs for {sent} frames"
        );
    }
    Ok(())
}

/// For how long recovered frames had been missing is a distribution, of no more than were recovered.
fn expect_times(trial: &Row) -> Result<()> {
    let who = trial.who();
    let [p50, p99, most] =
        ["p50", "p99", "max"].map(|name| trial.number(&format!("recovery_{name}_ns")));
    let (p50, p99, most) = (p50?, p99?, most?);
    ensure!(
        0 < p50 && p50 <= p99 && p99 <= most,
        "{who}: {p50}, {p99}, {most} ns"
    );
    let (timed, longest) = trial.logged("recovery.hlog")?;
    let recovered = trial.number("recovered")?;
    // The first frames of a stream may be lost before any has shown that they are missing.
    ensure!(
        timed > 0 && i64::try_from(timed)? <= recovered,
        "{who}: {timed} times of {recovered} recovered"
    );
    ensure!(
        i64::try_from(longest)? == most,
        "{who}: {longest} ns in recovery.hlog, {most} in trials.csv"
    );
    Ok(())
}

/// What a link loses is swept, alone and in bursts, and what comes back is what the code gives behind such a link.
fn losses(bench: &Bench) -> Result<()> {
    let run = bench.run(&shipped("smoke/netslice-losses.yaml"), THREE_MINUTES)?;
    let (mut seen, mut compared) = (Vec::new(), 0);
    for trial in &run.trials {
        expect_delivered(trial)?;
        expect_times(trial)?;
        let who = trial.who();
        let share: f64 = trial.text("loss_share")?.parse()?;
        let burst = u32::try_from(trial.number("loss_burst")?)?;
        seen.push((trial.text("swept")?.to_owned(), share, burst));
        let (lost, recovered) = (trial.number("lost")?, trial.number("recovered")?);
        let theory = analysis::recovery::peeled(8, 3, share, burst);
        let theory = theory.with_context(|| format!("{who}: no theory"))?;
        ensure!(recovered <= lost, "{who}: {recovered} of {lost} recovered");
        // What a busy machine's devices and rings lose besides is no loss that theory knows of.
        if trial.dropped_but_for("path")? > 0 {
            continue;
        }
        compared += 1;
        let measured = recovered as f64 / lost as f64;
        // Some tens of bursts, each recovered or not.
        ensure!(
            (measured - theory).abs() < 0.2,
            "{who}: {recovered} of {lost} recovered, theory says {theory}"
        );
    }
    ensure!(compared > 0, "each trial lost frames elsewhere too");
    seen.sort_by(|a, b| a.0.cmp(&b.0));
    let expected = [
        ("loss 2 %, loss_burst 1", 0.02, 1),
        ("loss 2 %, loss_burst 10", 0.02, 10),
        ("loss 5 %, loss_burst 1", 0.05, 1),
        ("loss 5 %, loss_burst 10", 0.05, 10),
    ];
    let expected = expected.map(|(swept, share, burst)| (swept.to_owned(), share, burst));
    ensure!(seen == expected, "swept: {seen:?}");
    Ok(())
}

fn saturate(bench: &Bench) -> Result<()> {
    let run = bench.run(&shipped("smoke/netslice-saturate.yaml"), THREE_MINUTES)?;
    ensure!(run.trials.len() == 8, "{} trials", run.trials.len());
    for trial in &run.trials {
        trial.expect_closed()?;
        let who = trial.who();
        for column in ["offered_rps", "p50_ns", "send_lag_p99_ns"] {
            ensure!(
                trial.text(column)?.is_empty(),
                "{who}: {column} is not empty"
            );
        }
        let (offered, answered) = (trial.number("offered")?, trial.number("answered")?);
        ensure!(answered > 0, "{who}: nothing of {offered} arrived");
        let made = trial.counter("sender", "frames_made")?;
        ensure!(
            i64::try_from(made)? == offered,
            "{who}: {made} made, {offered} offered"
        );
    }
    Ok(())
}

/// More than the systems take: what is lost, and where, is in the ledger to the frame.
fn overload(bench: &Bench) -> Result<()> {
    let spec = bench.spec(
        "overload",
        "
name: overload
topology: {kind: chain, queues: 1}
traffic: {processor: router, frame_size: 60 B}
systems: [kernel_forward, netslice, raw_socket, pcap_mmap, {system: raw_parallel, label: copies, owners: 2, filters: false}]
phases: {warmup: 100 ms, measure: 400 ms, timeout: 100 ms}
",
    )?;
    let run = bench.run(&spec, THREE_MINUTES)?;
    ensure!(run.trials.len() == 5, "{} trials", run.trials.len());
    let mut lost_inside = 0;
    for trial in &run.trials {
        trial.expect_closed()?;
        let number = |column| trial.number(column);
        let (offered, answered) = (number("offered")?, number("answered")?);
        ensure!(
            answered > 0 && answered < offered,
            "{}: {answered} of {offered}",
            trial.who()
        );
        lost_inside += number("timed_out")?;
        if trial.text("label")? == "copies" {
            expect_lost_by_copies(trial)?;
        }
    }
    ensure!(lost_inside > 0, "no system lost a frame that it was given");
    Ok(())
}

/// Where each of two sockets gets a copy of every frame, frames were lost, and no more of them than copies.
fn expect_lost_by_copies(trial: &Row) -> Result<()> {
    let frames = u64::try_from(trial.number("drop_packet_socket")?)?;
    let mut copies = 0;
    for socket in 0..2 {
        let counter = format!("router0 socket {socket} packet_socket");
        copies += trial.counter("router host", &counter)?;
    }
    ensure!(
        frames > 0 && frames <= copies,
        "{frames} frames were lost by {copies} copies"
    );
    Ok(())
}

/// A single flow is a single queue's: the others stay without work.
fn one_flow(bench: &Bench) -> Result<()> {
    let spec = bench.spec(
        "one-flow",
        "
name: one-flow
topology: {kind: chain, queues: 2}
traffic: {processor: router, flows: 1, arrivals: fixed, burst: 8}
systems: [netslice]
load: {rates: [4 kframes/s]}
phases: {warmup: 0 s, measure: 300 ms, timeout: 100 ms}
",
    )?;
    let run = bench.run(&spec, THREE_MINUTES)?;
    let trial = run.only_trial()?;
    expect_delivered(trial)?;
    let of_queue = |queue: u8| {
        let counter = format!("router0 ethtool rx_queue_{queue}_xdp_packets");
        trial.counter("router host", &counter)
    };
    let queues = [of_queue(0)?, of_queue(1)?];
    let sent = u64::try_from(trial.number("sent")?)?;
    ensure!(
        queues.contains(&sent) && queues.contains(&0),
        "{sent} frames came by queues {queues:?}"
    );
    Ok(())
}

/// What `check` tells of a plan.
fn plan(bench: &Bench) -> Result<()> {
    let spec = shipped("smoke/netslice-router.yaml");
    let checked = bench.finish(bench.experiment(["check"]).arg(&spec), THREE_MINUTES)?;
    checked.expect_code(0)?;
    for told in [
        "sender host, a network namespace of its own",
        "router host, a network namespace of its own",
        "create veth sender0 - router0, 2 queues, mtu 1500",
        "create veth router1 - receiver0, 2 queues, mtu 1500",
        "k-peers on",
    ] {
        ensure!(checked.out.contains(told), "{told}: {}", checked.out);
    }
    Ok(())
}

/// A placement that the machine does not have is refused with those that it has.
fn lacking(bench: &Bench) -> Result<()> {
    let spec = |placement: &str| {
        bench.spec(
            "placed",
            &format!(
                "
name: placed
topology: {{kind: chain, queues: 1}}
traffic: {{processor: router}}
systems: [{{system: netslice, placement: {placement}}}]
phases: {{warmup: 0 s, measure: 100 ms, timeout: 50 ms}}
"
            ),
        )
    };
    let mut refused = 0;
    for placement in ["smt_sibling", "same_llc", "same_node", "other_node"] {
        let path = spec(placement)?;
        let checked = bench.finish(bench.experiment(["check"]).arg(&path), THREE_MINUTES)?;
        if checked.status.code() == Some(0) {
            continue;
        }
        checked.expect_code(1)?;
        refused += 1;
        for told in ["refused here: netslice", placement, "remedy", "same_cpu"] {
            ensure!(checked.out.contains(told), "{told}: {}", checked.out);
        }
    }
    // No machine is all of these at once: two CPUs are of one kind.
    ensure!(refused > 0, "every placement was found");
    Ok(())
}
