//! The recorded files of one run.

mod compared;
mod floor;
mod histogram;
mod intervals;
mod machine;
mod names;
mod probes;
mod series;
mod swept;
mod table;
mod trials;

use std::path::{Path, PathBuf};

pub(crate) use compared::Named;
pub(crate) use floor::Floor;
pub(crate) use machine::Machine;
pub(crate) use names::{frame_rate, micros, one, rate};
pub(crate) use probes::{Probe, Probes};
use record::{CapacityRecord, RunFolder};

pub(crate) use intervals::{DeliveredStep, SteeringStep, Step};
pub(crate) use series::Traffic;
use trials::Loop;
pub(crate) use trials::{Cell, Trials};

use crate::error::{Error, Result};

/// What figures are drawn from. A table that was not recorded is `None`.
#[derive(Debug)]
pub(crate) struct Run {
    path: PathBuf,
    /// The trials of open loops.
    pub(crate) trials: Option<Trials>,
    /// The trials of closed loops.
    pub(crate) closed: Option<Trials>,
    /// The drains.
    pub(crate) drains: Option<Trials>,
    /// What a generator saturated.
    pub(crate) saturated: Option<Trials>,
    /// Packet systems whose frames went one way, saturated or at a rate.
    pub(crate) forwarded: Option<Trials>,
    pub(crate) probes: Option<Probes>,
    pub(crate) machine: Machine,
    /// What capacity searches found; empty when the run is none.
    pub(crate) capacity: Vec<CapacityRecord>,
}

impl Run {
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let known = ["run.json", "trials.csv", "probes.csv"];
        if !known.iter().any(|name| path.join(name).exists()) {
            return Err(Error::NotARun {
                path: path.to_owned(),
            });
        }
        Ok(Self {
            path: path.to_owned(),
            trials: Trials::read(path, Loop::Open)?,
            closed: Trials::read(path, Loop::Closed)?,
            drains: Trials::read(path, Loop::Drain)?,
            saturated: Trials::read(path, Loop::Saturate)?,
            forwarded: Trials::read(path, Loop::Forwarded)?,
            probes: Probes::read(path)?,
            machine: Machine::read(path)?,
            capacity: capacity(path)?,
        })
    }

    /// The comparisons of the run's systems with its first one.
    pub(crate) fn comparisons(&self) -> Result<Vec<Named>> {
        compared::read(&self.path.join("comparison.csv"))
    }

    /// The repeated comparisons of an A/A or A/B run.
    pub(crate) fn repeats(&self) -> Result<Vec<Named>> {
        compared::read(&self.path.join("aa_ab.csv"))
    }

    /// The folder as it was recorded, when any trial of it was traced.
    pub(crate) fn traced(&self) -> Result<Option<RunFolder>> {
        let trials = self.path.join("trials");
        if !trials.is_dir() {
            return Ok(None);
        }
        let entries = std::fs::read_dir(&trials).map_err(|e| Error::read(&trials, e))?;
        let traced = entries
            .flatten()
            .any(|entry| entry.path().join("trace.csv").is_file());
        Ok(traced.then(|| RunFolder::open(&self.path)).transpose()?)
    }
}

fn capacity(path: &Path) -> Result<Vec<CapacityRecord>> {
    if !path.join("capacity.csv").is_file() {
        return Ok(Vec::new());
    }
    Ok(RunFolder::open(path)?.run().capacity.clone())
}
