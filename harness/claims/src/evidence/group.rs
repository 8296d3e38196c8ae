//! Runs that may be judged together: those of one fidelity and one machine.

use record::{RunFolder, RunRecord};
use serde_json::Value;

/// Runs of one fidelity on one machine, in the order in which they were given. Their blocks are
/// pooled; two systems are still only paired within a block of one run.
#[derive(Debug)]
pub struct MachineRuns<'a> {
    runs: Vec<&'a RunFolder>,
    fidelity: String,
    machine: String,
}

impl<'a> MachineRuns<'a> {
    /// Sorts runs into groups, in the order in which their first members were given.
    #[must_use]
    pub fn group(runs: &'a [RunFolder]) -> Vec<Self> {
        let mut groups: Vec<Self> = Vec::new();
        for run in runs {
            let (fidelity, machine) = (&run.run().fidelity, machine(run.run()));
            let known = groups
                .iter_mut()
                .find(|group| group.fidelity == *fidelity && group.machine == machine);
            match known {
                Some(group) => group.runs.push(run),
                None => groups.push(Self {
                    runs: vec![run],
                    fidelity: fidelity.clone(),
                    machine,
                }),
            }
        }
        groups
    }

    /// The runs.
    #[must_use]
    pub fn runs(&self) -> &[&'a RunFolder] {
        &self.runs
    }

    /// Their fidelity.
    #[must_use]
    pub fn fidelity(&self) -> &str {
        &self.fidelity
    }

    /// The machine: CPU model and kernel, as far as they were recorded.
    #[must_use]
    pub fn machine(&self) -> &str {
        &self.machine
    }

    /// The machine's CPUs, where the runs recorded them.
    #[must_use]
    pub fn cpus(&self) -> Option<usize> {
        let cpus = self
            .runs
            .first()?
            .run()
            .environment
            .pointer("/topology/cpus")?;
        cpus.as_array().map(Vec::len)
    }

    /// The runs' names, separated by blanks.
    #[must_use]
    pub fn run_ids(&self) -> String {
        let ids: Vec<&str> = self
            .runs
            .iter()
            .map(|run| run.run().run_id.as_str())
            .collect();
        ids.join(" ")
    }
}

fn machine(run: &RunRecord) -> String {
    let told = |field: &str| match run.environment.get(field) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Null) | None => format!("unknown {field}"),
        Some(other) => other.to_string(),
    };
    format!("{}, Linux {}", told("cpu_model"), told("kernel_release"))
}
