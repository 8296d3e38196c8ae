//! One step of a longer job: a child process with a name, timed, that must succeed.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// Runs `program` in `root` and fails with the stage's name when it does.
pub(crate) fn run(
    root: &Path,
    name: &str,
    program: &str,
    arguments: &[&str],
    environment: &[(&str, &str)],
) -> Result<()> {
    println!("\n== {name}: {program} {}", arguments.join(" "));
    let status = Command::new(program)
        .args(arguments)
        .envs(environment.iter().copied())
        .current_dir(root)
        .status()
        .with_context(|| format!("{name}: cannot start {program}"))?;
    if !status.success() {
        bail!(
            "{name} failed ({status}): {program} {}",
            arguments.join(" ")
        );
    }
    Ok(())
}

/// How long each stage took, printed at the end.
#[derive(Default)]
pub(crate) struct Times(Vec<(String, Duration)>);

impl Times {
    /// Runs `work` as the stage `name` and notes its wall time.
    pub(crate) fn stage(&mut self, name: &str, work: impl FnOnce() -> Result<()>) -> Result<()> {
        let started = Instant::now();
        work()?;
        self.0.push((name.to_owned(), started.elapsed()));
        Ok(())
    }

    /// Prints a line a stage and the sum.
    pub(crate) fn print(&self) {
        println!("\n{:<28} {:>8}", "stage", "seconds");
        for (name, took) in &self.0 {
            println!("{name:<28} {:>8.1}", took.as_secs_f64());
        }
        let total: Duration = self.0.iter().map(|(_, took)| *took).sum();
        println!("{:<28} {:>8.1}", "all", total.as_secs_f64());
    }
}
