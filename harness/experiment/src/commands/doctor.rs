//! `doctor`: what this machine can run, and why not.

use anyhow::Result;

use crate::doctor::{self, Finding, Verdict};
use crate::exit::Outcome;
use crate::terminal::Table;

/// Looks at the machine and prints what was found.
pub(crate) fn doctor(json: bool) -> Result<Outcome> {
    let findings = doctor::gather();
    if json {
        println!("{}", serde_json::to_string_pretty(&findings)?);
    } else {
        print(&findings);
    }
    Ok(Outcome::Complete)
}

fn print(findings: &[Finding]) {
    let mut table = Table::new(&["", "what", "seen"]);
    for finding in findings {
        let mark = match finding.verdict {
            Verdict::Good => "ok",
            Verdict::Care { .. } => "care",
            Verdict::Missing { .. } => "MISSING",
        };
        table.row(vec![
            mark.to_owned(),
            finding.subject.to_owned(),
            finding.seen.clone(),
        ]);
    }
    println!("{table}");
    for finding in findings {
        match &finding.verdict {
            Verdict::Good => {}
            Verdict::Care { remedy } => println!("{}: {remedy}", finding.subject),
            Verdict::Missing { without, remedy } => {
                println!("{}: without it no {without}; {remedy}", finding.subject);
            }
        }
    }
}
