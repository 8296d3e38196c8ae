//! The tests, in two builds.
//!
//! polars takes minutes to compile. Everything that does not need it is tested in the dev profile,
//! with debug assertions; `figures` and `experiment` are tested in the release profile, whose
//! dependencies `cargo run --release --bin experiment` builds anyway: polars is compiled once.

use std::path::Path;

use anyhow::Result;

use crate::stage;

/// Set for the tests: a tier that cannot run here fails instead of being skipped.
pub(crate) const EVERY_TIER: &str = "STEERBENCH_REQUIRE_ALL_TIERS";

/// Packages that need polars, tested in the release profile.
const HEAVY: [&str; 2] = ["steerbench-figures", "steerbench-experiment"];

/// Runs all tests, with `environment` in the environment.
pub(crate) fn run(root: &Path, every_tier: bool, environment: &[(&str, &str)]) -> Result<()> {
    let mut environment = environment.to_vec();
    environment.extend(every_tier.then_some((EVERY_TIER, "1")));
    let mut light = vec!["test", "--workspace"];
    let mut heavy = vec!["test", "--release"];
    for package in HEAVY {
        light.extend(["--exclude", package]);
        heavy.extend(["--package", package]);
    }
    stage::run(root, "tests of the parts", "cargo", &light, &environment)?;
    stage::run(root, "tests of the whole", "cargo", &heavy, &environment)
}
