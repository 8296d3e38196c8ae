//! Judged claims, for a human to read: one line each, then the reasons, then those that no run at hand is about.

use std::collections::BTreeMap;

use claims::{Claim, Judgement, Verdict};

use super::Table;

/// Names of claims in a row.
const IN_A_ROW: usize = 3;

/// Prints the judgements, runs of one machine together.
pub(crate) fn print_claims(judgements: &[Judgement<'_>]) {
    let same = |a: &Judgement<'_>, b: &Judgement<'_>| a.runs == b.runs;
    for group in judgements.chunk_by(same) {
        let first = &group[0];
        println!("\nruns      {}", first.runs);
        println!("fidelity  {}", first.fidelity);
        println!("machine   {}\n", first.machine);
        let (not_run, judged): (Vec<&Judgement<'_>>, Vec<_>) =
            group.iter().partition(|judgement| judgement.finding.no_run);
        if !judged.is_empty() {
            println!("{}", table(&judged));
        }
        for verdict in Verdict::ALL {
            print_reasons(&judged, verdict);
        }
        print_not_run(&not_run);
        println!("{}", counts(group, not_run.len()));
    }
}

fn table(judgements: &[&Judgement<'_>]) -> Table {
    let mut table = Table::new(&[
        "claim",
        "paper",
        "section",
        "verdict",
        ">measured",
        "95% interval",
        ">blocks",
    ]);
    for Judgement { claim, finding, .. } in judgements {
        let blocks = match finding.blocks {
            0 => String::new(),
            blocks => blocks.to_string(),
        };
        table.row(vec![
            claim.id.clone(),
            claim.paper.name().to_owned(),
            section(claim),
            finding.verdict.to_string(),
            finding.shown_value(),
            finding.shown_interval(),
            blocks,
        ]);
    }
    table
}

fn print_reasons(judgements: &[&Judgement<'_>], verdict: Verdict) {
    let mut of_verdict = judgements
        .iter()
        .filter(|judgement| judgement.finding.verdict == verdict)
        .peekable();
    if of_verdict.peek().is_none() {
        return;
    }
    println!("{}", capitalised(verdict.name()));
    for Judgement { claim, finding, .. } in of_verdict {
        println!("\n  {}: {}", claim.id, claim.statement);
        if let Some(test) = &claim.test {
            println!("    tested  {}: {}", test.name(), test.text());
        }
        for number in &claim.numbers {
            println!(
                "    paper   {}: {} {}",
                number.what, number.value, number.unit
            );
        }
        println!("    found   {}", finding.why);
    }
    println!();
}

/// The claims for which a run is missing, by the spec to run.
fn print_not_run(judgements: &[&Judgement<'_>]) {
    if judgements.is_empty() {
        return;
    }
    let mut by_spec: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for Judgement { claim, .. } in judgements {
        by_spec
            .entry(&claim.experiment)
            .or_default()
            .push(&claim.id);
    }
    println!("Specs whose runs would tell of further claims");
    for (spec, claims) in by_spec {
        println!("\n  experiments/{spec}");
        for claims in claims.chunks(IN_A_ROW) {
            println!("    {}", claims.join(", "));
        }
    }
    println!();
}

/// The section, and the figure where there is one.
fn section(claim: &Claim) -> String {
    match &claim.figure {
        Some(figure) => format!("{}, {figure}", claim.section),
        None => claim.section.clone(),
    }
}

/// `27 claims: 12 reproduced, 1 contradicted, ... 9 not testable here, 5 of them for want of a run`
fn counts(judgements: &[Judgement<'_>], not_run: usize) -> String {
    let counts: Vec<String> = Verdict::ALL
        .iter()
        .map(|verdict| {
            let of = |judgement: &&Judgement<'_>| judgement.finding.verdict == *verdict;
            format!("{} {verdict}", judgements.iter().filter(of).count())
        })
        .collect();
    let want = match not_run {
        0 => String::new(),
        number => format!(", {number} of them for want of a run"),
    };
    format!("{} claims: {}{want}", judgements.len(), counts.join(", "))
}

fn capitalised(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(chars).collect()
}
