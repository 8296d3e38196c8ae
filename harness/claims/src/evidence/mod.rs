//! Recorded runs as evidence: which of their trials and probe cells a claim's cells mean, and at
//! which places (loads, swept values) compared cells meet.

mod group;
mod place;

use std::collections::BTreeMap;

use record::{FailureRecord, FailureStatus, ProbeStatus, RecordError, RunFolder, TrialRecord};
use spec::Wakeup;

use crate::cell::{Cell, NotificationCell, ServerCell, mechanism_name, mode_name};
use crate::measured::{BlockKey, Blocks};
use crate::metric::{Contribution, Metric, histogram};

pub use group::MachineRuns;
pub(crate) use place::{Place, at_places};

/// Why a test came to no number.
#[derive(Debug)]
pub(crate) enum Stop {
    /// No run is of the spec that would show it.
    NoRun(String),
    /// The runs do not have this.
    NotTestable(String),
    /// The runs have too little of this.
    Inconclusive(String),
    /// A file of a run cannot be read.
    Broken(RecordError),
}

impl From<RecordError> for Stop {
    fn from(error: RecordError) -> Self {
        Self::Broken(error)
    }
}

/// A trial and the run that it belongs to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Found<'a> {
    pub(crate) run: &'a RunFolder,
    pub(crate) record: &'a TrialRecord,
}

/// Valid trials of one cell at one place, by block.
#[derive(Debug, Clone)]
pub(crate) struct Trials<'a> {
    pub(crate) place: Place,
    pub(crate) by_block: BTreeMap<BlockKey, Found<'a>>,
}

impl Trials<'_> {
    /// What the trials say of `metric`.
    pub(crate) fn measure(&self, metric: Metric, cell: &Cell) -> Result<Blocks, Stop> {
        let mut blocks = Blocks::new();
        for (key, found) in &self.by_block {
            let contribution = metric.of_trial(found.run, found.record)?.ok_or_else(|| {
                Stop::NotTestable(format!(
                    "{metric} is not recorded for {cell} on {}",
                    found.run.run().fidelity
                ))
            })?;
            blocks.insert(*key, contribution);
        }
        Ok(blocks)
    }

    /// Whether nearly every measured request was answered in time, in nearly every block.
    pub(crate) fn are_served(&self) -> bool {
        const ENOUGH: f64 = 0.999;
        let shares: Vec<f64> = self
            .by_block
            .values()
            .map(|found| {
                let (answered, lost) = (
                    found.record.answered_measured,
                    found.record.unanswered_measured,
                );
                answered as f64 / (answered + lost).max(1) as f64
            })
            .collect();
        stats::median(&shares).is_some_and(|share| share >= ENOUGH)
    }

    /// Whether the server's threads spin.
    pub(crate) fn spin(&self) -> bool {
        let mut trials = self.by_block.values();
        trials.any(|found| found.record.trial.system.wakeup == Some(Wakeup::Spin))
    }

    /// The load, where it is an open loop.
    pub(crate) fn load_rps(&self) -> Option<f64> {
        self.place.load.rate().map(spec::Rate::per_second)
    }
}

impl<'a> MachineRuns<'a> {
    /// The trials of `cell` place by place; `free` are the paths of a trial's JSON in which
    /// compared cells may differ.
    pub(crate) fn trials(
        &self,
        cell: &ServerCell,
        free: &[&'static str],
    ) -> Result<Vec<Trials<'a>>, Stop> {
        let mut places: BTreeMap<String, Trials<'a>> = BTreeMap::new();
        let mut labels: BTreeMap<&str, &str> = BTreeMap::new();
        let mut invalid = 0;
        for (position, &run) in self.runs().iter().enumerate() {
            for record in run
                .trials()
                .iter()
                .filter(|record| cell.fits(&record.trial))
            {
                if !record.valid {
                    invalid += 1;
                    continue;
                }
                labels.insert(
                    record.trial.system.label.as_str(),
                    run.run().run_id.as_str(),
                );
                let place = Place::of(&record.trial, free);
                let key = BlockKey {
                    run: position,
                    block: record.trial.block,
                };
                let trials = places.entry(place.key.clone()).or_insert_with(|| Trials {
                    place,
                    by_block: BTreeMap::new(),
                });
                let found = Found { run, record };
                if trials.by_block.insert(key, found).is_some() {
                    return Err(Stop::NotTestable(format!(
                        "several labels of one run are {}: {}; the claim must name one",
                        Cell::Server(cell.clone()),
                        labels.keys().copied().collect::<Vec<_>>().join(", ")
                    )));
                }
            }
        }
        let failure = self.failure(cell);
        let cell = Cell::Server(cell.clone());
        match (places.is_empty(), invalid) {
            (false, _) => Ok(places.into_values().collect()),
            (true, 0) => Err(match failure {
                None => Stop::NoRun(format!("no run at hand has trials of {cell}")),
                Some(failure) => {
                    let (status, reason) = (failure.status.name(), &failure.reason);
                    Stop::NotTestable(format!("{cell}: {status} on this machine: {reason}"))
                }
            }),
            (true, invalid) => Err(Stop::Inconclusive(format!(
                "all {invalid} trials of {cell} are invalid: see their smells, and repeat the run"
            ))),
        }
    }

    /// Whether this machine refuses `cell`: there is no trial of it, and one that was refused.
    pub(crate) fn refuses(&self, cell: &ServerCell) -> bool {
        let mut trials = self.runs().iter().flat_map(|run| run.trials());
        let refused = |failure: &FailureRecord| failure.status == FailureStatus::Refused;
        !trials.any(|record| cell.fits(&record.trial)) && self.failure(cell).is_some_and(refused)
    }

    /// A trial of `cell` that gave no data, if there is one; refused ones tell most.
    fn failure(&self, cell: &ServerCell) -> Option<&'a FailureRecord> {
        let failures = self.runs().iter().flat_map(|run| run.failures());
        failures
            .filter(|failure| cell.fits(&failure.trial))
            .max_by_key(|failure| failure.status == FailureStatus::Refused)
    }

    /// The rounds of a cell of the wakeup probe.
    pub(crate) fn rounds(&self, cell: &NotificationCell, metric: Metric) -> Result<Blocks, Stop> {
        let shown = Cell::Notification(*cell);
        let Some(quantile) = metric.quantile() else {
            return Err(Stop::NotTestable(format!(
                "the probe does not measure {metric}"
            )));
        };
        let is_meant = |class: &str, probe: &record::ProbeRecord| {
            probe.pair_class == class
                && probe.mechanism == mechanism_name(cell.mechanism)
                && probe.mode == mode_name(cell.mode)
        };
        for class in cell.pair.classes() {
            let mut blocks = Blocks::new();
            for (position, run) in self.runs().iter().enumerate() {
                let probes = run.probes().iter().filter(|probe| is_meant(class, probe));
                for probe in probes {
                    if let ProbeStatus::Refused(reason) = &probe.status {
                        return Err(Stop::NotTestable(format!("{shown}: {reason}")));
                    }
                    for (block, times) in (1..).zip(run.probe_rounds(&probe.cell_id)?) {
                        let key = BlockKey {
                            run: position,
                            block,
                        };
                        let times = Contribution::Times(quantile, histogram(&times));
                        blocks.insert(key, times);
                    }
                }
            }
            if !blocks.is_empty() {
                return Ok(blocks);
            }
        }
        Err(self.no_such_pair(cell))
    }

    /// Why a probe cell is missing: no probe, or a machine without such CPUs.
    fn no_such_pair(&self, cell: &NotificationCell) -> Stop {
        let shown = Cell::Notification(*cell);
        let measured = self
            .runs()
            .iter()
            .flat_map(|run| run.probes())
            .any(|probe| {
                probe.mechanism == mechanism_name(cell.mechanism)
                    && probe.mode == mode_name(cell.mode)
            });
        if measured {
            Stop::NotTestable(format!("this machine has no CPUs for {shown}"))
        } else {
            Stop::NoRun(format!("no run at hand has the probe {shown}"))
        }
    }
}
