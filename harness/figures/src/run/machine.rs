//! The machine that the run was recorded on, and what its spec says of the systems.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

use crate::error::{Error, Result};

/// What captions say about the machine, as far as run.json tells.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Machine {
    /// CPU model.
    pub(crate) cpu: Option<String>,
    /// Kernel release.
    pub(crate) kernel: Option<String>,
    /// Whether it is a virtual machine.
    pub(crate) virtual_machine: bool,
    /// Codes of what the reader should know about the run as a whole.
    pub(crate) smells: BTreeSet<String>,
    /// Labels of systems whose threads spin.
    pub(crate) spinning: BTreeSet<String>,
}

impl Machine {
    pub(super) fn read(run: &Path) -> Result<Self> {
        let path = run.join("run.json");
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(e) => return Err(Error::read(&path, e)),
        };
        let run = serde_json::from_str(&text).map_err(|source| Error::Json { path, source })?;
        Ok(Self::from_json(&run))
    }

    fn from_json(run: &Value) -> Self {
        let environment = &run["environment"];
        let text = |key| {
            find(environment, key)
                .and_then(Value::as_str)
                .map(str::to_owned)
        };
        let mut spinning = BTreeSet::new();
        collect_spinning(&run["spec"], &mut spinning);
        Self {
            cpu: text("cpu_model"),
            kernel: text("kernel_release"),
            virtual_machine: find(environment, "hypervisor").and_then(Value::as_bool) == Some(true),
            spinning,
            smells: smells(&run["smells"]),
        }
    }

    /// The machine in a few words, for a caption.
    pub(crate) fn describe(&self) -> String {
        let cpu = self.cpu.as_deref().unwrap_or("CPU not recorded");
        let kernel = self.kernel.as_deref().unwrap_or("(kernel not recorded)");
        let host = if self.virtual_machine {
            ", virtual machine"
        } else {
            ""
        };
        format!("{cpu}{host}, Linux {kernel}")
    }
}

/// The first field named `key`, at any depth: with several hosts, the environment is nested.
fn find<'a>(value: &'a Value, key: &str) -> Option<&'a Value> {
    match value {
        Value::Object(fields) => fields
            .get(key)
            .or_else(|| fields.values().find_map(|v| find(v, key))),
        Value::Array(items) => items.iter().find_map(|v| find(v, key)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    }
}

fn smells(run: &Value) -> BTreeSet<String> {
    let smells = run.as_array().into_iter().flatten();
    smells
        .filter_map(|s| s["smell"].as_str())
        .map(str::to_owned)
        .collect()
}

/// Collects the labels of systems in the resolved spec that spin: `wakeup: spin`, or the preset
/// that always does, or a dispatcher that polls.
fn collect_spinning(value: &Value, labels: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            let spins = value["wakeup"] == "spin"
                || value["system"] == "seastar"
                || value["steering"] == "software";
            let label = value["label"].as_str().or(value["system"].as_str());
            if let (true, Some(label)) = (spins, label) {
                labels.insert(label.to_owned());
            }
            fields.values().for_each(|v| collect_spinning(v, labels));
        }
        Value::Array(items) => items.iter().for_each(|v| collect_spinning(v, labels)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn reads_what_is_there() {
        let run = json!({
            "environment": { "cpu_model": "Xeon", "kernel_release": "6.18.0", "hypervisor": true },
            "smells": [{ "smell": "few_blocks", "blocks": 3, "wanted": 10 }],
            "spec": { "systems": [
                { "label": "polling", "system": "sphinx", "wakeup": "spin" },
                { "label": null, "system": "seastar" },
                { "label": "sphinx", "system": "sphinx", "wakeup": "eventfd" },
            ] },
        });
        let machine = Machine::from_json(&run);
        assert_eq!(machine.describe(), "Xeon, virtual machine, Linux 6.18.0");
        assert_eq!(Vec::from_iter(&machine.spinning), ["polling", "seastar"]);
        assert_eq!(Vec::from_iter(&machine.smells), ["few_blocks"]);
        assert_eq!(Machine::from_json(&json!({})), Machine::default());
    }
}
