//! Ordering: each cell's metric lies above that of the cell before it.

use garde::Validate;
use serde::{Deserialize, Serialize};

use super::At;
use super::compared::{compared, ratio_reading};
use crate::cell::Cell;
use crate::evidence::{MachineRuns, Stop};
use crate::metric::Metric;
use crate::reading::Reading;
use crate::verdict::{Finding, Limits, decide};

/// Cells in ascending order of a metric: the ratio of each to the one before it is above 1.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
pub struct OrderingTest {
    /// The metric.
    #[garde(skip)]
    pub metric: Metric,
    /// The cells, the least first.
    #[garde(length(min = 2), dive)]
    pub ascending: Vec<Cell>,
    /// Where.
    #[garde(skip)]
    #[serde(default)]
    pub at: At,
}

/// An ordering speaks of any difference, so that its limit is the smallest ratio above 1.
pub(super) const ABOVE: Limits = Limits {
    at_least: Some(1.0 + f64::EPSILON),
    at_most: None,
};

impl OrderingTest {
    pub(crate) fn text(&self) -> String {
        let cells: Vec<String> = self.ascending.iter().map(ToString::to_string).collect();
        format!("{}: {}, {}", self.metric, cells.join(" < "), self.at.text())
    }

    pub(crate) fn judge(&self, runs: &MachineRuns<'_>) -> Result<Finding, Stop> {
        let cells: Vec<&Cell> = self.ascending.iter().collect();
        let places = compared(runs, &cells, self.metric, self.at)?;
        let mut readings: Vec<Reading> = Vec::new();
        for at in &places {
            for (pair, names) in at.cells.windows(2).zip(self.ascending.windows(2)) {
                let place = if self.ascending.len() == 2 {
                    at.place.clone()
                } else {
                    let pair = format!("{} over {}", names[1], names[0]);
                    [at.place.as_str(), &pair].join(" ").trim().to_owned()
                };
                readings.push(ratio_reading(&place, &pair[1], &pair[0], ABOVE));
            }
        }
        Ok(decide(&readings, "ratio"))
    }
}
