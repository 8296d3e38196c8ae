//! Packet systems: what may be compared with what, and what is a part of a design.

use claims::Claim;
use claims::Verdict::{Contradicted, NotTestable, Reproduced};
use record::{FailureStatus, FrameResult, RunFolder};
use serde_json::json;
use spec::{PeerPlacement, Share, Spec, SystemKind, expand};

use crate::frames::{delivering, made, routed, saturated};
use crate::support::{Shape, claim, finding, run, text, wobble};

const KERNEL: &str = "{server: {system: kernel_forward}}";
const SLICE: &str = "{server: {system: netslice}}";

fn ratio(of: &str, to: &str, limits: &str) -> Claim {
    let test =
        format!("test: {{ratio: {{metric: payload_gbps, of: {of}, to: {to}, limits: {limits}}}}}");
    claim("forwarding", &test)
}

#[test]
fn whole_designs_are_compared_whatever_their_io_and_threads() {
    let spec = saturated("kernel_forward, netslice", "");
    let (_output, runs) = made(&spec, |trial| {
        let kernel = trial.system.system == SystemKind::KernelForward;
        if kernel { 4.0 } else { 3.0 }
    });
    let found = finding(
        &ratio(SLICE, KERNEL, "{at_least: 0.7, at_most: 0.8}"),
        &runs,
    );
    assert_eq!((found.verdict, found.blocks), (Reproduced, 10), "{found:?}");
    let bound = |metric: &str, limits: &str| {
        let test = format!("test: {{bound: {{metric: {metric}, of: {SLICE}, limits: {limits}}}}}");
        finding(&claim("forwarding", &test), &runs).verdict
    };
    assert_eq!(
        bound("u_peer_cpus", "{at_least: 0.49, at_most: 0.51}"),
        Reproduced
    );
    assert_eq!(bound("k_peer_cpus", "{at_most: 0}"), Reproduced);
    assert_eq!(
        bound("gbps_per_cpu", "{at_least: 5.8, at_most: 6.2}"),
        Reproduced
    );
    assert_eq!(bound("goodput_share", "{at_least: 0.1}"), NotTestable);
}

#[test]
fn frames_and_requests_are_different_subjects() {
    let told = |subject: &str, of: &str| {
        let test = format!("test: {{bound: {{metric: p50_ns, of: {of}, limits: {{at_most: 1}}}}}}");
        let error = Claim::parse(&text(subject, &test), "made.yaml").expect_err("wrong");
        error.to_string()
    };
    let steering = told("steering", SLICE);
    assert!(
        steering.contains("netslice forwards frames: the claim's subject is `forwarding`"),
        "{steering}"
    );
    let forwarding = told("forwarding", "{server: {system: xdp_steered}}");
    assert!(
        forwarding.contains("xdp_steered forwards no frames"),
        "{forwarding}"
    );
}

#[test]
fn options_that_are_not_named_are_the_defaults() {
    let sweep = "sweep: {batch: [1, 64, 256], placement: [nearest, same_cpu]}";
    let (_output, runs) = made(&saturated("netslice", sweep), |trial| {
        let same = trial.system.placement == Some(PeerPlacement::SameCpu);
        let placed = if same { 0.5 } else { 1.0 };
        placed * f64::from(trial.system.batch.unwrap_or(0)) / 64.0
    });
    let with = |with: &str| format!("{{server: {{system: netslice, with: {{{with}}}}}}}");
    for (of, to, ratio_of) in [
        (with("batch: 256"), SLICE.to_owned(), 4.0),
        (with("batch: 256"), with("batch: 1"), 256.0),
        (with("placement: same_cpu"), SLICE.to_owned(), 0.5),
        (with("batch: 1, placement: same_cpu"), with("batch: 1"), 0.5),
    ] {
        let limits = format!(
            "{{at_least: {}, at_most: {}}}",
            ratio_of * 0.9,
            ratio_of * 1.1
        );
        let found = finding(&ratio(&of, &to, &limits), &runs);
        assert_eq!(found.verdict, Reproduced, "{of} {to}: {found:?}");
    }
}

/// A packet socket passes the queueing discipline by or not, which a slice cannot choose: no reason not to compare the two.
#[test]
fn how_sockets_send_is_a_part_of_their_design() {
    let bypass = "{system: pcap_mmap, label: bypass, qdisc_bypass: true}";
    let spec = saturated(&format!("netslice, pcap_mmap, {bypass}"), "");
    let (_output, runs) = made(&spec, |trial| match trial.system.label.as_str() {
        "netslice" => 8.0,
        "bypass" => 4.0,
        _ => 2.0,
    });
    let cell = |rest: &str| format!("{{server: {{system: pcap_mmap{rest}}}}}");
    for (to, limits) in [
        (cell(""), "{at_least: 3.6, at_most: 4.4}"),
        (cell(", label: bypass"), "{at_least: 1.8, at_most: 2.2}"),
    ] {
        let found = finding(&ratio(SLICE, &to, limits), &runs);
        assert_eq!(found.verdict, Reproduced, "{to}: {found:?}");
    }
}

#[test]
fn growth_is_held_against_the_number_of_queues() {
    let spec = saturated("netslice", "sweep: {queues: [1, 2, 4]}");
    let linear = claim(
        "forwarding",
        &format!(
            "test: {{linearity: {{metric: payload_gbps, of: {SLICE}, over: queues, within: 0.1}}}}"
        ),
    );
    let (_grows, grows) = made(&spec, |trial| f64::from(trial.topology.queues));
    assert_eq!(finding(&linear, &grows).verdict, Reproduced);
    let (_stays, stays) = made(&spec, |_| 1.0);
    assert_eq!(finding(&linear, &stays).verdict, Contradicted);
}

#[test]
fn differences_are_of_pairs_and_in_the_metrics_unit() {
    let spec = routed(
        "kernel_forward, netslice",
        ", arrivals: fixed, round_trip: true}\nload: {rates: [10 kframes/s]}",
    );
    // What both suffer in a block is taken away.
    let (_output, folder) = run(&spec, |trial| {
        let slice = trial.system.system == SystemKind::Netslice;
        let shared = 100_000.0 * wobble(trial.block, 0, 0.5);
        Shape {
            latency_ns: shared + if slice { 20_000.0 } else { 0.0 },
            ..delivering(trial, 1.0, 0.5)
        }
    });
    let runs = [folder];
    let added = |limit: u32| {
        let test = format!(
            "test: {{difference: {{metric: p50_ns, of: {SLICE}, to: {KERNEL}, limits: {{at_most: {limit}}}}}}}"
        );
        finding(&claim("forwarding", &test), &runs)
    };
    let within = added(28_000);
    assert_eq!(
        (within.verdict, within.unit.as_str()),
        (Reproduced, "ns"),
        "{within:?}"
    );
    assert!(
        within
            .value
            .is_some_and(|ns| (19_000.0..21_000.0).contains(&ns)),
        "{within:?}"
    );
    assert_eq!(added(15_000).verdict, Contradicted);
}

/// What a link loses makes a place of its own, though a claim that names the processor leaves its options open.
#[test]
fn losses_of_a_link_are_not_mixed() {
    let text = "
name: made
topology: {kind: pair, queues: 1}
systems: [netslice]
traffic: {processor: maelstrom}
sweep: {loss: [1 %, 10 %], loss_burst: [1, 10]}
phases: {warmup: 100 ms, measure: 500 ms, timeout: 100 ms}
blocks: 10
";
    let spec = Spec::parse(text, "made.yaml").unwrap_or_else(|error| panic!("{error}"));
    let (_output, folder) = run(&spec, |trial| {
        let link = trial.traffic().and_then(|it| it.processor.code());
        let link = link.expect("a code");
        let alone = (link.loss, link.burst) == (Share(10_000), 1);
        let shape = delivering(trial, 1.0, 0.5);
        let recovered = if alone { 990 } else { 500 };
        let of = |frames| FrameResult {
            recovered,
            lost: Some(1000),
            ..frames
        };
        Shape {
            frames: shape.frames.map(of),
            ..shape
        }
    });
    let runs = [folder];
    let recovers = |with: &str| {
        let of = format!("{{server: {{system: netslice, with: {{processor: maelstrom{with}}}}}}}");
        let test = format!(
            "test: {{bound: {{metric: recovered_share, of: {of}, limits: {{at_least: 0.98}}}}}}"
        );
        finding(&claim("forwarding", &test), &runs)
    };
    let alone = recovers(", loss: 1 %, loss_burst: 1");
    assert_eq!((alone.verdict, alone.blocks), (Reproduced, 10), "{alone:?}");
    for with in ["", ", loss: 1 %", ", loss_burst: 1"] {
        let several = recovers(with);
        assert_eq!(
            (several.verdict, several.blocks),
            (Contradicted, 10),
            "{several:?}"
        );
        let place = "maelstrom r 8 c 3 loss 1";
        assert!(several.why.contains(place), "{with}: {several:?}");
    }
}

#[test]
fn what_the_machine_refused_is_told_with_its_reason() {
    let spec = saturated("netslice, kernel_forward", "");
    let (_output, mut folder) = run(&saturated("netslice", ""), |trial| {
        delivering(trial, 1.0, 0.5)
    });
    let refused = expand(&spec)
        .into_iter()
        .find(|trial| trial.system.system == SystemKind::KernelForward);
    let reason = "no forwarding in this kernel";
    folder
        .record_failure(
            &refused.expect("it is in the spec"),
            1,
            FailureStatus::Refused,
            reason,
        )
        .expect("recorded");
    let found = finding(&ratio(SLICE, KERNEL, "{at_least: 1}"), &[folder]);
    assert_eq!(found.verdict, NotTestable);
    for part in ["kernel_forward: refused on this machine", reason] {
        assert!(found.why.contains(part), "{found:?}");
    }
}

#[test]
fn a_machine_with_too_few_cpus_is_told_so() {
    let bound = claim(
        "forwarding",
        &format!(
            "needs: [{{cpus: 4}}]\ntest: {{bound: {{metric: payload_gbps, of: {SLICE}, limits: {{at_least: 0.5}}}}}}"
        ),
    );
    let (_output, [mut folder]) = made(&saturated("netslice", ""), |_| 1.0);
    let mut on = |cpus: usize| {
        let topology = json!({"cpus": vec![json!({"id": 0}); cpus]});
        let environment =
            json!({"cpu_model": "abacus", "kernel_release": "6.18", "topology": topology});
        folder
            .update_run(|run| run.environment = environment)
            .expect("written");
        let runs = [RunFolder::open(folder.path()).expect("a result")];
        finding(&bound, &runs)
    };
    let few = on(2);
    assert_eq!(few.verdict, NotTestable);
    assert_eq!(few.why, "missing: a machine with 4 CPUs (this one has 2)");
    assert_eq!(on(4).verdict, Reproduced);
}
