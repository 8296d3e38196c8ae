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
        let text = |key: &str| environment[key].as_str().map(str::to_owned);
        let mut spinning = BTreeSet::new();
        collect_spinning(&run["spec"], &mut spinning);
        Self {
            cpu: text("cpu_model"),
            kernel: text("kernel"),
            spinning,
        }
    }

    /// The machine in a few words, for a caption.
    pub(crate) fn describe(&self) -> String {
        let cpu = self.cpu.as_deref().unwrap_or("CPU not recorded");
        let kernel = self.kernel.as_deref().unwrap_or("(kernel not recorded)");
        format!("{cpu}, Linux {kernel}")
    }
}

/// Collects the labels of systems in the resolved spec that spin: `wakeup: spin`, or the preset
/// that always does.
fn collect_spinning(value: &Value, labels: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            let spins = value["wakeup"] == "spin" || value["system"] == "seastar";
            if let (true, Some(label)) = (spins, value["label"].as_str()) {
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
            "environment": { "cpu_model": "Xeon", "kernel": "6.18.0" },
            "spec": { "systems": [
                { "label": "polling", "system": "sphinx", "wakeup": "spin" },
                { "label": "seastar", "system": "seastar" },
                { "label": "sphinx", "system": "sphinx", "wakeup": "eventfd" },
            ] },
        });
        let machine = Machine::from_json(&run);
        assert_eq!(machine.describe(), "Xeon, Linux 6.18.0");
        assert_eq!(Vec::from_iter(&machine.spinning), ["polling", "seastar"]);
        assert_eq!(Machine::from_json(&json!({})), Machine::default());
    }
}
