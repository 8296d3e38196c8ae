//! Each kind of test reaches each verdict, on runs whose numbers are known.

use crate::support::{QUIET, Shape, add_probe, claim, finding, is, run, spec, spec_of, wobble};
use claims::Verdict::{Contradicted, Inconclusive, NotTestable, Reproduced};
use claims::{Claim, Finding, Verdict};
use record::RunFolder;
use spec::{Io, SystemKind, Trial};
use tempfile::TempDir;

const XDP: &str = "{server: {system: xdp_steered}}";
const SPHINX: &str = "{server: {system: sphinx, io: af_xdp}}";
const SPHINX_UDP: &str = "{server: {system: sphinx, io: udp}}";
const SEASTAR: &str = "{server: {system: seastar, io: af_xdp}}";

fn load(trial: &Trial) -> f64 {
    trial.load.rate().expect("open loops").per_second()
}

/// Latency of sphinx over AF_XDP is `ratio` times that of xdp_steered, with a wobble; half of its
/// requests are handed off.
fn apart(ratio: f64, size: f64) -> impl Fn(&Trial) -> Shape {
    move |trial| {
        let sphinx = trial.system.system == SystemKind::Sphinx;
        let factor = if sphinx { ratio } else { 1.0 };
        let salt = u32::from(sphinx);
        Shape {
            latency_ns: QUIET.latency_ns * factor * wobble(trial.block, salt, size),
            cpu_ns: QUIET
                .cpu_ns
                .map(|ns| ns * factor * wobble(trial.block, salt, size)),
            handoffs: Some(if sphinx { 500 } else { 0 }),
            ..QUIET
        }
    }
}

fn made(blocks: u32, shape: impl Fn(&Trial) -> Shape) -> (TempDir, [RunFolder; 1]) {
    let (output, folder) = run(&spec(blocks), shape);
    (output, [folder])
}

fn verdict(claim: &Claim, blocks: u32, shape: impl Fn(&Trial) -> Shape) -> Verdict {
    found(claim, blocks, shape).verdict
}

fn found(claim: &Claim, blocks: u32, shape: impl Fn(&Trial) -> Shape) -> Finding {
    let (_output, runs) = made(blocks, shape);
    finding(claim, &runs)
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
fn nine_blocks_decide_nothing() {
    let claim = claim(
        "steering",
        &format!("test: {{ordering: {{metric: p99_ns, ascending: [{XDP}, {SPHINX}]}}}}"),
    );
    let few = found(&claim, 9, apart(5.0, 0.0));
    assert_eq!(few.verdict, Inconclusive);
    assert!(few.why.contains("9 blocks are too few"), "{few:?}");
    // Two runs on one machine have 18 blocks between them.
    let (_one, [one]) = made(9, apart(5.0, 0.0));
    let (_two, [two]) = made(9, apart(5.0, 0.0));
    let pooled = finding(&claim, &[one, two]);
    assert_eq!((pooled.verdict, pooled.blocks), (Reproduced, 18));
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

#[test]
fn a_thread_that_spins_is_not_compared_with_one_that_sleeps() {
    let spinning = "{server: {system: sphinx, io: af_xdp, wakeup: spin}}";
    let compare = |metric: &str| {
        claim(
            "steering",
            &format!("test: {{ordering: {{metric: {metric}, ascending: [{spinning}, {SPHINX}]}}}}"),
        )
    };
    let systems = "{system: sphinx, label: a, io: af_xdp, wakeup: spin}, \
                   {system: sphinx, label: b, io: af_xdp}";
    let (_output, folder) = run(&spec_of(10, systems, "5 kreq/s"), apart(1.5, 0.02));
    let runs = [folder];
    let cost = finding(&compare("cpu_ns_per_request"), &runs);
    assert_eq!(cost.verdict, NotTestable);
    assert!(cost.why.contains("never compared"), "{cost:?}");
    assert_ne!(finding(&compare("p50_ns"), &runs).verdict, NotTestable);
}

#[test]
fn two_labels_of_one_system_must_be_told_apart() {
    let bound = |label: &str| {
        claim(
            "steering",
            &format!(
                "test: {{bound: {{metric: p50_ns, of: {{server: {{system: xdp_steered{label}}}}}, \
                 limits: {{at_least: 1}}}}}}"
            ),
        )
    };
    let systems = "{system: xdp_steered, label: a}, {system: xdp_steered, label: b}";
    let (_output, folder) = run(&spec_of(10, systems, "5 kreq/s"), |_| QUIET);
    let runs = [folder];
    let both = finding(&bound(""), &runs);
    assert_eq!(both.verdict, NotTestable);
    assert!(
        both.why.contains("a, b; the claim must name one"),
        "{both:?}"
    );
    assert_eq!(finding(&bound(", label: b"), &runs).verdict, Reproduced);
}

#[test]
fn invalid_trials_stay_out() {
    let order = claim(
        "steering",
        &format!("test: {{ordering: {{metric: p50_ns, ascending: [{XDP}, {SPHINX}]}}}}"),
    );
    // In the odd blocks sphinx is faster, but those trials are invalid.
    let shape = |trial: &Trial| {
        let odd = trial.block % 2 == 1 && trial.system.system == SystemKind::Sphinx;
        Shape {
            valid: !odd,
            ..apart(if odd { 0.1 } else { 1.5 }, 0.02)(trial)
        }
    };
    let few = found(&order, 12, shape);
    assert_eq!((few.verdict, few.blocks), (Inconclusive, 6));
    let enough = found(&order, 24, shape);
    assert_eq!((enough.verdict, enough.blocks), (Reproduced, 12));
    let none = found(&order, 12, |_| Shape {
        valid: false,
        ..QUIET
    });
    assert_eq!(none.verdict, Inconclusive);
    assert!(none.why.contains("are invalid"), "{none:?}");
}

#[test]
fn the_probe_is_judged_round_by_round() {
    let bracket = |pair: &str| {
        claim(
            "notification",
            &format!(
                "test: {{bracketed_equality: {{metric: p50_ns, of: {{notification: {{mechanism: \
                 eventfd, mode: idle, pair: {pair}}}}}, value: 4320, within: 0.25}}}}"
            ),
        )
    };
    let (_output, mut folder) = run(&spec(1), |_| QUIET);
    let rounds = |middle: f64| -> Vec<f64> {
        (0..12)
            .map(|round| middle * wobble(round, 0, 0.05))
            .collect()
    };
    add_probe(&mut folder, "same_llc", &rounds(4300.0));
    add_probe(&mut folder, "same_cpu", &rounds(9000.0)[..1]);
    let runs = [folder];
    let near = finding(&bracket("same_node"), &runs);
    assert_eq!((near.verdict, near.blocks), (Reproduced, 12), "{near:?}");
    assert_eq!(finding(&bracket("same_cpu"), &runs).verdict, Inconclusive);
    let far = finding(&bracket("remote_node"), &runs);
    assert_eq!(far.verdict, NotTestable);
    assert!(far.why.contains("this machine has no CPUs for"), "{far:?}");
    let [mut folder] = runs;
    add_probe(&mut folder, "same_llc", &rounds(20_000.0));
    assert_eq!(
        finding(&bracket("same_node"), &[folder]).verdict,
        Contradicted
    );
}

#[test]
fn a_need_that_is_not_met_is_named() {
    let nic = claim(
        "steering",
        &format!(
            "needs: [{{fidelity: nic}}]\n\
             test: {{bound: {{metric: p50_ns, of: {XDP}, limits: {{at_least: 1}}}}}}"
        ),
    );
    let found_nic = found(&nic, 12, |_| QUIET);
    assert_eq!(found_nic.verdict, NotTestable);
    assert_eq!(
        found_nic.why,
        "missing: runs of fidelity nic (these are veth)"
    );
    let minos = claim("steering", "needs: [{system: minos}, {facility: a switch}]");
    let found_minos = found(&minos, 12, |_| QUIET);
    assert_eq!(found_minos.verdict, NotTestable);
    assert!(found_minos.why.contains("minos") && found_minos.why.contains("a switch"));
}

#[test]
fn runs_of_two_machines_are_judged_apart() {
    let order = claim(
        "steering",
        &format!("test: {{ordering: {{metric: p50_ns, ascending: [{XDP}, {SPHINX}]}}}}"),
    );
    let (_one, mut here) = run(&spec(10), apart(1.5, 0.02));
    let (_two, there) = run(&spec(10), apart(0.5, 0.02));
    here.update_run(|run| run.environment = serde_json::json!({"cpu_model": "slide rule"}))
        .expect("written");
    let claims = [order];
    let runs = [here, there];
    let judgements = claims::judge(&claims, &runs).expect("readable");
    let verdicts: Vec<Verdict> = judgements.iter().map(|j| j.finding.verdict).collect();
    assert_eq!(verdicts, [Reproduced, Contradicted]);
    let output = tempfile::tempdir().expect("a temporary folder");
    let file = output.path().join("claims.csv");
    claims::write_csv(&file, &judgements).expect("written");
    let text = std::fs::read_to_string(&file).expect("written");
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(
        lines[0],
        "claim,paper,section,figure,statement,test,value,low,high,unit,blocks,verdict,why,\
         fidelity,runs"
    );
    assert!(
        lines[1].starts_with("made,ENCP'19,3.2,,It is so.,"),
        "{}",
        lines[1]
    );
    assert!(lines[2].contains(",contradicted,"), "{}", lines[2]);
}
