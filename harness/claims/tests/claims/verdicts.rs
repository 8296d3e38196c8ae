//! Each kind of test reaches each verdict, on runs whose numbers are known.

use claims::Verdict::{Contradicted, Inconclusive, NotTestable, Reproduced};
use spec::{Io, SystemKind, Trial};

use crate::support::{
    QUIET, SPHINX, Shape, XDP, apart, claim, finding, found, is, made, run, spec_of, verdict,
    wobble,
};

const SPHINX_UDP: &str = "{server: {system: sphinx, io: udp}}";
const SEASTAR: &str = "{server: {system: seastar, io: af_xdp}}";

fn load(trial: &Trial) -> f64 {
    trial.load.rate().expect("open loops").per_second()
}

#[test]
fn an_ordering_is_as_the_interval_lies() {
    let below = |cells: [&str; 2]| {
        claim(
            "steering",
            &format!(
                "test: {{ordering: {{metric: p99_ns, ascending: [{}, {}]}}}}",
                cells[0], cells[1]
            ),
        )
    };
    let ours = below([XDP, SPHINX]);
    let clear = found(&ours, 12, apart(1.5, 0.02));
    assert_eq!(clear.verdict, Reproduced, "{clear:?}");
    let (value, low, high) = (
        clear.value.unwrap(),
        clear.low.unwrap(),
        clear.high.unwrap(),
    );
    assert!(
        low <= value && value <= high && low > 1.3 && high < 1.7,
        "{clear:?}"
    );
    assert_eq!((clear.blocks, clear.unit.as_str()), (12, "ratio"));
    assert_eq!(verdict(&ours, 12, apart(0.7, 0.02)), Contradicted);
    let unclear = found(&ours, 12, apart(1.0, 0.2));
    assert_eq!(unclear.verdict, Inconclusive);
    assert!(
        unclear.why.contains("includes the limit 1: "),
        "{unclear:?}"
    );
    assert_eq!(
        verdict(&below([XDP, SEASTAR]), 12, apart(1.5, 0.02)),
        NotTestable
    );
}

#[test]
fn a_ratio_keeps_to_its_limits_or_does_not() {
    let limits = |limits: &str| {
        claim(
            "steering",
            &format!(
                "test: {{ratio: {{metric: cpu_ns_per_request, of: {SPHINX}, to: {XDP}, \
                 limits: {{{limits}}}, at: highest_load}}}}"
            ),
        )
    };
    let (_output, runs) = made(12, apart(1.5, 0.02));
    let of = |text: &str| finding(&limits(text), &runs).verdict;
    assert_eq!(of("at_least: 1.2"), Reproduced);
    assert_eq!(of("at_least: 2"), Contradicted);
    assert_eq!(of("at_most: 1.2"), Contradicted);
    assert_eq!(of("at_most: 1.5"), Inconclusive);
    let few = verdict(&limits("at_least: 1.2"), 5, apart(1.5, 0.02));
    assert_eq!(few, Inconclusive);
    let loopback = |trial: &Trial| Shape {
        cpu_ns: None,
        ..apart(1.5, 0.02)(trial)
    };
    let missing = found(&limits("at_least: 1.2"), 12, loopback);
    assert_eq!(missing.verdict, NotTestable);
    assert!(missing.why.contains("is not recorded"), "{missing:?}");
}

#[test]
fn a_bound_speaks_of_one_cell() {
    let bound = |metric: &str, cell: &str, limits: &str| {
        claim(
            "steering",
            &format!("test: {{bound: {{metric: {metric}, of: {cell}, limits: {{{limits}}}}}}}"),
        )
    };
    let (_output, runs) = made(12, apart(1.5, 0.02));
    let none = finding(&bound("handoffs_per_request", XDP, "at_most: 0"), &runs);
    assert_eq!(none.verdict, Reproduced);
    let half = finding(&bound("handoffs_per_request", SPHINX, "at_most: 0"), &runs);
    assert_eq!((half.verdict, half.value), (Contradicted, Some(0.5)));
    let low = finding(&bound("p50_ns", XDP, "at_most: 100000"), &runs);
    assert_eq!(low.verdict, Inconclusive);
    let busiest = finding(&bound("busiest_owner_share", XDP, "at_least: 0.6"), &runs);
    assert_eq!((busiest.verdict, busiest.value), (Reproduced, Some(0.6)));
    let frames = finding(
        &bound("frame_returns_per_request", XDP, "at_most: 0"),
        &runs,
    );
    assert_eq!(frames.verdict, NotTestable);
}

#[test]
fn beyond_the_timeout_is_beyond_every_limit() {
    let low = claim(
        "steering",
        &format!(
            "test: {{bound: {{metric: p99_ns, of: {XDP}, limits: {{at_most: 1000000}}, \
             at: lowest_load}}}}"
        ),
    );
    let lossy = |_: &Trial| Shape {
        unanswered: 20,
        ..QUIET
    };
    let (_output, runs) = made(12, lossy);
    let lost = finding(&low, &runs);
    assert_eq!(
        (lost.verdict, lost.value),
        (Contradicted, Some(f64::INFINITY))
    );
    // Both beyond it: the ratio could be anything.
    let order = claim(
        "steering",
        &format!("test: {{ordering: {{metric: p99_ns, ascending: [{XDP}, {SPHINX}]}}}}"),
    );
    let lost = finding(&order, &runs);
    assert_eq!((lost.verdict, lost.value), (Inconclusive, None));
    assert!(lost.why.contains("another load would decide"), "{lost:?}");
    // Only the loads that both serve are asked about.
    let served = claim(
        "steering",
        &format!(
            "test: {{ordering: {{metric: p99_ns, ascending: [{XDP}, {SPHINX}], \
             at: every_served_load}}}}"
        ),
    );
    assert_eq!(finding(&served, &runs).verdict, Inconclusive);
    let overloaded = |trial: &Trial| Shape {
        unanswered: if load(trial) > 15_000.0 { 500 } else { 0 },
        ..apart(1.5, 0.02)(trial)
    };
    assert_eq!(verdict(&served, 12, overloaded), Reproduced);
}

#[test]
fn a_contradiction_at_one_of_many_loads_is_one() {
    let order = claim(
        "steering",
        &format!("test: {{ordering: {{metric: p50_ns, ascending: [{XDP}, {SPHINX}]}}}}"),
    );
    let turned = |trial: &Trial| {
        let ratio = if load(trial) > 15_000.0 { 0.6 } else { 1.5 };
        apart(ratio, 0.02)(trial)
    };
    let turned = found(&order, 12, turned);
    assert_eq!(turned.verdict, Contradicted);
    assert!(turned.why.starts_with("at 20 kreq/s: "), "{turned:?}");
}

#[test]
fn a_knee_is_where_the_metric_bends() {
    let bends = |of: f64, to: f64| {
        move |trial: &Trial| {
            let at = if is(trial, SystemKind::XdpSteered, Io::AfXdp) {
                of
            } else {
                to
            };
            let growth = if load(trial) >= at { 10.0 } else { 1.0 };
            Shape {
                latency_ns: QUIET.latency_ns * growth * wobble(trial.block, 2, 0.02),
                ..QUIET
            }
        }
    };
    let later = claim(
        "steering",
        &format!(
            "test: {{knee: {{metric: p99_ns, of: {XDP}, factor: 3, to: {SPHINX}, \
             limits: {{at_least: 1.5}}}}}}"
        ),
    );
    let knees = |blocks: u32, of: f64, to: f64| {
        let systems = "{system: sphinx, label: sphinx_xsk, io: af_xdp}, xdp_steered";
        let spec = spec_of(blocks, systems, "5 kreq/s, 10 kreq/s, 20 kreq/s");
        let (output, folder) = run(&spec, bends(of, to));
        (output, [folder])
    };
    let (_later, runs) = knees(12, 20e3, 10e3);
    assert_eq!(finding(&later, &runs).verdict, Reproduced);
    let bound = |limits: &str| {
        claim(
            "steering",
            &format!(
                "test: {{knee: {{metric: p99_ns, of: {XDP}, factor: 3, limits: {{{limits}}}}}}}"
            ),
        )
    };
    assert_eq!(
        finding(&bound("at_least: 15000"), &runs).verdict,
        Reproduced
    );
    let (_earlier, runs) = knees(12, 10e3, 20e3);
    assert_eq!(finding(&later, &runs).verdict, Contradicted);
    // Bent nowhere counts as the highest load, which was measured.
    let (_never, runs) = knees(12, 1e9, 10e3);
    assert_eq!(finding(&later, &runs).verdict, Reproduced);
    let (_nowhere, runs) = knees(12, 1e9, 1e9);
    let nowhere = finding(&later, &runs);
    assert_eq!(nowhere.verdict, Inconclusive);
    assert!(
        nowhere.why.contains("higher loads would decide"),
        "{nowhere:?}"
    );
    assert_eq!(
        finding(&bound("at_least: 15000"), &runs).verdict,
        Reproduced
    );
    assert_eq!(
        finding(&bound("at_most: 15000"), &runs).verdict,
        Contradicted
    );
    assert_eq!(
        finding(&bound("at_most: 50000"), &runs).verdict,
        Inconclusive
    );
    let (_few, few) = knees(3, 20e3, 1e9);
    assert_eq!(
        finding(&bound("at_least: 15000"), &few).verdict,
        Inconclusive
    );
    let seastar = claim(
        "steering",
        &format!(
            "test: {{knee: {{metric: p99_ns, of: {SEASTAR}, factor: 3, limits: {{at_least: 1}}}}}}"
        ),
    );
    assert_eq!(finding(&seastar, &runs).verdict, NotTestable);
}

#[test]
fn linearity_is_proportion_within_a_share() {
    let linear = |within: f64| {
        claim(
            "steering",
            &format!(
                "test: {{linearity: {{metric: p50_ns, of: {XDP}, over: load, within: {within}}}}}"
            ),
        )
    };
    let power = |exponent: f64, size: f64| {
        move |trial: &Trial| Shape {
            latency_ns: 1000.0
                * (load(trial) / 5000.0).powf(exponent)
                * wobble(trial.block, load(trial) as u32 / 5000, size),
            ..QUIET
        }
    };
    let straight = found(&linear(0.1), 12, power(1.0, 0.02));
    assert_eq!(straight.verdict, Reproduced, "{straight:?}");
    assert!((straight.value.unwrap() - 1.0).abs() < 0.05);
    assert_eq!(verdict(&linear(0.1), 12, power(1.5, 0.02)), Contradicted);
    assert_eq!(verdict(&linear(0.02), 12, power(1.0, 0.1)), Inconclusive);
    assert_eq!(verdict(&linear(0.1), 9, power(1.0, 0.0)), Inconclusive);
    let owners = claim(
        "steering",
        &format!("test: {{linearity: {{metric: p50_ns, of: {XDP}, over: owners, within: 0.1}}}}"),
    );
    let one = found(&owners, 12, power(1.0, 0.02));
    assert_eq!(one.verdict, Inconclusive);
    assert!(one.why.contains("more values would decide"), "{one:?}");
    let seastar = claim(
        "steering",
        &format!("test: {{linearity: {{metric: p50_ns, of: {SEASTAR}, over: load, within: 0.1}}}}"),
    );
    assert_eq!(verdict(&seastar, 12, power(1.0, 0.0)), NotTestable);
}

#[test]
fn equality_needs_the_whole_interval_inside_the_bracket() {
    let equal = |within: f64| {
        claim(
            "steering",
            &format!(
                "test: {{bracketed_equality: {{metric: p50_ns, of: {SPHINX}, to: {XDP}, \
                 within: {within}}}}}"
            ),
        )
    };
    assert_eq!(verdict(&equal(0.1), 12, apart(1.03, 0.02)), Reproduced);
    assert_eq!(verdict(&equal(0.1), 12, apart(1.3, 0.02)), Contradicted);
    assert_eq!(verdict(&equal(0.01), 12, apart(1.0, 0.1)), Inconclusive);
    let number = claim(
        "steering",
        &format!(
            "test: {{bracketed_equality: {{metric: handoffs_per_request, of: {SPHINX}, \
             value: 0.5, within: 0.05}}}}"
        ),
    );
    let half = found(&number, 12, apart(1.0, 0.0));
    assert_eq!((half.verdict, half.unit.as_str()), (Reproduced, "per req"));
    let other = |trial: &Trial| Shape {
        handoffs: None,
        ..apart(1.0, 0.0)(trial)
    };
    assert_eq!(verdict(&number, 12, other), NotTestable);
}

#[test]
fn bypass_compares_one_system_over_two_ios() {
    let claim = claim(
        "bypass",
        &format!("test: {{ordering: {{metric: p50_ns, ascending: [{SPHINX}, {SPHINX_UDP}]}}}}"),
    );
    let shape = |trial: &Trial| Shape {
        latency_ns: if is(trial, SystemKind::Sphinx, Io::Udp) {
            2e5
        } else {
            1e5
        },
        ..QUIET
    };
    let systems = "{system: sphinx, label: a, io: udp}, {system: sphinx, label: b, io: af_xdp}";
    let (_output, folder) = run(&spec_of(12, systems, "5 kreq/s"), shape);
    let found = finding(&claim, &[folder]);
    assert_eq!(found.verdict, Reproduced);
    assert!((found.value.unwrap() - 2.0).abs() < 0.01, "{found:?}");
}
