//! What a change must pass, in the order in which a failure costs least.

use std::path::Path;

use anyhow::Result;

use crate::{stage, test, tidy};

/// A clean build that is built once needs neither what later builds would reuse nor what a debugger
/// reads: without them it takes less time. Panics and test failures still name their lines.
const LEAN: [(&str, &str); 3] = [
    ("CARGO_INCREMENTAL", "0"),
    ("CARGO_PROFILE_DEV_DEBUG", "0"),
    ("CARGO_PROFILE_RELEASE_DEBUG", "0"),
];

/// Runs every stage and prints the time of each.
pub(crate) fn run(root: &Path) -> Result<()> {
    let mut times = stage::Times::default();
    let cargo = |name: &str, arguments: &[&str], environment: &[(&str, &str)]| {
        let environment = [&LEAN, environment].concat();
        stage::run(root, name, "cargo", arguments, &environment)
    };
    times.stage("format", || {
        cargo("format", &["fmt", "--all", "--check"], &[])?;
        cargo(
            "format of the eBPF programs",
            &[
                "fmt",
                "--manifest-path",
                "ebpf/programs/Cargo.toml",
                "--check",
            ],
            &[],
        )
    })?;
    times.stage("tidy", || tidy::run(root))?;
    times.stage("clippy", || {
        cargo(
            "clippy",
            &[
                "clippy",
                "--workspace",
                "--all-targets",
                "--",
                "--deny",
                "warnings",
            ],
            &[],
        )
    })?;
    times.stage("docs", || {
        cargo(
            "docs",
            &["doc", "--workspace", "--no-deps"],
            &[("RUSTDOCFLAGS", "-D warnings")],
        )
    })?;
    times.stage("build", || test::build_whole(root, &LEAN))?;
    times.stage("tests of the parts", || {
        test::parts(root, &test::environment(true, &LEAN))
    })?;
    times.stage("tests of the whole", || {
        test::whole(root, &test::environment(true, &LEAN))
    })?;
    times.stage("quickstart", || {
        cargo(
            "quickstart",
            &[
                "run",
                "--release",
                "--bin",
                "experiment",
                "--",
                "experiments/quickstart.yaml",
                // Further blocks repeat the first.
                "--set",
                "blocks=1",
            ],
            &[],
        )
    })?;
    times.print();
    Ok(())
}
