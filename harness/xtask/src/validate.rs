//! The validation campaign: every spec of experiments/validation/campaign, and the report on them.

use std::path::Path;

use anyhow::Result;

use crate::stage;

const RESULTS: &str = "results/validation";

/// Runs the campaign and writes the report. Needs root, as every run over veth does.
pub(crate) fn run(root: &Path) -> Result<()> {
    let build = ["build", "--release", "--bin", "experiment"];
    stage::run(root, "build", "cargo", &build, &[])?;
    let target = std::env::var("CARGO_TARGET_DIR").unwrap_or_else(|_| "target".to_owned());
    let experiment = format!("{target}/release/experiment");
    let campaign = [
        "experiments/validation/campaign",
        "--output",
        RESULTS,
        "--wait",
    ];
    stage::run(root, "campaign", &experiment, &campaign, &[])?;
    let report = ["validate", RESULTS, "--output", RESULTS];
    stage::run(root, "report", &experiment, &report, &[])
}
