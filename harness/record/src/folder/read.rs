//! Reading: from the files of each trial, not from the tables.

use std::fs;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde_json::Value;
use spec::TrialId;

use super::RunFolder;
use crate::SCHEMA_VERSION;
use crate::error::RecordError;
use crate::failure::FailureRecord;
use crate::hlog;
use crate::latency::Distribution;
use crate::probe::ProbeRecord;
use crate::run::RunRecord;
use crate::trace::TraceRow;
use crate::trial::{CounterRow, TrialRecord};

impl RunFolder {
    /// Opens a recorded run.
    ///
    /// # Errors
    /// When the folder is no result, has another schema version, or is damaged.
    pub fn open(path: &Path) -> Result<Self, RecordError> {
        let not = |reason: &str| RecordError::NotAResult {
            path: path.to_owned(),
            reason: reason.to_owned(),
        };
        if !path.is_dir() {
            return Err(not("there is no such folder"));
        }
        let run_path = path.join("run.json");
        if !run_path.is_file() {
            return Err(not("it has no run.json"));
        }
        let run: RunRecord = read_json(&run_path)?;
        let mut trials: Vec<TrialRecord> = read_each(&path.join("trials"), "trial.json")?;
        trials.sort_by_key(|record| record.sequence);
        let mut failures: Vec<FailureRecord> = files_in(&path.join("failures"))?
            .iter()
            .map(|file| read_json(file))
            .collect::<Result<_, _>>()?;
        // A process may have died between recording a trial and forgetting its failure.
        failures.retain(|failure| {
            !trials
                .iter()
                .any(|record| record.trial_id == failure.trial_id)
        });
        failures.sort_by_key(|record| record.sequence);
        let mut probes: Vec<ProbeRecord> = read_each(&path.join("probes"), "probe.json")?;
        probes.sort_by(|a, b| a.cell_id.cmp(&b.cell_id));
        Ok(Self {
            path: path.to_owned(),
            run,
            trials,
            failures,
            probes,
        })
    }

    /// The latency distribution of a trial.
    ///
    /// # Errors
    /// When the trial is not recorded or its file is damaged.
    pub fn latency(&self, trial: &TrialId) -> Result<Distribution, RecordError> {
        read_distribution(&self.trial_folder(trial).join("latency.csv"))
    }

    /// The times of a probe cell.
    ///
    /// # Errors
    /// When the cell was refused or is not recorded, or its file is damaged.
    pub fn probe_times(&self, cell_id: &str) -> Result<Distribution, RecordError> {
        read_distribution(&self.probe_folder(cell_id).join("latency.csv"))
    }

    /// The times of a probe cell, round by round; a result from before there were rounds has one.
    ///
    /// # Errors
    /// As [`RunFolder::probe_times`].
    pub fn probe_rounds(&self, cell_id: &str) -> Result<Vec<Distribution>, RecordError> {
        let path = self.probe_folder(cell_id).join("rounds.csv");
        if !path.is_file() {
            return self.probe_times(cell_id).map(|times| vec![times]);
        }
        let text = fs::read_to_string(&path).map_err(RecordError::io(&path))?;
        hlog::parse_numbered(&text).map_err(|reason| RecordError::damaged(&path, reason))
    }

    /// The counters of a trial.
    ///
    /// # Errors
    /// When the trial is not recorded or its file is damaged.
    pub fn counters(&self, trial: &TrialId) -> Result<Vec<CounterRow>, RecordError> {
        read_rows(&self.trial_folder(trial).join("counters.csv"))
    }

    /// Every request of a trial; none where it was not traced.
    ///
    /// # Errors
    /// When the trial's file is damaged.
    pub fn trace(&self, trial: &TrialId) -> Result<Option<Vec<TraceRow>>, RecordError> {
        let path = self.trial_folder(trial).join("trace.csv");
        path.is_file().then(|| read_rows(&path)).transpose()
    }
}

/// The runs in `folder`: itself, or those one or two levels below (an experiment's folder, an
/// output folder), sorted by path. Folders that hold no run are passed over.
///
/// # Errors
/// When a folder cannot be listed.
pub fn runs_below(folder: &Path) -> Result<Vec<PathBuf>, RecordError> {
    let mut level = vec![folder.to_owned()];
    let mut runs = Vec::new();
    for _ in 0..3 {
        let (found, others): (Vec<_>, Vec<_>) = level
            .into_iter()
            .partition(|path| path.join("run.json").is_file());
        runs.extend(found);
        level = Vec::new();
        for path in others {
            level.extend(folders_in(&path)?);
        }
    }
    runs.sort();
    Ok(runs)
}

/// The folders in `path` whose names do not begin with a dot, sorted; none when it is missing.
fn folders_in(path: &Path) -> Result<Vec<PathBuf>, RecordError> {
    Ok(entries(path)?
        .into_iter()
        .filter(|path| path.is_dir())
        .collect())
}

/// The files in `path` whose names do not begin with a dot, sorted; none when it is missing.
fn files_in(path: &Path) -> Result<Vec<PathBuf>, RecordError> {
    Ok(entries(path)?
        .into_iter()
        .filter(|path| path.is_file())
        .collect())
}

fn entries(path: &Path) -> Result<Vec<PathBuf>, RecordError> {
    if !path.is_dir() {
        return Ok(Vec::new());
    }
    let mut entries = Vec::new();
    for entry in fs::read_dir(path).map_err(RecordError::io(path))? {
        let entry = entry.map_err(RecordError::io(path))?;
        if !entry.file_name().to_string_lossy().starts_with('.') {
            entries.push(entry.path());
        }
    }
    entries.sort();
    Ok(entries)
}

fn read_each<T: DeserializeOwned>(path: &Path, file: &str) -> Result<Vec<T>, RecordError> {
    folders_in(path)?
        .into_iter()
        .map(|folder| read_json(&folder.join(file)))
        .collect()
}

/// Reads a JSON file after a look at its schema version, so that a file of another version is
/// called that and not damaged.
fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T, RecordError> {
    let text = fs::read_to_string(path).map_err(RecordError::io(path))?;
    let value: Value =
        serde_json::from_str(&text).map_err(|error| RecordError::damaged(path, error))?;
    let found = value.get("schema_version").and_then(Value::as_u64);
    let found = found.ok_or_else(|| RecordError::damaged(path, "it has no schema_version"))?;
    if found != u64::from(SCHEMA_VERSION) {
        return Err(RecordError::SchemaVersion {
            path: path.to_owned(),
            found,
            known: SCHEMA_VERSION,
            remedy: remedy(path, &value, found),
        });
    }
    serde_json::from_value(value).map_err(|error| RecordError::damaged(path, error))
}

fn read_rows<T: DeserializeOwned>(path: &Path) -> Result<Vec<T>, RecordError> {
    let text = fs::read_to_string(path).map_err(RecordError::io(path))?;
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let rows = reader.deserialize().collect::<Result<_, _>>();
    rows.map_err(|error| RecordError::damaged(path, error))
}

/// What to do about a file of another version. Only `run.json` says who wrote it.
fn remedy(path: &Path, value: &Value, found: u64) -> String {
    let text = |pointer| value.pointer(pointer).and_then(Value::as_str);
    let started = text("/started").map(|started| format!(" on {started}"));
    let writer = match text("/git/commit") {
        Some(commit) => format!("written{} by commit {commit}", started.unwrap_or_default()),
        None => "written by a program whose commit it does not name".to_owned(),
    };
    let folder = path.parent().unwrap_or(path).display();
    if found < u64::from(SCHEMA_VERSION) {
        format!(
            "it is older, {writer}; its CSV files can be read as they are; to show or draw it check that \
             commit out and build it, or repeat the run with: experiment {folder}/spec.yaml"
        )
    } else {
        format!("it is newer, {writer}; update this program")
    }
}

fn read_distribution(path: &Path) -> Result<Distribution, RecordError> {
    let text = fs::read_to_string(path).map_err(RecordError::io(path))?;
    hlog::parse(&text).map_err(|reason| RecordError::damaged(path, reason))
}
