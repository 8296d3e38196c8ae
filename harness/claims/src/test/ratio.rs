//! Ratio: a metric of one cell over that of another keeps to limits.

use garde::Validate;
use serde::{Deserialize, Serialize};

use super::At;
use super::compared::{compared, ratio_reading};
use crate::cell::Cell;
use crate::evidence::{MachineRuns, Stop};
use crate::metric::Metric;
use crate::reading::Reading;
use crate::verdict::{Finding, Limits, decide};

/// A metric of one cell over that of another, in pairs within blocks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
pub struct RatioTest {
    /// The metric.
    #[garde(skip)]
    pub metric: Metric,
    /// Above the line.
    #[garde(dive)]
    pub of: Cell,
    /// Below the line.
    #[garde(dive)]
    pub to: Cell,
    /// What the ratio must keep to.
    #[garde(dive)]
    pub limits: Limits,
    /// Where.
    #[garde(skip)]
    #[serde(default)]
    pub at: At,
}

impl RatioTest {
    pub(crate) fn text(&self) -> String {
        let Self {
            metric,
            of,
            to,
            limits,
            at,
        } = self;
        format!(
            "{metric} of {of} is {limits} times that of {to}, {}",
            at.text()
        )
    }

    pub(crate) fn judge(&self, runs: &MachineRuns<'_>) -> Result<Finding, Stop> {
        let places = compared(runs, &[&self.of, &self.to], self.metric, self.at)?;
        let readings: Vec<Reading> = places
            .iter()
            .map(|at| ratio_reading(&at.place, &at.cells[0], &at.cells[1], self.limits))
            .collect();
        Ok(decide(&readings, "ratio"))
    }
}
