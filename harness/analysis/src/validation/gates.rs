//! The gates on a quiet machine: one that speaks where nothing is wrong would take good trials away.

use std::collections::BTreeMap;

use record::{RunFolder, Severity, Smell};

use super::{Answer, Section};

/// The share of trials that gates may take away on a machine that does nothing else.
const TOLERATED: f64 = 0.05;

/// How often each gate spoke in all trials of `runs`; `None` without a trial that had the machine to
/// itself.
#[must_use]
pub fn section(runs: &[RunFolder]) -> Option<Section> {
    let (mut trials, mut quiet, mut invalid) = (0, 0, 0);
    let mut spoke: BTreeMap<(&str, bool), usize> = BTreeMap::new();
    for record in runs.iter().flat_map(RunFolder::trials) {
        trials += 1;
        let others =
            |smell: &Smell| matches!(smell, Smell::CompetingLoad { .. } | Smell::Steal { .. });
        if !record.smells.iter().any(others) {
            quiet += 1;
            invalid += usize::from(!record.valid);
        }
        let codes: BTreeMap<&str, Severity> = record
            .smells
            .iter()
            .map(|smell| (smell.code(), smell.severity()))
            .collect();
        for (code, severity) in codes {
            *spoke
                .entry((code, severity == Severity::Invalid))
                .or_default() += 1;
        }
    }
    if quiet == 0 {
        return None;
    }
    let row = |what: &str, weight: &str, count: usize, of: usize| {
        vec![
            what.to_owned(),
            weight.to_owned(),
            count.to_string(),
            of.to_string(),
            format!("{:.2}%", 100.0 * count as f64 / of as f64),
        ]
    };
    let mut table = vec![
        ["gate", "weight", "trials", "of", "share"]
            .map(str::to_owned)
            .to_vec(),
    ];
    for ((code, takes_away), count) in spoke {
        let weight = if takes_away { "invalid" } else { "advice" };
        table.push(row(code, weight, count, trials));
    }
    table.push(row(
        "any, where no other load was seen",
        "invalid",
        invalid,
        quiet,
    ));
    Some(Section {
        title: "Gates on a quiet machine".to_owned(),
        shown: None,
        question: format!(
            "Where no other load is seen, gates take away at most {:.0}% of {quiet} trials",
            TOLERATED * 100.0
        ),
        answer: if invalid as f64 <= TOLERATED * quiet as f64 {
            Answer::Holds
        } else {
            Answer::Fails
        },
        table,
        notes: vec![
            "other load: competing_load and steal, which say that the machine was not quiet and nothing \
             about the gates"
                .to_owned(),
            "if it fails, a gate is too strict for this machine: the table says which".to_owned(),
        ],
    })
}
