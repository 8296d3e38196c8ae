//! What an ordinary user can do, and what is said where the user cannot.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::bench::{Bench, EXPERIMENT, shipped};
use crate::case::Case;
use crate::needs::Need;

const MINUTE: Duration = Duration::from_secs(60);
/// Debian's nobody and nogroup.
const NOBODY: u32 = 65534;

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::new(
            "privilege::every_shipped_spec_is_checked_without",
            &[Need::Root],
            check,
        ),
        Case::new("privilege::veth_names_the_sudo_line", &[Need::Root], veth),
        Case::new(
            "privilege::loopback_runs_without",
            &[Need::Root, Need::Memcached],
            loopback,
        ),
    ]
}

/// A copy of the program and of the specs where nobody may read them: the source tree may lie in a
/// folder that is closed to others.
pub(crate) struct Guest {
    /// Its folder, with the program and the specs.
    pub(crate) home: PathBuf,
}

impl Guest {
    pub(crate) fn new(bench: &Bench) -> Result<Self> {
        let home = bench.path("guest");
        fs::create_dir(&home)?;
        fs::copy(EXPERIMENT, home.join("experiment"))?;
        fs::set_permissions(home.join("experiment"), fs::Permissions::from_mode(0o755))?;
        copy_specs(&shipped(""), &home.join("experiments"))?;
        chown(&home, Some(NOBODY), Some(NOBODY))?;
        Ok(Self { home })
    }

    /// The program with these arguments, as that user.
    pub(crate) fn command(&self, bench: &Bench, arguments: &[&str]) -> Command {
        let mut command = bench.program(self.home.join("experiment"), arguments);
        // Dropping root this way also drops its supplementary groups.
        command.uid(NOBODY).gid(NOBODY).current_dir(&self.home);
        command.env(crate::bench::LOCK, self.home.join("lock"));
        command
    }

    fn specs(&self) -> Result<Vec<String>> {
        let mut found = Vec::new();
        collect(&self.home.join("experiments"), &mut found)?;
        // Claims are tests on recorded runs, no specs.
        found.retain(|path| !path.starts_with(self.home.join("experiments/claims")));
        let short = |path: PathBuf| -> Result<String> {
            Ok(path.strip_prefix(&self.home)?.display().to_string())
        };
        found.into_iter().map(short).collect()
    }
}

fn copy_specs(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_specs(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), &target)?;
            fs::set_permissions(&target, fs::Permissions::from_mode(0o644))?;
        }
    }
    Ok(())
}

fn collect(folder: &Path, found: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, found)?;
        } else if path
            .extension()
            .is_some_and(|extension| extension == "yaml")
        {
            found.push(path);
        }
    }
    Ok(())
}

fn check(bench: &Bench) -> Result<()> {
    let guest = Guest::new(bench)?;
    let specs = guest.specs()?;
    ensure!(specs.len() >= 7, "{specs:?}");
    for spec in specs {
        let finished = bench.finish(&mut guest.command(bench, &["check", &spec]), MINUTE)?;
        // A valid spec may want more CPUs than there are, and says so.
        finished.expect_code(i32::from(finished.out.contains("refused here")))?;
        ensure!(finished.out.contains("is valid"), "{}", finished.out);
    }
    for (command, wanted) in [("list", "xdp_steered"), ("schema", "popularity")] {
        let finished = bench.finish(&mut guest.command(bench, &[command]), MINUTE)?;
        finished.expect_code(0)?;
        ensure!(finished.out.contains(wanted), "{command}: {}", finished.out);
    }
    let listed = bench.finish(&mut guest.command(bench, &["list", "--json"]), MINUTE)?;
    listed.expect_code(0)?;
    let listed: serde_json::Value = serde_json::from_str(&listed.out)?;
    for (system, runs) in [("xdp_steered", false), ("sphinx", true)] {
        let rows = listed["systems"].as_array().context("a list of systems")?;
        let row = rows.iter().find(|row| row["name"] == system);
        let row = row.with_context(|| format!("no row of {system}"))?;
        ensure!(row["runnable"] == runs, "{row}");
        let reason = row["why_not"].as_str().unwrap_or_default();
        ensure!(reason.contains("CAP_BPF") != runs, "{row}");
    }
    Ok(())
}

fn veth(bench: &Bench) -> Result<()> {
    let guest = Guest::new(bench)?;
    let spec = "experiments/smoke/veth.yaml";
    let arguments = ["run", spec, "--only", "xdp_steered", "--set", "blocks=2"];
    let finished = bench.finish(&mut guest.command(bench, &arguments), MINUTE)?;
    finished.expect_code(3)?;
    let binary = guest.home.join("experiment").canonicalize()?;
    let line = format!("sudo {} {}", binary.display(), arguments.join(" "));
    finished.expect_told(&["CAP_NET_ADMIN", &line])?;
    ensure!(
        finished.err.lines().any(|told| told.trim() == line),
        "the sudo line is more or less than this command:\n{}",
        finished.err
    );
    ensure!(
        !guest.home.join("results").exists(),
        "a refused run made a folder"
    );
    Ok(())
}

fn loopback(bench: &Bench) -> Result<()> {
    let guest = Guest::new(bench)?;
    let arguments = ["run", "experiments/smoke/loopback.yaml"];
    let finished = bench.finish(&mut guest.command(bench, &arguments), MINUTE)?;
    finished.expect_code(0)?;
    let runs = record::runs_below(&guest.home.join("results"))?;
    let run = crate::results::Run::read(runs.first().context("no run was recorded")?)?;
    ensure!(run.trials.len() == 4, "{} trials", run.trials.len());
    for trial in &run.trials {
        trial.expect_closed()?;
        trial.expect_sound()?;
    }
    ensure!(
        fs::metadata(&run.path)?.uid() == NOBODY,
        "the result belongs to somebody else"
    );
    Ok(())
}
