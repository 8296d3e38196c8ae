//! Linearity: a metric grows in proportion to a load or to a swept value.

use std::collections::BTreeMap;

use garde::Validate;
use serde::{Deserialize, Serialize};

use super::compared::{ratio_reading, server};
use crate::cell::Cell;
use crate::evidence::{MachineRuns, Stop, Trials};
use crate::measured::Blocks;
use crate::metric::Metric;
use crate::reading::Reading;
use crate::rules;
use crate::verdict::{Finding, Limits, decide, number};

/// What a metric is in proportion to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dimension {
    /// The offered rate of an open loop.
    Load,
    /// The number of owners.
    Owners,
    /// The number of receive queues of each device, with a slice for each.
    Queues,
}

impl Dimension {
    const fn name(self) -> &'static str {
        match self {
            Self::Load => "load",
            Self::Owners => "owners",
            Self::Queues => "queues",
        }
    }

    /// Where it, and what follows from it, stands in a trial's JSON.
    const fn paths(self) -> &'static [&'static str] {
        match self {
            Self::Load => &["/load"],
            Self::Owners => &["/system/owners"],
            Self::Queues => &["/topology/queues", "/system/owners"],
        }
    }

    fn of(self, trials: &Trials<'_>) -> Option<f64> {
        match self {
            Self::Load => trials.load_rps(),
            Self::Owners => {
                let found = trials.by_block.values().next()?;
                Some(f64::from(found.record.trial.system.owners))
            }
            Self::Queues => {
                let found = trials.by_block.values().next()?;
                Some(f64::from(found.record.trial.topology.queues))
            }
        }
    }
}

/// A metric in proportion to a dimension: from its lowest value on, the metric grows as it does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
pub struct LinearityTest {
    /// The metric.
    #[garde(skip)]
    pub metric: Metric,
    /// The cell.
    #[garde(dive)]
    pub of: Cell,
    /// What it grows with.
    #[garde(skip)]
    pub over: Dimension,
    /// How far growth may be from proportion, as a share: 0.1 for 10% up or down.
    #[garde(custom(rules::share))]
    pub within: f64,
}

impl LinearityTest {
    pub(crate) fn text(&self) -> String {
        format!(
            "{} of {} grows with {} within {}% of proportion",
            self.metric,
            self.of,
            self.over.name(),
            number(self.within * 100.0)
        )
    }

    pub(crate) fn judge(&self, runs: &MachineRuns<'_>) -> Result<Finding, Stop> {
        let Some(server) = server(&self.of) else {
            return Err(Stop::NotTestable("a probe has no load".to_owned()));
        };
        let trials = runs.trials(server, &server.with.chosen())?;
        let mut lines: BTreeMap<String, Vec<(f64, Blocks, String)>> = BTreeMap::new();
        for trials in &trials {
            let Some(x) = self.over.of(trials) else {
                continue;
            };
            let blocks = trials.measure(self.metric, &self.of)?;
            let title = match self.over {
                Dimension::Load => trials.place.load.to_string(),
                Dimension::Owners | Dimension::Queues => {
                    format!("{x} {}, {}", self.over.name(), trials.place.load)
                }
            };
            let line = trials.place.key_without(self.over.paths());
            lines.entry(line).or_default().push((x, blocks, title));
        }
        let mut readings = Vec::new();
        for line in lines.values_mut() {
            line.sort_by(|a, b| a.0.total_cmp(&b.0));
            let Some(((least, from, _), others)) = line.split_first() else {
                continue;
            };
            readings.extend(
                others
                    .iter()
                    .map(|(x, blocks, title)| self.reading(title, blocks, from, x / least)),
            );
        }
        if readings.is_empty() {
            return Err(Stop::Inconclusive(format!(
                "{} was run with one value of {} only: more values would decide",
                self.of,
                self.over.name()
            )));
        }
        Ok(decide(&readings, "ratio"))
    }

    /// Growth of the metric over growth of the dimension.
    fn reading(&self, title: &str, at: &Blocks, from: &Blocks, growth: f64) -> Reading {
        let limits = Limits {
            at_least: Some(1.0 - self.within),
            at_most: Some(1.0 + self.within),
        };
        let mut reading = ratio_reading(title, at, from, limits);
        if let Some(estimate) = &mut reading.estimate {
            estimate.value /= growth;
            estimate.low /= growth;
            estimate.high /= growth;
        }
        reading
            .per_block
            .iter_mut()
            .for_each(|value| *value /= growth);
        reading
    }
}
