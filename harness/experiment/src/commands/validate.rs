//! `validate`: what the recorded runs of the validation specs say about the instrument.

use std::path::{Path, PathBuf};

use analysis::validation::{Answer, Section, validate as answer, write};
use anyhow::Result;
use record::{RunFolder, runs_below};

use crate::exit::{BadInput, Outcome};
use crate::terminal::Table;

/// Reads the runs at `paths` and writes the report into `output`.
pub(crate) fn validate(paths: &[PathBuf], output: &Path, json: bool) -> Result<Outcome> {
    let bad = |error: &dyn std::fmt::Display| BadInput(error.to_string());
    let mut folders = Vec::new();
    for path in paths {
        let found = runs_below(path).map_err(|error| bad(&error))?;
        if found.is_empty() {
            return Err(BadInput(format!(
                "{}: no recorded run in this folder",
                path.display()
            ))
            .into());
        }
        folders.extend(found);
    }
    let runs: Result<Vec<RunFolder>, _> =
        folders.iter().map(|path| RunFolder::open(path)).collect();
    let runs = runs.map_err(|error| bad(&error))?;
    let sections = answer(&runs).map_err(|error| bad(&error))?;
    if sections.is_empty() {
        return Err(BadInput(
            "none of the runs is one of validation: record those of experiments/validation/campaign first"
                .to_owned(),
        )
        .into());
    }
    let report = write(&sections, &machine(&runs), output)?;
    sys::privilege::give_to_user(output)?;
    if json {
        let answers: Vec<_> = sections.iter().map(as_json).collect();
        println!("{}", serde_json::to_string_pretty(&answers)?);
    } else {
        for section in &sections {
            print(section);
        }
        println!("report   {}", report.display());
    }
    let failed = sections
        .iter()
        .any(|section| section.answer == Answer::Fails);
    Ok(if failed {
        Outcome::Incomplete
    } else {
        Outcome::Complete
    })
}

fn print(section: &Section) {
    println!("\n{}: {}", section.title, section.answer.name());
    println!("{}.\n", section.question);
    if let Some((titles, rows)) = section.table.split_first() {
        let titles: Vec<&str> = titles.iter().map(String::as_str).collect();
        let mut table = Table::new(&titles);
        for row in rows {
            table.row(row.clone());
        }
        println!("{table}");
    }
    for note in &section.notes {
        println!("  - {note}");
    }
}

fn as_json(section: &Section) -> serde_json::Value {
    serde_json::json!({
        "section": section.title,
        "run": section.shown.as_ref().map(|shown| &shown.run),
        "question": section.question,
        "answer": section.answer.name(),
        "table": section.table,
        "notes": section.notes,
    })
}

/// One sentence about where the runs were made.
fn machine(runs: &[RunFolder]) -> String {
    let mut said: Vec<String> = runs
        .iter()
        .map(|run| {
            let of = |name: &str| run.run().environment.get(name).and_then(|v| v.as_str());
            format!(
                "{}, Linux {}, {}",
                of("cpu_model").unwrap_or("unknown CPU"),
                of("kernel_release").unwrap_or("unknown"),
                run.run().fidelity
            )
        })
        .collect();
    said.sort();
    said.dedup();
    format!("Measured on {}.", said.join("; "))
}
