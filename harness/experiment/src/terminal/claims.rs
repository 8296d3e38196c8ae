//! Judged claims, for a human to read: one line each, then the reasons.

use claims::{Claim, Judgement, Verdict};

use super::Table;

/// Prints the judgements, runs of one machine together.
pub(crate) fn print_claims(judgements: &[Judgement<'_>]) {
    let same = |a: &Judgement<'_>, b: &Judgement<'_>| a.runs == b.runs;
    for group in judgements.chunk_by(same) {
        let first = &group[0];
        println!("\nruns      {}", first.runs);
        println!("fidelity  {}", first.fidelity);
        println!("machine   {}\n", first.machine);
        println!("{}", table(group));
        for verdict in Verdict::ALL {
            print_reasons(group, verdict);
        }
        println!("{}", counts(group));
    }
}

fn table(judgements: &[Judgement<'_>]) -> Table {
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

fn print_reasons(judgements: &[Judgement<'_>], verdict: Verdict) {
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

/// The section, and the figure where there is one.
fn section(claim: &Claim) -> String {
    match &claim.figure {
        Some(figure) => format!("{}, {figure}", claim.section),
        None => claim.section.clone(),
    }
}

/// `27 claims: 12 reproduced, 1 contradicted, ...`
fn counts(judgements: &[Judgement<'_>]) -> String {
    let counts: Vec<String> = Verdict::ALL
        .iter()
        .map(|verdict| {
            let of = |judgement: &&Judgement<'_>| judgement.finding.verdict == *verdict;
            format!("{} {verdict}", judgements.iter().filter(of).count())
        })
        .collect();
    format!("{} claims: {}", judgements.len(), counts.join(", "))
}

fn capitalised(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(chars).collect()
}
