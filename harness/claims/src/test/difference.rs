//! Difference: what one cell's metric has more than another's keeps to limits.

use garde::Validate;
use serde::{Deserialize, Serialize};

use super::At;
use super::compared::{compared, difference_reading};
use crate::cell::Cell;
use crate::evidence::{MachineRuns, Stop};
use crate::metric::Metric;
use crate::reading::Reading;
use crate::verdict::{Finding, Limits, decide};

/// A metric of one cell minus that of another, in pairs within blocks, against limits in the metric's unit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
pub struct DifferenceTest {
    /// The metric.
    #[garde(skip)]
    pub metric: Metric,
    /// What has more.
    #[garde(dive)]
    pub of: Cell,
    /// What is taken away from it.
    #[garde(dive)]
    pub to: Cell,
    /// What the difference must keep to.
    #[garde(dive)]
    pub limits: Limits,
    /// Where.
    #[garde(skip)]
    #[serde(default)]
    pub at: At,
}

impl DifferenceTest {
    pub(crate) fn text(&self) -> String {
        let Self {
            metric,
            of,
            to,
            limits,
            at,
        } = self;
        let unit = metric.unit(of.counted());
        format!(
            "{metric} of {of} minus that of {to} is {limits} {unit}, {}",
            at.text()
        )
    }

    pub(crate) fn judge(&self, runs: &MachineRuns<'_>) -> Result<Finding, Stop> {
        let places = compared(runs, &[&self.of, &self.to], self.metric, self.at)?;
        let readings: Vec<Reading> = places
            .iter()
            .map(|at| difference_reading(&at.place, &at.cells[0], &at.cells[1], self.limits))
            .collect();
        Ok(decide(&readings, self.metric.unit(self.of.counted())))
    }
}
