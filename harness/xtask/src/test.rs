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

/// Variables for cargo.
type Environment = [(&'static str, &'static str)];

/// Runs all tests.
pub(crate) fn run(root: &Path, every_tier: bool) -> Result<()> {
    let environment = environment(every_tier, &[]);
    parts(root, &environment)?;
    whole(root, &environment)
}

/// `further`, and what demands every tier where it is demanded.
pub(crate) fn environment(
    every_tier: bool,
    further: &Environment,
) -> Vec<(&'static str, &'static str)> {
    let tiers = every_tier.then_some((EVERY_TIER, "1"));
    further.iter().copied().chain(tiers).collect()
}

/// Builds the program and all tests that are built like it. At once, for then one of them is compiled while another waits for
/// what it depends on.
pub(crate) fn build_whole(root: &Path, environment: &Environment) -> Result<()> {
    let arguments = [of_the_whole(), vec!["--no-run"]].concat();
    stage::run(root, "build", "cargo", &arguments, environment)
}

/// Tests everything that does without polars.
pub(crate) fn parts(root: &Path, environment: &Environment) -> Result<()> {
    let mut arguments = vec!["test", "--workspace"];
    for package in HEAVY {
        arguments.extend(["--exclude", package]);
    }
    stage::run(root, "tests of the parts", "cargo", &arguments, environment)
}

/// Tests the packages that need polars.
pub(crate) fn whole(root: &Path, environment: &Environment) -> Result<()> {
    let name = "tests of the whole";
    stage::run(root, name, "cargo", &of_the_whole(), environment)
}

fn of_the_whole() -> Vec<&'static str> {
    let packages = HEAVY.iter().flat_map(|package| ["--package", package]);
    ["test", "--release"].into_iter().chain(packages).collect()
}
