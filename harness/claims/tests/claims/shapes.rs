//! Claims about a shape: a gap that shrinks, the least of several. Those of NetSlices are held against
//! runs of which it is known whether they have it.

use claims::Verdict::{Contradicted, Inconclusive, NotTestable, Reproduced};
use claims::{Claim, Finding};
use record::{FailureStatus, RunFolder};
use spec::{PeerPlacement, Spec, Trial, expand};
use tempfile::TempDir;

use crate::frames::{delivering, made, saturated};
use crate::support::{claim, finding, run, text, wobble};

fn shipped(id: &str) -> Claim {
    let all = claims::shipped().unwrap_or_else(|error| panic!("{error}"));
    let found = all.into_iter().find(|claim| claim.id == id);
    found.unwrap_or_else(|| panic!("no {id}"))
}

fn placed(placements: &str) -> Spec {
    let sweep = format!("sweep: {{batch: [1, 256], placement: [{placements}]}}");
    saturated("netslice", &sweep)
}

/// What the different chip has of the same chip, without batches and with 256 vectors.
fn chips(single: f64, batched: f64) -> Finding {
    let (_output, runs) = made(&placed("same_llc, other_node"), |trial| {
        let batched_here = trial.system.batch == Some(256);
        match trial.system.placement {
            Some(PeerPlacement::OtherNode) if batched_here => 2.0 * batched,
            Some(PeerPlacement::OtherNode) => single,
            Some(_) | None => 1.0 + f64::from(u8::from(batched_here)),
        }
    });
    finding(&shipped("netslice-batches-close-the-chip-gap"), &runs)
}

#[test]
fn a_gap_that_shrinks_is_one_that_was_there() {
    let shrinks = chips(0.4, 0.85);
    assert_eq!(
        (shrinks.verdict, shrinks.blocks, shrinks.unit.as_str()),
        (Reproduced, 10, "ratio"),
        "{shrinks:?}"
    );
    assert_eq!(chips(0.8, 0.99).verdict, Reproduced);
    // There never was one, nothing changes, it shrinks by a third only, it grows, it is turned round.
    for (single, batched) in [(1.0, 1.0), (0.6, 0.6), (0.4, 0.6), (0.8, 0.5), (0.6, 1.5)] {
        let found = chips(single, batched);
        assert_ne!(found.verdict, Reproduced, "{single} {batched}: {found:?}");
        if single < 1.0 {
            assert_eq!(found.verdict, Contradicted, "{single} {batched}: {found:?}");
        }
    }
    let other = chips(1.2, 1.0);
    assert_eq!(other.verdict, Contradicted, "{other:?}");
    assert!(other.why.contains("between the first two"), "{other:?}");
}

#[test]
fn a_gap_is_of_four_cells_that_were_measured() {
    let (_output, runs) = made(&placed("same_llc"), |_| 1.0);
    let found = finding(&shipped("netslice-batches-close-the-chip-gap"), &runs);
    assert_eq!(
        (found.verdict, found.no_run),
        (NotTestable, true),
        "{found:?}"
    );
}

/// A run of the placements of Figure 5 of which this machine refuses the hyperthread and the other chip.
fn placements(gbps: impl Fn(&Trial) -> f64) -> (TempDir, RunFolder) {
    let here = placed("nearest, os_default, same_cpu, same_llc");
    let (output, mut folder) = run(&here, |trial| delivering(trial, gbps(trial), 0.5));
    for trial in expand(&placed("smt_sibling, other_node")) {
        let reason = "this machine has none";
        folder
            .record_failure(&trial, 1, FailureStatus::Refused, reason)
            .expect("recorded");
    }
    (output, folder)
}

#[test]
fn the_least_of_all_placements_is_below_each_that_the_machine_has() {
    let worst = shipped("netslice-same-cpu-worst");
    let judged = |same_cpu: f64, os_default: f64| {
        let (_output, folder) = placements(|trial| {
            let placement = trial.system.placement.expect("a slice has one");
            let gbps = if placement == PeerPlacement::SameCpu {
                same_cpu
            } else if placement == PeerPlacement::OsDefault {
                os_default
            } else {
                2.0
            };
            gbps * wobble(trial.block, placement as u32, 0.1)
        });
        finding(&worst, &[folder])
    };
    let least = judged(1.0, 1.5);
    assert_eq!(least.verdict, Reproduced, "{least:?}");
    for told in [
        "the nearest of 3 places",
        "refused on this machine",
        "smt_sibling",
        "other_node",
    ] {
        assert!(least.why.contains(told), "{told}: {least:?}");
    }
    // Below the scheduler's choice, but not below the others.
    let above = judged(3.0, 4.0);
    assert_eq!(above.verdict, Contradicted, "{above:?}");
    let unclear = judged(1.5, 1.5);
    assert_eq!(unclear.verdict, Inconclusive, "{unclear:?}");
}

#[test]
fn what_nobody_ran_is_no_refusal() {
    let (_output, runs) = made(&placed("nearest, os_default, same_cpu"), |_| 1.0);
    let found = finding(&shipped("netslice-same-cpu-worst"), &runs);
    assert_eq!(
        (found.verdict, found.no_run),
        (NotTestable, true),
        "{found:?}"
    );
}

#[test]
fn shapes_that_nothing_could_have_are_refused() {
    let slice = "{server: {system: netslice}}";
    let wrong = |test: &str| {
        let text = text("forwarding", &format!("test: {{{test}}}"));
        let error = Claim::parse(&text, "made.yaml").expect_err("wrong");
        error.to_string()
    };
    let gap = format!("{{below: {slice}, above: {slice}}}");
    let all = wrong(&format!(
        "shrinking_gap: {{metric: payload_gbps, wide: {gap}, narrow: {gap}, left: 1.5}}"
    ));
    assert!(all.contains("a share between 0 and 1"), "{all}");
    let requests = "{below: {server: {system: xdp_steered}}, above: {server: {system: netslice}}}";
    let mixed = wrong(&format!(
        "shrinking_gap: {{metric: payload_gbps, wide: {gap}, narrow: {requests}, left: 0.5}}"
    ));
    assert!(mixed.contains("xdp_steered forwards no frames"), "{mixed}");
    let none = wrong(&format!(
        "least: {{metric: payload_gbps, of: {slice}, among: []}}"
    ));
    assert!(none.contains("test.least.among"), "{none}");
    let least = format!("test: {{least: {{metric: payload_gbps, of: {slice}, among: [{slice}]}}}}");
    assert_eq!(
        claim("forwarding", &least).test.expect("a test").name(),
        "least"
    );
}
