//! What is wrong with a spec, and where.

use std::fmt;

/// Where a problem comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// In the file, counted from 1; columns count characters.
    File {
        /// The line.
        line: u64,
        /// The column.
        column: u64,
        /// Characters to underline.
        width: u64,
    },
    /// In an override given on the command line, quoted in full.
    Override(String),
}

/// One thing wrong with a spec.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where it stands.
    pub place: Place,
    /// The setting, such as `systems[1].io`; empty for the whole file.
    pub path: String,
    /// What is wrong and, in the same sentence, what is allowed.
    pub message: String,
    /// The line of the file, for showing.
    pub snippet: Option<String>,
}

/// Everything wrong with a spec, or with another document that is read like one; at least one problem.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpecError {
    /// The file's name as the caller gave it.
    pub file: String,
    /// The problems, in the file's order.
    pub problems: Vec<Problem>,
}

impl std::error::Error for SpecError {}

impl fmt::Display for SpecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            problem.write(f, &self.file)?;
        }
        Ok(())
    }
}

impl Problem {
    /// Writes the place, the message and the offending line with a marker below it.
    fn write(&self, f: &mut fmt::Formatter<'_>, file: &str) -> fmt::Result {
        match &self.place {
            Place::File { line, column, .. } => write!(f, "{file}:{line}:{column}: ")?,
            Place::Override(text) => write!(f, "--set {text}: ")?,
        }
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        writeln!(f, "{}", self.message)?;
        if let (
            Place::File {
                line,
                column,
                width,
            },
            Some(snippet),
        ) = (&self.place, &self.snippet)
        {
            let number = line.to_string();
            let indent = snippet
                .chars()
                .take(usize::try_from(*column).unwrap_or(1).saturating_sub(1));
            let indent: String = indent.map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
            let room = snippet
                .chars()
                .count()
                .saturating_sub(indent.chars().count())
                .max(1);
            let width = usize::try_from(*width).unwrap_or(1).clamp(1, room);
            writeln!(f, " {number} | {snippet}")?;
            writeln!(
                f,
                " {:len$} | {indent}{}",
                "",
                "^".repeat(width),
                len = number.len()
            )?;
        }
        Ok(())
    }
}
