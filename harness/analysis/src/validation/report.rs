//! The sections as one Markdown file, and as CSV.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::{Section, Shown};
use crate::error::AnalysisError;
use crate::table;

/// A row of validation.csv.
#[derive(Serialize)]
struct Answered<'a> {
    section: &'a str,
    run: String,
    answer: &'static str,
    question: &'a str,
}

/// Writes `validation.md`, and the answers alone as `validation.csv`, into `folder`; returns the
/// first one's path. `machine` is one sentence about where the runs were made.
///
/// # Errors
/// When a file cannot be written.
pub fn write(sections: &[Section], machine: &str, folder: &Path) -> Result<PathBuf, AnalysisError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| AnalysisError::Write { path, source }
    };
    std::fs::create_dir_all(folder).map_err(failed(folder))?;
    let markdown = folder.join("validation.md");
    let text = render(sections, machine);
    table::replace(&markdown, text.as_bytes()).map_err(failed(&markdown))?;
    let answers: Vec<Answered<'_>> = sections
        .iter()
        .map(|section| Answered {
            section: &section.title,
            run: (section.shown.as_ref())
                .map(|shown| shown.run.display().to_string())
                .unwrap_or_default(),
            answer: section.answer.name(),
            question: &section.question,
        })
        .collect();
    table::write(&folder.join("validation.csv"), &answers)?;
    Ok(markdown)
}

fn render(sections: &[Section], machine: &str) -> String {
    let mut text = format!("# Validation\n\n{machine}\n\n| what must hold | answer |\n|---|---|\n");
    for section in sections {
        let _ = writeln!(text, "| {} | {} |", section.title, section.answer.name());
    }
    for section in sections {
        let _ = write!(
            text,
            "\n## {}\n\n{}: **{}**.\n\n",
            section.title,
            section.question,
            section.answer.name()
        );
        for (index, row) in section.table.iter().enumerate() {
            let _ = writeln!(text, "| {} |", row.join(" | "));
            if index == 0 {
                let _ = writeln!(text, "|{}", "---|".repeat(row.len()));
            }
        }
        text.push('\n');
        for note in &section.notes {
            let _ = writeln!(text, "- {note}");
        }
        if let Some(Shown { run, figure }) = &section.shown {
            let run = run.display();
            let _ = writeln!(text, "- run {run}, figure {run}/figures/{figure}.svg");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::validation::Answer;

    #[test]
    fn a_section_becomes_a_table() {
        let section = Section {
            title: "Floor".into(),
            shown: Some(Shown {
                run: "results/x".into(),
                figure: "floor",
            }),
            question: "The floor is low".into(),
            answer: Answer::Fails,
            table: vec![
                vec!["p50".into(), "p99".into()],
                vec!["1".into(), "2".into()],
            ],
            notes: vec!["a note".into()],
        };
        let text = render(&[section], "A machine.");
        assert!(text.contains("| Floor | FAILS |"), "{text}");
        assert!(
            text.contains("| p50 | p99 |\n|---|---|\n| 1 | 2 |\n"),
            "{text}"
        );
        assert!(text.contains("results/x/figures/floor.svg"), "{text}");
    }
}
