//! The result of a run: what is written, how, and how it is read back.
//!
//! A run is a folder of plain files (design: "Results of a run"): `spec.yaml`, `run.json`,
//! `trials.csv`, `probes.csv`, a folder per trial and per probe cell, and `failures/` for trials
//! that gave no data. Each trial is written whole or not at all: into a hidden folder first, then
//! renamed. The tables are derived from the trials' own files and replaced by rename, so a run that
//! was killed can be resumed by skipping the trials that are there ([`RunFolder::finished`]).
//!
//! Nothing here measures or draws. The crate depends on neither aya nor polars, so that
//! everything which reads or writes results stays quick to build.

mod capacity;
mod columns;
mod device;
mod difference;
mod error;
mod failure;
mod folder;
mod hlog;
mod interval;
mod latency;
mod ledger;
mod machine;
mod probe;
mod run;
mod smell;
mod steering;
mod table;
mod time;
mod trace;
mod trial;

pub use capacity::{CapacityRecord, RateRecord, RateVerdict};
pub use device::{DeviceRecord, DeviceState};
pub use difference::{Difference, Origin, differences};
pub use error::RecordError;
pub use failure::{FailureRecord, FailureStatus};
pub use folder::{RunFolder, runs_below};
pub use interval::Interval;
pub use latency::{Distribution, Percentiles};
pub use ledger::{DropCount, Ledger};
pub use machine::{Activity, Hardware, Machine, ProgramRuns, RoleHardware};
pub use probe::{ProbeRecord, ProbeRound, ProbeStatus};
pub use run::{Git, Repeats, Resumption, RunId, RunRecord, Seeds};
pub use smell::{Severity, Smell};
pub use steering::SteeringStep;
pub use time::Timestamp;
pub use trace::{StallSeen, TraceRow};
pub use trial::{
    Cost, CounterRow, DrainTimes, FrameResult, Imbalance, PerFrame, Scans, Steering, TrialData,
    TrialRecord,
};

/// Version of the result folder's layout and of every file in it. A reader refuses any other.
pub const SCHEMA_VERSION: u32 = 2;
