//! Writing. Files that belong together are made in a hidden folder beside their place and moved
//! there by one rename; single files likewise. A process that dies leaves at most such a hidden
//! folder, which the next writer removes. Against a power failure nothing is promised.
//!
//! The files of each trial come first, the tables that are made from them after: whatever ends a
//! process in between, the next one that opens the run writes the tables anew.

use std::fs;
use std::path::Path;

use hdrhistogram::Histogram;
use spec::{Trial, TrialId};

use super::RunFolder;
use super::files::{
    write_csv, write_hlog, write_intervals, write_json, write_steering, write_trace,
};
use super::place::{UNFINISHED, remove, remove_unfinished, replace};
use crate::capacity::CapacityRecord;
use crate::device;
use crate::error::RecordError;
use crate::failure::{FailureRecord, FailureStatus};
use crate::hlog;
use crate::latency::Distribution;
use crate::probe::{ProbeRecord, ProbeRound, ProbeStatus};
use crate::run::RunRecord;
use crate::table;
use crate::time::Timestamp;
use crate::trial::{TrialData, TrialRecord};

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
        remove(&unfinished)?;
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
            failures: Vec::new(),
            probes: Vec::new(),
        })
    }

    /// Opens a run to record more trials, and removes what an earlier process left unfinished.
    ///
    /// # Errors
    /// As [`RunFolder::open`], or when the folder cannot be written.
    pub fn resume(path: &Path) -> Result<Self, RecordError> {
        let folder = Self::open(path)?;
        for below in ["trials", "failures", "probes", "."] {
            remove_unfinished(&folder.path.join(below))?;
        }
        folder.write_trials()?;
        folder.write_failures()?;
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
            if let Some(steps) = &data.steering_steps {
                write_steering(folder, steps)?;
            }
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
            )?;
            match &data.recovery {
                None => Ok(()),
                Some(recovery) => {
                    let (from, to) = (data.started, data.finished.system_time());
                    let whole = to.duration_since(from.system_time()).unwrap_or_default();
                    write_hlog(&folder.join("recovery.hlog"), &[(recovery, from, whole)])
                }
            }
        })?;
        self.trials
            .retain(|known| known.trial_id != record.trial_id);
        let at = self
            .trials
            .partition_point(|known| known.sequence < record.sequence);
        self.trials.insert(at, record);
        self.write_trials()?;
        self.forget_failure(&data.trial.id())?;
        Ok(&self.trials[at])
    }

    /// Records that a trial gave no data, and brings `failures.csv` up to date. `reason` is for
    /// people: what happened, where, and the remedy.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn record_failure(
        &mut self,
        trial: &Trial,
        sequence: u32,
        status: FailureStatus,
        reason: &str,
    ) -> Result<&FailureRecord, RecordError> {
        let trial_id = trial.id();
        let earlier = self
            .failures
            .iter()
            .find(|known| known.trial_id == trial_id);
        let record = FailureRecord {
            schema_version: crate::SCHEMA_VERSION,
            sequence,
            trial: trial.clone(),
            status,
            reason: reason.to_owned(),
            attempts: earlier.map_or(0, |known| known.attempts) + 1,
            failed_at: Timestamp::now(),
            trial_id,
        };
        replace(&self.failure_file(&record.trial_id), |unfinished| {
            write_json(unfinished, &record)
        })?;
        self.failures
            .retain(|known| known.trial_id != record.trial_id);
        let at = self
            .failures
            .partition_point(|known| known.sequence < record.sequence);
        self.failures.insert(at, record);
        self.write_failures()?;
        Ok(&self.failures[at])
    }

    /// A trial that has data at last is no failure any more.
    fn forget_failure(&mut self, trial: &TrialId) -> Result<(), RecordError> {
        if self.failures.iter().any(|known| known.trial_id == *trial) {
            self.failures.retain(|known| known.trial_id != *trial);
            remove(&self.failure_file(trial))?;
            self.write_failures()?;
        }
        Ok(())
    }

    /// Records what capacity searches found so far: in `run.json`, `capacity.csv` and
    /// `capacity_rates.csv`.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn record_capacity(&mut self, searches: Vec<CapacityRecord>) -> Result<(), RecordError> {
        let sweep = self.run.spec.sweep.as_ref();
        let brackets = table::capacity(&searches, sweep);
        let rates = table::capacity_rates(&searches, sweep);
        for (name, rows) in [("capacity.csv", brackets), ("capacity_rates.csv", rates)] {
            replace(&self.path.join(name), |unfinished| {
                write_csv(unfinished, &rows)
            })?;
        }
        self.update_run(|run| run.capacity = searches)
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
        let rows = table::trials(self.trials.iter(), self.run.spec.sweep.as_ref());
        replace(&self.path.join("trials.csv"), |unfinished| {
            write_csv(unfinished, &rows)
        })
    }

    /// A run without failures has no such table.
    fn write_failures(&self) -> Result<(), RecordError> {
        let path = self.path.join("failures.csv");
        if self.failures.is_empty() {
            return remove(&path);
        }
        let rows = table::failures(self.failures.iter());
        replace(&path, |unfinished| write_csv(unfinished, &rows))
    }

    fn write_probes(&self) -> Result<(), RecordError> {
        let rows = table::probes(self.probes.iter());
        replace(&self.path.join("probes.csv"), |unfinished| {
            write_csv(unfinished, &rows)
        })
    }
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
