//! What was done to this machine and would outlive a killed run, written down before it is done.
//!
//! Almost everything undoes itself: namespaces, links and XDP programs end with the descriptors of the
//! agents. What does not: machine-wide settings, NIC offloads, names of namespaces, and processes that
//! forgot their parent. Each of these is one JSON line, on disk before the change is made. A run that
//! ends well removes its journal; [`replay`] undoes what dead runs left.
//!
//! One file per process, named by its pid and start time. A file of an earlier boot is worth nothing,
//! since all of these changes end with a reboot.

mod undo;

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::{Doing, malformed, read_text};
use crate::process::Identity;

pub use undo::{Outcome, Undone};

const SUFFIX: &str = ".jsonl";

/// Something that outlives a killed process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "change", rename_all = "snake_case")]
pub enum Change {
    /// A one-value file of /proc/sys or /sys.
    Setting {
        /// The file.
        path: PathBuf,
        /// Its content before.
        old: String,
        /// What is written to it.
        new: String,
    },
    /// An offload of a device in the machine's own network namespace.
    Offload {
        /// The device.
        device: String,
        /// The kernel's name of the offload.
        name: String,
        /// Whether it was on before.
        old: bool,
    },
    /// The RSS table of a device in the machine's own network namespace.
    RssTable {
        /// The device.
        device: String,
        /// Receive queue by entry, before.
        old: Vec<u32>,
    },
    /// A name given to a network namespace.
    NamespaceName {
        /// The name, as `ip netns` shows it.
        name: String,
    },
    /// An external process that was started.
    Process {
        /// Which.
        process: Identity,
        /// Its program, for people.
        program: String,
    },
}

/// The first line of a journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Header {
    boot_id: String,
    process: Identity,
}

/// The journal of this process.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    file: File,
}

impl Journal {
    /// Where journals lie unless the user says otherwise: /run is emptied by a reboot.
    #[must_use]
    pub fn default_folder() -> PathBuf {
        if rustix::process::geteuid().is_root() {
            PathBuf::from("/run/steerbench")
        } else {
            let uid = rustix::process::geteuid().as_raw();
            std::env::temp_dir().join(format!("steerbench-{uid}"))
        }
    }

    /// Opens the journal of the calling process in a folder, which is made when it is missing.
    ///
    /// # Errors
    /// `AlreadyExists` when this process has one open there; or when the file cannot be written.
    pub fn open(folder: &Path) -> io::Result<Self> {
        let header = Header {
            boot_id: boot_id()?,
            process: Identity::current()?,
        };
        Self::create(folder, &header)
    }

    fn create(folder: &Path, header: &Header) -> io::Result<Self> {
        let Identity { pid, start_ticks } = header.process;
        let path = folder.join(format!("{pid}-{start_ticks}{SUFFIX}"));
        let what = || format!("create the journal {}", path.display());
        let mut options = OpenOptions::new();
        options.append(true).create_new(true);
        let file = loop {
            fs::create_dir_all(folder).doing(what)?;
            match options.open(&path) {
                // The last of the others removed the folder just now.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                opened => break opened.doing(what)?,
            }
        };
        let mut journal = Self { path, file };
        journal.append(header)?;
        Ok(journal)
    }

    /// Writes a change down; it is on disk when this returns, and only then may it be made.
    ///
    /// A started process has its line as soon as it has a pid: the one change that comes first.
    ///
    /// # Errors
    /// When the file cannot be written; the change must not be made then.
    pub fn record(&mut self, change: &Change) -> io::Result<()> {
        self.append(change)
    }

    /// Removes the journal, after everything in it has been undone; the folder too when it is empty.
    ///
    /// # Errors
    /// When the file cannot be removed.
    pub fn clear(self) -> io::Result<()> {
        remove(&self.path)
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn append<T: Serialize>(&mut self, entry: &T) -> io::Result<()> {
        let mut line = serde_json::to_vec(entry)?;
        line.push(b'\n');
        self.file
            .write_all(&line)
            .and_then(|()| self.file.sync_data())
            .doing(|| format!("write the journal {}", self.path.display()))
    }
}

/// A journal found in a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The file.
    pub path: PathBuf,
    /// Whose it is.
    pub process: Identity,
    /// What that process wrote down, oldest first.
    pub changes: Vec<Change>,
    /// What can be concluded.
    pub state: State,
}

/// What has become of the writer of a journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It runs: its changes are in use.
    Running,
    /// It ended without undoing its changes.
    Dead,
    /// The machine was booted since, which undid them.
    EarlierBoot,
}

/// Lists the journals in a folder; one that does not exist has none.
///
/// # Errors
/// When a journal cannot be read or is damaged elsewhere than in its last line.
pub fn find(folder: &Path) -> io::Result<Vec<Found>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error).doing(|| format!("read {}", folder.display())),
    };
    let boot_id = boot_id()?;
    let mut found = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if !path.to_string_lossy().ends_with(SUFFIX) {
            continue;
        }
        // Its writer may have ended well between the listing and the reading.
        let text = match fs::read_to_string(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            text => text.doing(|| format!("read {}", path.display()))?,
        };
        let parsed = parse(&text).doing(|| format!("read {}", path.display()))?;
        // Without a whole first line nothing was changed yet, by a process that cannot be known.
        let Some((header, changes)) = parsed else {
            continue;
        };
        let state = if header.boot_id != boot_id {
            State::EarlierBoot
        } else if header.process.is_alive() {
            State::Running
        } else {
            State::Dead
        };
        found.push(Found {
            path,
            process: header.process,
            changes,
            state,
        });
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(found)
}

/// Undoes what dead runs left behind, newest change first, and removes their journals. What cannot be
/// undone is told and its journal kept. Running processes' journals are not touched.
///
/// # Errors
/// As [`find`], and when a journal cannot be removed.
pub fn replay(folder: &Path) -> io::Result<Vec<Undone>> {
    let mut undone = Vec::new();
    for found in find(folder)? {
        let done = match found.state {
            State::Running => continue,
            State::EarlierBoot => Vec::new(),
            State::Dead => found.changes.iter().rev().map(undo::undo).collect(),
        };
        let failed = done
            .iter()
            .any(|one| matches!(one.outcome, Outcome::Failed(_)));
        if !failed {
            remove(&found.path)?;
        }
        undone.extend(done);
    }
    Ok(undone)
}

fn remove(journal: &Path) -> io::Result<()> {
    fs::remove_file(journal).doing(|| format!("remove the journal {}", journal.display()))?;
    // Fails while others have journals there, which is as it should be.
    if let Some(Err(error)) = journal.parent().map(fs::remove_dir)
        && error.kind() != io::ErrorKind::DirectoryNotEmpty
    {
        tracing::debug!(%error, "the folder of journals stays");
    }
    Ok(())
}

/// Splits a journal into its header and changes. A last line without its end was being written when
/// the process died, hence its change was not made.
fn parse(text: &str) -> io::Result<Option<(Header, Vec<Change>)>> {
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    let mut lines = whole.lines();
    let Some(first) = lines.next() else {
        return Ok(None);
    };
    let header = serde_json::from_str(first)?;
    let change = |line| {
        serde_json::from_str(line).map_err(|error| malformed(format!("{error} in '{line}'")))
    };
    Ok(Some((
        header,
        lines.map(change).collect::<io::Result<_>>()?,
    )))
}

/// The kernel's name of the present boot.
///
/// # Errors
/// When /proc is not mounted.
pub fn boot_id() -> io::Result<String> {
    read_text("/proc/sys/kernel/random/boot_id")
}

#[cfg(test)]
mod tests;
