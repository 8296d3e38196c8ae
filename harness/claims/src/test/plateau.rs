//! Plateau: a metric stays where it is over the lowest loads, and has grown at the highest.
//!
//! What makes a bend is the level part before it: a cost that is spread over more and more work makes what is done for it
//! grow from the first load on, and has none.

use garde::Validate;
use serde::{Deserialize, Serialize};

use super::compared::{by_load, ratio_reading};
use crate::cell::Cell;
use crate::evidence::{MachineRuns, Stop, Trials};
use crate::measured::Blocks;
use crate::metric::Metric;
use crate::reading::Reading;
use crate::rules;
use crate::verdict::{Finding, Limits, decide, number};

/// A metric that is level over the lowest loads and higher at the highest, each in its ratio to that at the lowest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
pub struct PlateauTest {
    /// The metric.
    #[garde(skip)]
    pub metric: Metric,
    /// The cell.
    #[garde(dive)]
    pub of: Cell,
    /// Over how many of the lowest loads it is level.
    #[garde(range(min = 2, max = 100))]
    pub loads: usize,
    /// How far it may move over these, as a share: 0.15 for 15% up or down.
    #[garde(custom(rules::share))]
    pub within: f64,
    /// To how many times its value at the lowest load it has grown at the highest; above 1.
    #[garde(custom(rules::above_one))]
    pub factor: f64,
}

impl PlateauTest {
    pub(crate) fn text(&self) -> String {
        let Self {
            metric,
            of,
            loads,
            within,
            factor,
        } = self;
        format!(
            "{metric} of {of} at each of the {loads} lowest loads is within {}% of that at the lowest, and at the highest \
             at least {} times it",
            number(within * 100.0),
            number(*factor)
        )
    }

    /// What one setting rules out in another: the field and the message.
    pub(crate) fn fault(&self) -> Option<(&'static str, String)> {
        let Self { within, factor, .. } = self;
        (*factor <= 1.0 + within).then(|| {
            let message = format!(
                "growth of {factor} times is what `within: {within}` calls level: `factor` must be above {}",
                number(1.0 + within)
            );
            (".factor", message)
        })
    }

    pub(crate) fn judge(&self, runs: &MachineRuns<'_>) -> Result<Finding, Stop> {
        let workloads = by_load(runs, &self.of, "a plateau", self.loads + 1)?;
        let mut readings = Vec::new();
        for curve in workloads.values() {
            readings.extend(self.readings(curve)?);
        }
        Ok(decide(&readings, "ratio"))
    }

    /// The loads of one workload, in ascending order, against the lowest.
    fn readings(&self, curve: &[(f64, Trials<'_>)]) -> Result<Vec<Reading>, Stop> {
        let measured: Vec<(String, Blocks)> = curve
            .iter()
            .map(|(_, trials)| {
                let blocks = trials.measure(self.metric, &self.of)?;
                Ok((trials.place.load.to_string(), blocks))
            })
            .collect::<Result<_, Stop>>()?;
        let level = Limits {
            at_least: Some(1.0 - self.within),
            at_most: Some(1.0 + self.within),
        };
        let grown = Limits {
            at_least: Some(self.factor),
            at_most: None,
        };
        let (Some(((_, lowest), others)), Some(highest)) =
            (measured.split_first(), measured.last())
        else {
            return Ok(Vec::new());
        };
        let plateau = others.iter().take(self.loads - 1);
        let held = plateau.map(|at| (at, level)).chain([(highest, grown)]);
        Ok(held
            .map(|((load, blocks), limits)| ratio_reading(load, blocks, lowest, limits))
            .collect())
    }
}
