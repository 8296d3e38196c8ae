//! The place where a case works: a folder, a lock file, and processes with a deadline.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use tempfile::TempDir;

use crate::results::Run;
use crate::traces;

/// The binary under test.
pub(crate) const EXPERIMENT: &str = env!("CARGO_BIN_EXE_experiment");
/// By this variable the binary learns of the lock file; since every process inherits it and its value
/// is unique, it also marks what descends from a case.
pub(crate) const LOCK: &str = "STEERBENCH_LOCK";
/// How often a wait looks.
const GLANCE: Duration = Duration::from_millis(5);
/// How long a process that is no longer wanted may take to end in order.
const LEAVE: Duration = Duration::from_secs(3);

/// A case's own folder.
pub(crate) struct Bench {
    folder: TempDir,
}

impl Bench {
    /// A fresh one, which other users may enter.
    pub(crate) fn new() -> Result<Self> {
        let folder = TempDir::with_prefix("steerbench-e2e-")?;
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755))?;
        Ok(Self { folder })
    }

    /// A path in the folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Where runs of this case go.
    pub(crate) fn output(&self) -> PathBuf {
        self.path("results")
    }

    /// The case's lock file.
    pub(crate) fn lock(&self) -> PathBuf {
        self.path("lock")
    }

    /// Writes a spec into the folder. Unless it says otherwise nothing is drawn, which takes longer than many a trial: the
    /// shipped specs' runs are drawn.
    pub(crate) fn spec(&self, name: &str, text: &str) -> Result<PathBuf> {
        let path = self.path(&format!("{name}.yaml"));
        let figures = if text.contains("\nfigures:") {
            ""
        } else {
            "\nfigures: []\n"
        };
        fs::write(&path, format!("{text}{figures}"))?;
        Ok(path)
    }

    /// `experiment` with these arguments.
    pub(crate) fn experiment<I, S>(&self, arguments: I) -> Command
    where
        I: IntoIterator<Item = S>,
        S: AsRef<std::ffi::OsStr>,
    {
        self.program(EXPERIMENT, arguments)
    }

    /// Any program, marked as this case's.
    pub(crate) fn program<I, S>(
        &self,
        program: impl AsRef<std::ffi::OsStr>,
        arguments: I,
    ) -> Command
    where
        I: IntoIterator<Item = S>,
        S: AsRef<std::ffi::OsStr>,
    {
        let mut command = Command::new(program);
        command
            .args(arguments)
            .env(LOCK, self.lock())
            .env_remove("RUST_LOG")
            .current_dir(self.folder.path());
        command
    }

    /// `experiment run SPEC --output ...` and further arguments.
    pub(crate) fn run_command(&self, spec: &Path, further: &[&str]) -> Command {
        let mut command = self.experiment(["run"]);
        command
            .arg(spec)
            .arg("--output")
            .arg(self.output())
            .args(further);
        command
    }

    /// Runs a spec to its end, expects exit code 0, and reads the result.
    pub(crate) fn run(&self, spec: &Path, within: Duration) -> Result<Run> {
        let finished = self.finish(&mut self.run_command(spec, &[]), within)?;
        finished.expect_code(0)?;
        self.only_run()
    }

    /// The result of the only run so far.
    pub(crate) fn only_run(&self) -> Result<Run> {
        let runs = record::runs_below(&self.output())?;
        ensure!(runs.len() == 1, "expected one run, found {runs:?}");
        Run::read(&runs[0])
    }

    /// Starts a command in a process group of its own, as a shell would.
    pub(crate) fn start(&self, command: &mut Command) -> Result<Running> {
        let (out, err) = (
            tempfile::NamedTempFile::new_in(self.folder.path())?,
            tempfile::NamedTempFile::new_in(self.folder.path())?,
        );
        let child = command
            .stdin(Stdio::null())
            .stdout(File::create(out.path())?)
            .stderr(File::create(err.path())?)
            .process_group(0)
            .spawn()
            .with_context(|| format!("starting {command:?}"))?;
        Ok(Running {
            what: format!("{command:?}"),
            child,
            out,
            err,
        })
    }

    /// Runs a command to its end.
    pub(crate) fn finish(&self, command: &mut Command, within: Duration) -> Result<Finished> {
        self.start(command)?.wait(within)
    }

    /// `check` refuses this spec, and tells `told`.
    pub(crate) fn expect_refused(&self, spec: &str, told: &[&str], within: Duration) -> Result<()> {
        let path = self.spec("refused", spec)?;
        let checked = self.finish(self.experiment(["check"]).arg(&path), within)?;
        checked.expect_code(2)?;
        checked.expect_told(told)
    }

    /// The living process of this case whose command line has `what`.
    pub(crate) fn process(&self, what: &str) -> Option<u32> {
        let all = self.processes();
        all.iter()
            .find(|(_, line)| line.contains(what))
            .map(|(pid, _)| *pid)
    }

    /// Living processes that descend from this case, with their command lines.
    pub(crate) fn processes(&self) -> Vec<(u32, String)> {
        traces::processes_with(LOCK, &self.lock())
    }
}

/// A process that a case started; interrupted when dropped, and then killed.
pub(crate) struct Running {
    what: String,
    child: Child,
    out: tempfile::NamedTempFile,
    err: tempfile::NamedTempFile,
}

impl Running {
    /// Its process id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it printed so far on its standard output.
    pub(crate) fn printed(&self) -> String {
        text_of(self.out.path())
    }

    /// Waits until `seen` gives something.
    pub(crate) fn wait_for<T>(
        &mut self,
        what: &str,
        within: Duration,
        mut seen: impl FnMut(&Self) -> Option<T>,
    ) -> Result<T> {
        let deadline = Instant::now() + within;
        loop {
            if let Some(found) = seen(self) {
                return Ok(found);
            }
            if let Some(status) = self.child.try_wait()? {
                bail!("ended before {what}: {}", self.story(status));
            }
            ensure!(
                Instant::now() < deadline,
                "no {what} within {within:?}: {}{}",
                self.printed(),
                text_of(self.err.path())
            );
            std::thread::sleep(GLANCE);
        }
    }

    /// Ctrl-C: a terminal sends SIGINT to the whole group.
    pub(crate) fn interrupt(&self) -> Result<()> {
        Ok(kill_process_group(self.as_pid()?, Signal::INT)?)
    }

    /// SIGKILL to this process alone.
    pub(crate) fn kill(&self) -> Result<()> {
        Ok(kill_process(self.as_pid()?, Signal::KILL)?)
    }

    /// Whether it has not ended yet.
    pub(crate) fn alive(&mut self) -> Result<bool> {
        Ok(self.child.try_wait()?.is_none())
    }

    fn as_pid(&self) -> Result<Pid> {
        pid(self.pid())
    }

    /// Waits for its end.
    pub(crate) fn wait(mut self, within: Duration) -> Result<Finished> {
        let started = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait()? {
                break status;
            }
            if started.elapsed() > within {
                bail!(
                    "still running after {within:?}: {}\n{}{}",
                    self.what,
                    self.printed(),
                    text_of(self.err.path())
                );
            }
            std::thread::sleep(GLANCE);
        };
        Ok(Finished {
            what: self.what.clone(),
            status,
            took: started.elapsed(),
            out: self.printed(),
            err: text_of(self.err.path()),
        })
    }

    fn story(&self, status: ExitStatus) -> String {
        format!(
            "{} ({status})\n{}{}",
            self.what,
            self.printed(),
            text_of(self.err.path())
        )
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // A case that failed must not spoil the next one: first the way that undoes everything.
        let deadline = Instant::now() + LEAVE;
        if matches!(self.child.try_wait(), Ok(None)) {
            let _ = self.interrupt();
        }
        while matches!(self.child.try_wait(), Ok(None)) && Instant::now() < deadline {
            std::thread::sleep(GLANCE);
        }
        if matches!(self.child.try_wait(), Ok(None)) {
            let _ = self.child.kill();
        }
        let _ = self.child.wait();
    }
}

/// A process id in the form that signals take.
pub(crate) fn pid(number: u32) -> Result<Pid> {
    Pid::from_raw(i32::try_from(number)?).context("a process id is positive")
}

fn text_of(path: &Path) -> String {
    fs::read(path).map_or_else(
        |error| error.to_string(),
        |bytes| String::from_utf8_lossy(&bytes).into_owned(),
    )
}

/// A process that ended.
#[derive(Debug)]
pub(crate) struct Finished {
    what: String,
    /// How it ended.
    pub(crate) status: ExitStatus,
    /// How long it was waited for.
    pub(crate) took: Duration,
    /// Its standard output.
    pub(crate) out: String,
    /// Its standard error.
    pub(crate) err: String,
}

impl Finished {
    /// Fails unless it exited with `code`.
    pub(crate) fn expect_code(&self, code: i32) -> Result<()> {
        ensure!(
            self.status.code() == Some(code),
            "expected exit code {code}, got {}: {}\n{}{}",
            self.status,
            self.what,
            self.out,
            self.err
        );
        Ok(())
    }

    /// Fails unless its standard error has each of `texts`.
    pub(crate) fn expect_told(&self, texts: &[&str]) -> Result<()> {
        for text in texts {
            ensure!(
                self.err.contains(text),
                "{}\ndoes not say `{text}` but:\n{}",
                self.what,
                self.err
            );
        }
        Ok(())
    }
}

/// A spec that the project ships.
pub(crate) fn shipped(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../experiments")
        .join(name)
}
