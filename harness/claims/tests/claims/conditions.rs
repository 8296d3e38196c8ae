//! What must be given before a number counts: blocks, valid trials, fair pairs, one machine, needs.

use claims::Verdict;
use claims::Verdict::{Contradicted, Inconclusive, NotTestable, Reproduced};
use spec::{SystemKind, Trial};

use crate::support::{
    QUIET, SPHINX, Shape, XDP, add_probe, apart, claim, finding, found, made, run, spec, spec_of,
    wobble,
};

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
fn what_only_one_of_two_systems_has_does_not_keep_them_apart() {
    for (system, options) in [
        ("netcache", "behind: xdp_steered, owners: 2"),
        ("minos", "large_owners: 1, owners: 2"),
        ("shared_something", "clusters: 1, owners: 2"),
    ] {
        let claim = claim(
            "steering",
            &format!(
                "test: {{ordering: {{metric: p50_ns, ascending: [{{server: {{system: {system}, io: af_xdp}}}}, \
                 {{server: {{system: xdp_steered}}}}]}}}}"
            ),
        );
        let systems = format!(
            "{{system: {system}, io: af_xdp, {options}}}, {{system: xdp_steered, owners: 2}}"
        );
        let (_output, folder) = run(&spec_of(10, &systems, "5 kreq/s"), apart(1.5, 0.02));
        let found = finding(&claim, &[folder]);
        assert_ne!(found.verdict, NotTestable, "{system}: {found:?}");
    }
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
fn a_variant_of_a_system_is_named_by_its_label() {
    let bound = |label: &str| {
        claim(
            "steering",
            &format!(
                "test: {{bound: {{metric: p50_ns, of: {{server: {{system: xdp_steered{label}}}}}, \
                 limits: {{at_least: 1}}}}}}"
            ),
        )
    };
    let systems = "{system: xdp_steered, label: plain}, \
                   {system: xdp_steered, label: sealed, encryption: token}";
    let (_output, folder) = run(&spec_of(10, systems, "5 kreq/s"), |trial| {
        assert_eq!(trial.system.is_plain(), trial.system.label != "sealed");
        QUIET
    });
    let runs = [folder];
    for label in ["", ", label: sealed"] {
        let found = finding(&bound(label), &runs);
        assert_eq!((found.verdict, found.blocks), (Reproduced, 10), "{label}");
    }
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
    let arrakis = claim(
        "steering",
        "needs: [{system: arrakis}, {facility: a switch}]",
    );
    let found_arrakis = found(&arrakis, 12, |_| QUIET);
    assert_eq!(found_arrakis.verdict, NotTestable);
    assert!(found_arrakis.why.contains("arrakis") && found_arrakis.why.contains("a switch"));
    assert!(!found_nic.no_run && !found_arrakis.no_run);
}

#[test]
fn what_no_run_is_about_is_told_apart_from_what_is_missing_here() {
    let minos = claim(
        "steering",
        "test: {bound: {metric: p50_ns, of: {server: {system: minos}}, limits: {at_least: 1}}}",
    );
    let found = found(&minos, 12, |_| QUIET);
    assert_eq!(found.verdict, NotTestable);
    assert!(found.no_run, "{found:?}");
    assert!(found.why.ends_with("is its spec"), "{found:?}");
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
