//! The claims that ship name what exists, and say what they test.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use claims::{Cell, Claim, Paper, Test, Verdict, shipped};
use record::RunFolder;
use spec::{Probe, Spec};
use tempfile::TempDir;

use crate::frames;
use crate::support::finding;

fn all() -> Vec<Claim> {
    shipped().unwrap_or_else(|error| panic!("{error}"))
}

fn experiment(claim: &Claim) -> Spec {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../experiments")
        .join(&claim.experiment);
    let text = std::fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("{}: {}: {error}", claim.id, path.display()));
    Spec::parse(&text, &claim.experiment).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn every_claim_names_a_spec_that_has_what_it_tests_in_enough_blocks() {
    for claim in all() {
        let spec = experiment(&claim);
        let Some(test) = &claim.test else { continue };
        for cell in test.cells() {
            let found = match cell {
                Cell::Server(cell) => {
                    assert!(spec.blocks() >= 10, "{}", claim.id);
                    spec::expand(&spec).iter().any(|trial| cell.fits(trial))
                }
                Cell::Notification(cell) => spec.probes.iter().any(|Probe::Wakeup(probe)| {
                    probe.rounds >= 10
                        && probe.mechanisms.contains(&cell.mechanism)
                        && probe.modes.contains(&cell.mode)
                }),
            };
            assert!(found, "{}: {} has no {cell}", claim.id, claim.experiment);
        }
    }
}

/// What a claim compares must have a place where it meets, in trials that its spec makes: an option that one system has and another
/// has not would keep them apart, and the claim would never be tested.
#[test]
fn what_every_claim_compares_meets_in_its_spec() {
    let mut runs: BTreeMap<String, (TempDir, [RunFolder; 1])> = BTreeMap::new();
    let mut apart = Vec::new();
    for claim in all() {
        let servers = |test: &Test| {
            test.cells()
                .iter()
                .all(|cell| matches!(cell, Cell::Server(_)))
        };
        if !claim.test.as_ref().is_some_and(servers) {
            continue;
        }
        // What it needs besides is not the question.
        let claim = Claim {
            needs: Vec::new(),
            ..claim
        };
        let (_output, run) = runs.entry(claim.experiment.clone()).or_insert_with(|| {
            let mut spec = experiment(&claim);
            spec.blocks = Some(1);
            frames::made(&spec, |_| 1.0)
        });
        let found = finding(&claim, run);
        // The runs are made of throughput alone: other metrics they do not have.
        if found.verdict == Verdict::NotTestable && !found.why.contains("is not recorded for") {
            apart.push(format!("{}: {}", claim.id, found.why));
        }
    }
    assert!(apart.is_empty(), "{}", apart.join("\n"));
}

#[test]
fn the_paper_is_covered() {
    let claims = all();
    let encp = claims.iter().filter(|claim| claim.paper == Paper::Encp19);
    let (tested, needing): (Vec<_>, Vec<_>) = encp.partition(|claim| claim.test.is_some());
    assert!(tested.len() >= 15, "{}", tested.len());
    assert!(!needing.is_empty());
    let ids: BTreeSet<&str> = claims.iter().map(|claim| claim.id.as_str()).collect();
    assert_eq!(ids.len(), claims.len());
    let statements: BTreeSet<&str> = claims.iter().map(|c| c.statement.as_str()).collect();
    assert_eq!(statements.len(), claims.len());
}

/// Those of NetSlices stand in one place, which figures draw from too.
#[test]
fn numbers_of_netslices_are_the_papers() {
    let claims = all();
    let of_paper = claims
        .iter()
        .filter(|claim| claim.paper == Paper::Netslices12);
    let numbers: Vec<_> = of_paper.flat_map(|claim| &claim.numbers).collect();
    assert!(numbers.len() >= 20, "{}", numbers.len());
    for number in numbers {
        let mut published = analysis::netslices::NUMBERS.iter();
        let known = published.find(|it| it.what == number.what);
        let known = known.unwrap_or_else(|| panic!("{number:?} is not in analysis::netslices"));
        assert_eq!(
            (known.value, known.unit),
            (number.value, number.unit.as_str()),
            "{number:?}"
        );
    }
}

#[test]
fn the_papers_numbers_are_the_tests_numbers() {
    let claims = all();
    for (id, value) in [
        ("notification-same-node", 4320.0),
        ("notification-remote-node", 6090.0),
    ] {
        let claim = claims.iter().find(|claim| claim.id == id).expect(id);
        assert_eq!(claim.numbers[0].value, value);
        let Some(claims::Test::BracketedEquality(test)) = &claim.test else {
            panic!("{id} tests the number")
        };
        assert_eq!(test.value, Some(value));
    }
}
