//! Which crate may depend on which: the data goes one way, and heavy dependencies stay at the edge.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

/// A crate, and what must not be among its dependencies (dev-dependencies apart).
struct Layer {
    folder: &'static str,
    without: &'static [&'static str],
}

/// Crates that touch the machine; the pure ones and those that read results do without them.
const MACHINE: &[&str] = &[
    "aya", "sys", "pktio", "loader", "kv", "loadgen", "wakeup", "rustix", "libc",
];

/// design rules: spec, stats, model and steering are pure; record knows neither aya nor polars;
/// figures alone knows polars and plotters; nothing below harness/ knows the harness.
const LAYERS: &[Layer] = &[
    Layer {
        folder: "ebpf/packet",
        without: &["steering", "aya", "libc", "rustix", "serde"],
    },
    Layer {
        folder: "ebpf/steering",
        without: &["aya", "libc", "rustix", "sys", "pktio"],
    },
    Layer {
        folder: "workloads/model",
        without: MACHINE,
    },
    Layer {
        folder: "workloads/sys",
        without: &["aya", "pktio", "loader", "kv", "loadgen"],
    },
    Layer {
        folder: "workloads/io",
        without: &["aya", "kv", "loadgen", "model"],
    },
    Layer {
        folder: "workloads/seal",
        without: MACHINE,
    },
    Layer {
        folder: "workloads/kv",
        without: &["loadgen", "aya"],
    },
    Layer {
        folder: "workloads/loadgen",
        without: &["kv", "aya"],
    },
    Layer {
        folder: "harness/spec",
        without: MACHINE,
    },
    Layer {
        folder: "harness/protocol",
        without: MACHINE,
    },
    Layer {
        folder: "harness/stats",
        without: MACHINE,
    },
    // rustix swaps finished folders into place in one step.
    Layer {
        folder: "harness/record",
        without: &[
            "aya", "sys", "pktio", "loader", "kv", "loadgen", "wakeup", "libc",
        ],
    },
    Layer {
        folder: "harness/analysis",
        without: MACHINE,
    },
    Layer {
        folder: "harness/claims",
        without: MACHINE,
    },
    Layer {
        folder: "harness/figures",
        without: MACHINE,
    },
];

/// Only these folders may name the key.
const EXCLUSIVE: &[(&str, &str)] = &[
    ("polars", "harness/figures"),
    ("plotters", "harness/figures"),
    ("aya", "ebpf/loader"),
];

/// Crates below the harness never depend on it.
const HARNESS: &[&str] = &[
    "spec", "protocol", "stats", "record", "analysis", "claims", "figures",
];

/// Findings over all manifests of the workspace.
pub(crate) fn check(root: &Path) -> Result<Vec<String>> {
    let workspace = manifest(root, "")?;
    let members = workspace["workspace"]["members"]
        .as_array()
        .context("no workspace members")?;
    let mut findings = Vec::new();
    for folder in members.iter().filter_map(|member| member.as_str()) {
        let dependencies = dependencies(&manifest(root, folder)?);
        findings.extend(violations(folder, &dependencies));
    }
    Ok(findings)
}

fn manifest(root: &Path, folder: &str) -> Result<toml::Table> {
    let path = root.join(folder).join("Cargo.toml");
    let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    text.parse().with_context(|| path.display().to_string())
}

fn dependencies(manifest: &toml::Table) -> Vec<String> {
    manifest
        .get("dependencies")
        .and_then(|table| table.as_table())
        .map(|table| table.keys().cloned().collect())
        .unwrap_or_default()
}

fn violations(folder: &str, dependencies: &[String]) -> Vec<String> {
    let mut found = Vec::new();
    let mut report = |dependency: &str, why: &str| {
        found.push(format!(
            "{folder}/Cargo.toml: must not depend on {dependency}: {why}"
        ));
    };
    for dependency in dependencies {
        let name = dependency.as_str();
        let layer = LAYERS.iter().find(|layer| layer.folder == folder);
        if layer.is_some_and(|layer| layer.without.contains(&name)) {
            report(name, "it belongs to a later stage or touches the machine");
        }
        if EXCLUSIVE
            .iter()
            .any(|(only, home)| *only == name && *home != folder)
        {
            report(name, "one crate alone uses it");
        }
        if !folder.starts_with("harness/") && HARNESS.contains(&name) {
            report(name, "nothing below the harness knows the harness");
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(folder: &str, dependency: &str) -> usize {
        violations(folder, &[dependency.to_owned()]).len()
    }

    #[test]
    fn layers_hold_in_one_direction() {
        assert_eq!(found("harness/record", "spec"), 0);
        assert_eq!(found("harness/record", "kv"), 1);
        assert_eq!(found("workloads/kv", "record"), 1);
        assert_eq!(found("harness/experiment", "polars"), 1);
        assert_eq!(found("harness/figures", "polars"), 0);
    }
}
