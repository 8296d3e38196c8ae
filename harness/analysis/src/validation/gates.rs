//! The gates on a quiet machine: one that speaks where nothing is wrong would take good trials away.

use std::collections::BTreeMap;

use record::{RunFolder, Severity};

use super::{Answer, Section};

/// The share of trials that gates may take away on a machine that does nothing else.
const TOLERATED: f64 = 0.05;

/// How often each gate spoke in all trials of `runs`; `None` without a trial.
#[must_use]
pub fn section(runs: &[RunFolder]) -> Option<Section> {
    let mut trials = 0;
    let mut invalid = 0;
    let mut spoke: BTreeMap<(&str, bool), usize> = BTreeMap::new();
    for record in runs.iter().flat_map(RunFolder::trials) {
        trials += 1;
        invalid += usize::from(!record.valid);
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
    if trials == 0 {
        return None;
    }
    let share = |count: usize| count as f64 / trials as f64;
    let row = |what: &str, weight: &str, count: usize| {
        vec![
            what.to_owned(),
            weight.to_owned(),
            count.to_string(),
            format!("{:.2}%", share(count) * 100.0),
        ]
    };
    let mut table = vec![
        ["gate", "weight", "trials", "share"]
            .map(str::to_owned)
            .to_vec(),
    ];
    for ((code, takes_away), count) in spoke {
        table.push(row(
            code,
            if takes_away { "invalid" } else { "advice" },
            count,
        ));
    }
    table.push(row("any that takes a trial away", "invalid", invalid));
    Some(Section {
        title: "Gates on a quiet machine".to_owned(),
        shown: None,
        question: format!(
            "Where nothing else runs, gates take away at most {:.0}% of {trials} trials",
            TOLERATED * 100.0
        ),
        answer: if share(invalid) <= TOLERATED {
            Answer::Holds
        } else {
            Answer::Fails
        },
        table,
        notes: vec![
            "if it fails, the machine was not quiet, or a gate is too strict here: the table says \
             which"
                .to_owned(),
        ],
    })
}
