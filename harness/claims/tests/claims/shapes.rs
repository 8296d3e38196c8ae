//! Claims about a shape: a gap that shrinks, the least of several, a level part before a rise. Those of NetSlices are held against
//! runs of which it is known whether they have it.

use claims::Verdict::{Contradicted, Inconclusive, NotTestable, Reproduced};
use claims::{Claim, Finding};
use record::{FailureStatus, RunFolder};
use spec::{PeerPlacement, Spec, Trial, expand};
use tempfile::TempDir;

use crate::frames::{delivering, made, routed, saturated};
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

const RATES: [f64; 5] = [10e3, 25e3, 50e3, 100e3, 200e3];

/// A run of Table 2's kind: payload for each busy CPU by the rate.
fn over_rates(gbps_per_cpu: impl Fn(f64) -> f64) -> Finding {
    let rates = "10 kframes/s, 25 kframes/s, 50 kframes/s, 100 kframes/s, 200 kframes/s";
    let load = format!(", arrivals: fixed}}\nload: {{rates: [{rates}]}}");
    let (_output, folder) = run(&routed("netslice", &load), |trial| {
        let rate = trial.load.rate().expect("an open loop").per_second();
        // In 500 ms, of 1472 B each.
        let gbps = rate * 1472.0 * 8.0 / 1e9;
        delivering(trial, gbps, gbps / gbps_per_cpu(rate))
    });
    finding(&shipped("netslice-cpu-knee"), &[folder])
}

#[test]
fn the_papers_own_table_bends_and_a_shared_cost_does_not() {
    let papers = over_rates(|rate| {
        let at = RATES.iter().position(|of| *of == rate).expect("a rate");
        let row = analysis::netslices::CPU_USE[at];
        row.gbps / row.total.cpus
    });
    assert_eq!(papers.verdict, Reproduced, "{papers:?}");
    // 5 us a frame, and a twentieth of a CPU whatever the rate.
    let shared = over_rates(|rate| rate * 1472.0 * 8.0 / 1e9 / (0.05 + rate * 5e-6));
    assert_eq!(shared.verdict, Contradicted, "{shared:?}");
    assert!(shared.why.contains("kframes/s"), "{shared:?}");
    // In proportion throughout.
    let level = over_rates(|_| 3.0);
    assert_eq!(level.verdict, Contradicted, "{level:?}");
    assert!(level.why.starts_with("at 200 kframes/s"), "{level:?}");
}

#[test]
fn a_plateau_needs_loads_beyond_it() {
    let load = ", arrivals: fixed}\nload: {rates: [10 kframes/s, 25 kframes/s, 50 kframes/s]}";
    let (_output, folder) = run(&routed("netslice", load), |trial| {
        delivering(trial, 1.0, 0.5)
    });
    let found = finding(&shipped("netslice-cpu-knee"), &[folder]);
    assert_eq!(found.verdict, Inconclusive, "{found:?}");
    assert!(found.why.contains("4 loads or more: 3 found"), "{found:?}");
}

#[test]
fn shapes_that_nothing_could_have_are_refused() {
    let slice = "{server: {system: netslice}}";
    let wrong = |test: &str| {
        let text = text("forwarding", &format!("test: {{{test}}}"));
        let error = Claim::parse(&text, "made.yaml").expect_err("wrong");
        error.to_string()
    };
    let plateau = |rest: &str| {
        wrong(&format!(
            "plateau: {{metric: gbps_per_cpu, of: {slice}, {rest}}}"
        ))
    };
    let level = plateau("loads: 3, within: 0.3, factor: 1.2");
    assert!(level.contains("`factor` must be above 1.3"), "{level}");
    let one = plateau("loads: 1, within: 0.1, factor: 1.2");
    assert!(one.contains("test.plateau.loads"), "{one}");
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
