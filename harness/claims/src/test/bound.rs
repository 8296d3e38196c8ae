//! Bound: a metric of one cell keeps to limits.

use garde::Validate;
use serde::{Deserialize, Serialize};

use super::At;
use super::compared::{compared, value_reading};
use crate::cell::Cell;
use crate::evidence::{MachineRuns, Stop};
use crate::metric::Metric;
use crate::reading::Reading;
use crate::verdict::{Finding, Limits, decide};

/// A metric of one cell, against limits in the metric's unit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
pub struct BoundTest {
    /// The metric.
    #[garde(skip)]
    pub metric: Metric,
    /// The cell.
    #[garde(dive)]
    pub of: Cell,
    /// What it must keep to.
    #[garde(dive)]
    pub limits: Limits,
    /// Where.
    #[garde(skip)]
    #[serde(default)]
    pub at: At,
}

impl BoundTest {
    pub(crate) fn text(&self) -> String {
        let Self {
            metric,
            of,
            limits,
            at,
        } = self;
        format!("{metric} of {of} is {limits}, {}", at.text())
    }

    pub(crate) fn judge(&self, runs: &MachineRuns<'_>) -> Result<Finding, Stop> {
        let places = compared(runs, &[&self.of], self.metric, self.at)?;
        let readings: Vec<Reading> = places
            .iter()
            .map(|at| value_reading(&at.place, &at.cells[0], self.limits))
            .collect();
        Ok(decide(&readings, self.metric.unit(self.of.counted())))
    }
}
