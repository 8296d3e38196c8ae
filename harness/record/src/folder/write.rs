//! Writing. Files that belong together are made in a hidden folder beside their place and moved
//! there by one rename; single files likewise. A process that dies leaves at most such a hidden
//! folder, which the next writer removes. Against a power failure nothing is promised.

use std::fs;
use std::path::Path;

use hdrhistogram::Histogram;
use serde::Serialize;

use super::RunFolder;
use crate::columns;
use crate::device;
use crate::error::RecordError;
use crate::hlog;
use crate::interval::{self, Interval};
use crate::latency::Distribution;
use crate::probe::{ProbeRecord, ProbeRound, ProbeStatus};
use crate::run::RunRecord;
use crate::table::{self, Rows};
use crate::trace::{self, TraceRow};
use crate::trial::{TrialData, TrialRecord};

/// Names that begin so are unfinished.
const UNFINISHED: &str = ".unfinished-";

impl RunFolder {
    /// Makes the folder of a new run and writes `spec.yaml` and `run.json`.
    ///
    /// # Errors
    /// When the folder exists already or cannot be written.
    pub fn create(output: &Path, run: RunRecord) -> Result<Self, RecordError> {
        let parent = output.join(&run.experiment);
        let path = parent.join(run.run_id.as_str());
        fs::create_dir_all(&parent).map_err(RecordError::io(&parent))?;
        if path.exists() {
            return Err(RecordError::Exists(path));
        }
        let unfinished = parent.join(format!("{UNFINISHED}{}", run.run_id));
        let trials = unfinished.join("trials");
        fs::create_dir_all(&trials).map_err(RecordError::io(&trials))?;
        let spec_path = unfinished.join("spec.yaml");
        let yaml = run.spec.to_yaml();
        let yaml = yaml.map_err(|error| RecordError::unwritable(&spec_path, error))?;
        fs::write(&spec_path, yaml).map_err(RecordError::io(&spec_path))?;
        write_json(&unfinished.join("run.json"), &run)?;
        fs::rename(&unfinished, &path).map_err(RecordError::io(&path))?;
        Ok(Self {
            path,
            run,
            trials: Vec::new(),
            probes: Vec::new(),
        })
    }

    /// Opens a run to record more trials, and removes what an earlier process left unfinished.
    ///
    /// # Errors
    /// As [`RunFolder::open`], or when the folder cannot be written.
    pub fn resume(path: &Path) -> Result<Self, RecordError> {
        let folder = Self::open(path)?;
        for below in ["trials", "probes", "."] {
            remove_unfinished(&folder.path.join(below))?;
        }
        folder.write_trials()?;
        if !folder.probes.is_empty() {
            folder.write_probes()?;
        }
        Ok(folder)
    }

    /// Changes the run's own record and writes it.
    ///
    /// # Errors
    /// When `run.json` cannot be written.
    pub fn update_run(&mut self, change: impl FnOnce(&mut RunRecord)) -> Result<(), RecordError> {
        change(&mut self.run);
        let path = self.path.join("run.json");
        replace(&path, |unfinished| write_json(unfinished, &self.run))
    }

    /// Records a trial, whole or not at all, and brings `trials.csv` up to date. A trial that is
    /// there already is replaced.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn record_trial(&mut self, data: &TrialData) -> Result<&TrialRecord, RecordError> {
        let record = data.record();
        // Before the trial: a run that dies in between has a device too many, not one too few.
        let label = &record.trial.system.label;
        if device::enter(&mut self.run.devices, label, &data.devices) {
            self.update_run(|_| {})?;
        }
        let place = self.trial_folder(&record.trial_id);
        let measure = data.trial.phases.measure.to_std();
        replace(&place, |folder| {
            fs::create_dir_all(folder).map_err(RecordError::io(folder))?;
            write_json(&folder.join("trial.json"), &record)?;
            let latency = Distribution::new(&data.latency, data.unanswered_measured);
            write_csv(&folder.join("latency.csv"), &hlog::rows(&latency))?;
            let counters = std::iter::once(["scope", "name", "value"].map(String::from).to_vec());
            let counters = counters.chain(
                data.counters
                    .iter()
                    .map(|row| vec![row.scope.clone(), row.name.clone(), row.value.to_string()]),
            );
            write_csv(&folder.join("counters.csv"), &counters.collect())?;
            write_intervals(folder, &data.intervals, measure)?;
            if let Some(trace) = &data.trace {
                write_trace(folder, trace)?;
            }
            let started = data.measure_started;
            write_hlog(
                &folder.join("latency.hlog"),
                &[(&data.latency, started, measure)],
            )?;
            write_hlog(
                &folder.join("send_lag.hlog"),
                &[(&data.send_lag, started, measure)],
            )
        })?;
        self.trials
            .retain(|known| known.trial_id != record.trial_id);
        let at = self
            .trials
            .partition_point(|known| known.sequence < record.sequence);
        self.trials.insert(at, record);
        self.write_trials()?;
        Ok(&self.trials[at])
    }

    /// Records a probe cell with all rounds that it has so far, whole or not at all, and brings
    /// `probes.csv` up to date; a refused cell has no rounds. A cell that is there already is
    /// replaced.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn record_probe(
        &mut self,
        mut record: ProbeRecord,
        rounds: &[ProbeRound],
    ) -> Result<&ProbeRecord, RecordError> {
        let place = self.probe_folder(&record.cell_id);
        let unwritable = |reason: &str| RecordError::unwritable(&place, reason);
        if record.cell_id.is_empty() || record.cell_id.contains(['/', '.']) {
            return Err(unwritable("a cell id must be a plain name"));
        }
        if rounds.is_empty() && record.status == ProbeStatus::Ok {
            return Err(unwritable("a cell without times cannot be ok"));
        }
        record.schema_version = crate::SCHEMA_VERSION;
        let merged = merged(rounds).map_err(|reason| unwritable(&reason))?;
        let distribution = |times: &Histogram<u64>| Distribution::new(times, 0);
        if let Some(times) = &merged {
            record.samples = times.len();
            record.time = distribution(times).percentiles();
            let of_round = |round: &ProbeRound| distribution(&round.times).percentiles();
            record.rounds = rounds.iter().map(of_round).collect();
        }
        replace(&place, |folder| {
            fs::create_dir_all(folder).map_err(RecordError::io(folder))?;
            if let Some(times) = &merged {
                write_csv(
                    &folder.join("latency.csv"),
                    &hlog::rows(&distribution(times)),
                )?;
                let intervals: Vec<_> = rounds
                    .iter()
                    .map(|round| (&round.times, round.started, round.length))
                    .collect();
                write_hlog(&folder.join("latency.hlog"), &intervals)?;
                let each: Vec<_> = rounds
                    .iter()
                    .map(|round| distribution(&round.times))
                    .collect();
                write_csv(&folder.join("rounds.csv"), &hlog::numbered_rows(&each))?;
            }
            write_json(&folder.join("probe.json"), &record)
        })?;
        self.probes.retain(|known| known.cell_id != record.cell_id);
        self.probes.push(record);
        self.write_probes()?;
        Ok(&self.probes[self.probes.len() - 1])
    }

    fn write_trials(&self) -> Result<(), RecordError> {
        let rows = table::trials(self.trials.iter());
        replace(&self.path.join("trials.csv"), |unfinished| {
            write_csv(unfinished, &rows)
        })
    }

    fn write_probes(&self) -> Result<(), RecordError> {
        let rows = table::probes(self.probes.iter());
        replace(&self.path.join("probes.csv"), |unfinished| {
            write_csv(unfinished, &rows)
        })
    }
}

/// Makes a file or folder under another name in the same folder, then moves it to `place`. A
/// folder that stands there gives way first: rename replaces files and empty folders only.
fn replace(
    place: &Path,
    make: impl FnOnce(&Path) -> Result<(), RecordError>,
) -> Result<(), RecordError> {
    let (Some(parent), Some(name)) = (place.parent(), place.file_name()) else {
        return Err(RecordError::unwritable(place, "it has no name"));
    };
    let unfinished = parent.join(format!("{UNFINISHED}{}", name.to_string_lossy()));
    if unfinished.is_dir() {
        fs::remove_dir_all(&unfinished).map_err(RecordError::io(&unfinished))?;
    }
    fs::create_dir_all(parent).map_err(RecordError::io(parent))?;
    make(&unfinished)?;
    if place.is_dir() {
        fs::remove_dir_all(place).map_err(RecordError::io(place))?;
    }
    fs::rename(&unfinished, place).map_err(RecordError::io(place))
}

fn remove_unfinished(folder: &Path) -> Result<(), RecordError> {
    if !folder.is_dir() {
        return Ok(());
    }
    for entry in fs::read_dir(folder).map_err(RecordError::io(folder))? {
        let path = entry.map_err(RecordError::io(folder))?.path();
        let unfinished = path
            .file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with(UNFINISHED));
        if unfinished {
            let removed = if path.is_dir() {
                fs::remove_dir_all(&path)
            } else {
                fs::remove_file(&path)
            };
            removed.map_err(RecordError::io(&path))?;
        }
    }
    Ok(())
}

fn write_json<T: Serialize>(path: &Path, value: &T) -> Result<(), RecordError> {
    let text = serde_json::to_string_pretty(value);
    let text = text.map_err(|error| RecordError::unwritable(path, error))? + "\n";
    fs::write(path, text).map_err(RecordError::io(path))
}

fn write_csv(path: &Path, rows: &Rows) -> Result<(), RecordError> {
    let mut to = csv::Writer::from_path(path).map_err(|e| RecordError::unwritable(path, e))?;
    for row in rows {
        to.write_record(row)
            .map_err(|error| RecordError::unwritable(path, error))?;
    }
    to.flush().map_err(RecordError::io(path))
}

/// Row by row: a trace may have millions, and is never held as text.
fn write_trace(folder: &Path, rows: &[TraceRow]) -> Result<(), RecordError> {
    let path = folder.join("trace.csv");
    let unwritable = |error| RecordError::unwritable(&path, error);
    let mut to = csv::Writer::from_path(&path).map_err(unwritable)?;
    for row in rows {
        to.serialize(row).map_err(unwritable)?;
    }
    to.flush().map_err(RecordError::io(&path))?;
    let path = folder.join("trace.parquet");
    columns::write_parquet(&path, "trace", &trace::columns(rows))
        .map_err(|error| RecordError::unwritable(&path, error))
}

fn write_intervals(
    folder: &Path,
    intervals: &[Interval],
    length: std::time::Duration,
) -> Result<(), RecordError> {
    let length_ns = u64::try_from(length.as_nanos()).unwrap_or(u64::MAX);
    let columns = interval::columns(intervals, length_ns);
    write_csv(
        &folder.join("intervals.csv"),
        &columns::rows(&columns, intervals.len()),
    )?;
    let path = folder.join("intervals.parquet");
    columns::write_parquet(&path, "intervals", &columns)
        .map_err(|error| RecordError::unwritable(&path, error))
}

fn write_hlog(path: &Path, intervals: &[hlog::Interval<'_>]) -> Result<(), RecordError> {
    let mut bytes = Vec::new();
    hlog::write(&mut bytes, intervals).map_err(|reason| RecordError::unwritable(path, reason))?;
    fs::write(path, bytes).map_err(RecordError::io(path))
}

/// All rounds together; `None` without rounds.
fn merged(rounds: &[ProbeRound]) -> Result<Option<Histogram<u64>>, String> {
    let Some((first, others)) = rounds.split_first() else {
        return Ok(None);
    };
    let mut merged = first.times.clone();
    for round in others {
        merged
            .add(&round.times)
            .map_err(|error| error.to_string())?;
    }
    Ok(Some(merged))
}
