//! kill -9 at many random instants of real runs: the long version of an end-to-end case.

use std::path::Path;

use anyhow::Result;

use crate::stage;

/// Kills runs at `points` instants drawn from `seed` and prints what was seen.
pub(crate) fn run(root: &Path, points: u64, seed: u64) -> Result<()> {
    let (points, seed) = (points.to_string(), seed.to_string());
    let arguments = [
        "test",
        "--release",
        "--package",
        "steerbench-experiment",
        "--test",
        "e2e",
        "--",
        "torture",
        "--nocapture",
    ];
    let environment = [
        ("STEERBENCH_TORTURE_POINTS", points.as_str()),
        ("STEERBENCH_TORTURE_SEED", seed.as_str()),
    ];
    stage::run(root, "torture", "cargo", &arguments, &environment)
}
