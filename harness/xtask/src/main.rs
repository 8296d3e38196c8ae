//! `cargo xtask`: the one front door for set-up, tests and checks. CI calls nothing else.

mod ci;
mod stage;
mod test;
mod tidy;
mod torture;
mod validate;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(
    about = "Set-up, tests and checks of steerbench",
    bin_name = "cargo xtask"
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Install what building and testing needs (the same as ./setup).
    Setup,
    /// Run every test tier that this machine can run; the others say that they were skipped.
    Test {
        /// Fail where a tier cannot run instead of skipping it.
        #[arg(long)]
        every_tier: bool,
    },
    /// Check the style that no compiler checks: module docs, sizes, orphans, layering.
    Tidy,
    /// Kill real runs at random instants and see that nothing is lost and nothing is left behind.
    Torture {
        /// How many times to kill.
        #[arg(long, default_value_t = 50)]
        points: u64,
        /// What the instants are drawn from.
        #[arg(long, default_value_t = 1)]
        seed: u64,
    },
    /// Run the validation campaign (35 minutes, as root) and report on it.
    Validate,
    /// Everything a change must pass: format, tidy, clippy, docs, tests, the quick experiment.
    Ci,
}

fn main() -> ExitCode {
    // The chain of causes without a backtrace, which would name nothing but this program's own lines.
    match dispatch(&workspace_root(), Cli::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(root: &Path, command: Command) -> Result<()> {
    match command {
        Command::Setup => stage::run(root, "set-up", "./setup", &[], &[]),
        Command::Test { every_tier } => test::run(root, every_tier),
        Command::Tidy => tidy::run(root),
        Command::Torture { points, seed } => torture::run(root, points, seed),
        Command::Validate => validate::run(root),
        Command::Ci => ci::run(root),
    }
}

/// The workspace that this binary was built from: two folders above its manifest.
fn workspace_root() -> PathBuf {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest
        .ancestors()
        .nth(2)
        .unwrap_or(manifest)
        .to_path_buf()
}
