//! A run's valid trials, sorted into cells: one label at one point of load and workload.

use std::collections::BTreeMap;

use record::{RunFolder, TrialRecord};
use serde_json::Value;
use spec::{Duration, LoadPoint, Sweep, System, Trial};

/// Where in a spec's plane of loads and swept values a trial lies; equal for all systems.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Point {
    /// How the trial is loaded.
    pub load: LoadPoint,
    /// The swept values, as `name value`; empty without a sweep.
    pub swept: String,
    /// Everything that must be equal for two trials to be compared, in canonical form.
    conditions: String,
}

/// One label's trials at one point.
#[derive(Debug, Clone)]
pub struct Cell<'a> {
    /// Where it lies.
    pub point: Point,
    /// The system.
    pub system: &'a System,
    /// Its valid trials by their blocks.
    pub trials: BTreeMap<u32, &'a TrialRecord>,
    /// Trials that were invalid and are left out.
    pub invalid: usize,
}

/// The cells of a run.
#[derive(Debug, Clone)]
pub struct Cells<'a> {
    /// In the order of points; within one, in the order of the spec's labels.
    pub cells: Vec<Cell<'a>>,
    /// The labels that were recorded, in the order of the spec.
    pub labels: Vec<&'a str>,
}

impl<'a> Cells<'a> {
    /// Sorts the trials of `run`.
    #[must_use]
    pub fn of(run: &'a RunFolder) -> Self {
        let spec = &run.run().spec;
        let written: Vec<&str> = spec.systems.iter().map(|system| system.label()).collect();
        let place = |label: &str| written.iter().position(|known| *known == label);
        let mut cells: BTreeMap<(Point, usize), Cell<'a>> = BTreeMap::new();
        for record in run.trials() {
            let system = &record.trial.system;
            // What the spec does not name (the instrument's floor) is no competitor.
            let Some(place) = place(&system.label) else {
                continue;
            };
            let point = Point::of(&record.trial, spec.sweep.as_ref());
            let cell = cells.entry((point.clone(), place)).or_insert(Cell {
                point,
                system,
                trials: BTreeMap::new(),
                invalid: 0,
            });
            if record.valid {
                cell.trials.insert(record.trial.block, record);
            } else {
                cell.invalid += 1;
            }
        }
        let recorded = |label: &&str| cells.values().any(|cell| cell.system.label == *label);
        Self {
            labels: written.iter().copied().filter(recorded).collect(),
            cells: cells.into_values().collect(),
        }
    }

    /// The cell of a label at a point.
    #[must_use]
    pub fn at(&self, point: &Point, label: &str) -> Option<&Cell<'a>> {
        let here = |cell: &&Cell<'_>| cell.point == *point && cell.system.label == label;
        self.cells.iter().find(here)
    }
}

impl Point {
    fn of(trial: &Trial, sweep: Option<&Sweep>) -> Self {
        let swept = swept(trial, sweep);
        Self {
            load: trial.load,
            conditions: conditions(trial, &swept),
            swept,
        }
    }
}

/// The trial without what is the system's own, what differs between blocks, and the CPUs.
fn conditions(trial: &Trial, swept: &str) -> String {
    let mut value = serde_json::to_value(trial).unwrap_or(Value::Null);
    if let Some(fields) = value.as_object_mut() {
        for own in ["system", "block", "schedule_seed", "placement"] {
            fields.remove(own);
        }
        // A service time of one system's own is what is compared, not a condition.
        if let Some(Value::Object(workload)) = fields.get_mut("workload") {
            workload.remove("service");
        }
    }
    format!("{value} {swept}")
}

/// The work injected into each steering decision.
fn steering_cost(trial: &Trial) -> Duration {
    let cost = trial.system.xdp.and_then(|xdp| xdp.cost);
    cost.unwrap_or(Duration(0))
}

/// The values that the spec sweeps, as this trial has them.
fn swept(trial: &Trial, sweep: Option<&Sweep>) -> String {
    let Some(sweep) = sweep else {
        return String::new();
    };
    let workload = &trial.workload;
    let size = |size: &spec::SizeSpec| match size.bounds() {
        Some((low, high)) if low == high => low.to_string(),
        Some((low, high)) => format!("{low} to {high}"),
        None => "none".to_owned(),
    };
    let values = [
        (
            sweep.theta.is_some(),
            "theta",
            workload.popularity.theta().to_string(),
        ),
        (
            sweep.get_ratio.is_some(),
            "get_ratio",
            workload.get_ratio.to_string(),
        ),
        (sweep.keys.is_some(), "keys", workload.keys.to_string()),
        (
            sweep.key_size.is_some(),
            "key_size",
            size(&workload.key_size),
        ),
        (
            sweep.value_size.is_some(),
            "value_size",
            size(&workload.value_size),
        ),
        (sweep.flows.is_some(), "flows", workload.flows.to_string()),
        (
            sweep.multi_get.is_some(),
            "multi_get",
            workload.multi_get.to_string(),
        ),
        (
            sweep.queues.is_some(),
            "queues",
            trial.topology.queues.to_string(),
        ),
        (
            sweep.steering_cost.is_some(),
            "steering_cost",
            steering_cost(trial).to_string(),
        ),
        (
            sweep.owners.is_some(),
            "owners",
            trial.system.owners.to_string(),
        ),
    ];
    let named = values.into_iter().filter(|(is_swept, ..)| *is_swept);
    let texts: Vec<String> = named
        .map(|(_, name, value)| format!("{name} {value}"))
        .collect();
    texts.join(", ")
}
