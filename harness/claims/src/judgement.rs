//! Claims held against runs: one judgement per claim and group of runs, and its row of a table.

use std::path::Path;

use record::{RecordError, RunFolder};

use crate::claim::Claim;
use crate::evidence::{MachineRuns, Stop};
use crate::need::Need;
use crate::test::Test;
use crate::verdict::{Finding, Verdict};

/// What a group of runs says of a claim.
#[derive(Debug, Clone, PartialEq)]
pub struct Judgement<'a> {
    /// The claim.
    pub claim: &'a Claim,
    /// What was found.
    pub finding: Finding,
    /// The names of the runs, separated by blanks.
    pub runs: String,
    /// Their fidelity.
    pub fidelity: String,
    /// Their machine.
    pub machine: String,
}

/// Judges every claim by every group of runs of one fidelity and machine, group by group.
///
/// # Errors
/// When a file of a run cannot be read.
pub fn judge<'a>(
    claims: &'a [Claim],
    runs: &[RunFolder],
) -> Result<Vec<Judgement<'a>>, RecordError> {
    let mut judgements = Vec::new();
    for group in MachineRuns::group(runs) {
        for claim in claims {
            judgements.push(Judgement {
                claim,
                finding: finding(claim, &group)?,
                runs: group.run_ids(),
                fidelity: group.fidelity().to_owned(),
                machine: group.machine().to_owned(),
            });
        }
    }
    Ok(judgements)
}

fn finding(claim: &Claim, runs: &MachineRuns<'_>) -> Result<Finding, RecordError> {
    let unmet: Vec<String> = claim
        .needs
        .iter()
        .filter(|need| !need.is_met(runs))
        .map(|need| match need {
            Need::Fidelity(_) => format!("{need} (these are {})", runs.fidelity()),
            Need::Cpus(_) => match runs.cpus() {
                Some(cpus) => format!("{need} (this one has {cpus})"),
                None => format!("{need} (how many this one has was not recorded)"),
            },
            Need::System(_) | Need::Facility(_) => need.to_string(),
        })
        .collect();
    if let (Some(test), true) = (&claim.test, unmet.is_empty()) {
        return match test.judge(runs) {
            Ok(finding) => Ok(finding),
            Err(Stop::Inconclusive(why)) => Ok(Finding::without_number(Verdict::Inconclusive, why)),
            Err(Stop::NotTestable(why)) => Ok(not_testable(claim, &why)),
            Err(Stop::NoRun(why)) => Ok(Finding {
                no_run: true,
                ..not_testable(claim, &why)
            }),
            Err(Stop::Broken(error)) => Err(error),
        };
    }
    Ok(Finding::without_number(
        Verdict::NotTestable,
        format!("missing: {}", unmet.join("; ")),
    ))
}

fn not_testable(claim: &Claim, why: &str) -> Finding {
    let why = format!("{why}; experiments/{} is its spec", claim.experiment);
    Finding::without_number(Verdict::NotTestable, why)
}

/// Columns of claims.csv. `value`, `low` and `high` are in `unit`.
const HEADER: [&str; 15] = [
    "claim",
    "paper",
    "section",
    "figure",
    "statement",
    "test",
    "value",
    "low",
    "high",
    "unit",
    "blocks",
    "verdict",
    "why",
    "fidelity",
    "runs",
];

/// Writes claims.csv: the header, then a row per judgement.
///
/// # Errors
/// When the file cannot be written.
pub fn write_csv(path: &Path, judgements: &[Judgement<'_>]) -> Result<(), csv::Error> {
    let mut to = csv::Writer::from_path(path)?;
    to.write_record(HEADER)?;
    for judgement in judgements {
        to.write_record(row(judgement))?;
    }
    Ok(to.flush()?)
}

fn row(judgement: &Judgement<'_>) -> [String; HEADER.len()] {
    let Judgement {
        claim,
        finding,
        runs,
        fidelity,
        machine: _,
    } = judgement;
    let cell = |value: Option<f64>| value.map(|value| value.to_string()).unwrap_or_default();
    let test = |test: &Test| format!("{}: {}", test.name(), test.text());
    [
        claim.id.clone(),
        claim.paper.name().to_owned(),
        claim.section.clone(),
        claim.figure.clone().unwrap_or_default(),
        claim.statement.clone(),
        claim.test.as_ref().map(test).unwrap_or_default(),
        cell(finding.value),
        cell(finding.low),
        cell(finding.high),
        finding.unit.clone(),
        finding.blocks.to_string(),
        finding.verdict.to_string(),
        finding.why.clone(),
        fidelity.clone(),
        runs.clone(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_columns_are_documented_in_their_order() {
        let page = include_str!("../../../docs/claims.md");
        let (_, section) = page.split_once("## `claims.csv`").expect("a section");
        let (section, _) = section.split_once("\n## ").expect("another one");
        let documented: Vec<&str> = section
            .lines()
            .filter_map(|line| line.strip_prefix("| `")?.split_once('`'))
            .map(|(name, _)| name)
            .collect();
        assert_eq!(documented, HEADER);
    }
}
