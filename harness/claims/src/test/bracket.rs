//! Bracketed equality: a metric equals a number, or another cell's metric, within a bracket.
//!
//! An interval that includes the number does not show equality; one that lies inside of the bracket
//! does (two one-sided tests: Schuirmann, "A comparison of the two one-sided tests procedure and
//! the power approach for assessing the equivalence of average bioavailability", 1987).

use garde::Validate;
use serde::{Deserialize, Serialize};

use super::At;
use super::compared::{compared, ratio_reading, value_reading};
use crate::cell::Cell;
use crate::evidence::{MachineRuns, Stop};
use crate::metric::Metric;
use crate::reading::Reading;
use crate::rules;
use crate::verdict::{Finding, Limits, decide, number};

/// A metric equal to `value`, or to that of the cell `to`, within a bracket.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
pub struct BracketTest {
    /// The metric.
    #[garde(skip)]
    pub metric: Metric,
    /// The cell.
    #[garde(dive)]
    pub of: Cell,
    /// The cell whose metric it equals.
    #[garde(dive)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Cell>,
    /// The number that it equals, in the metric's unit.
    #[garde(inner(custom(rules::positive)))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
    /// Half the bracket's width, as a share: 0.1 for 10% up or down.
    #[garde(custom(rules::share))]
    pub within: f64,
    /// Where.
    #[garde(skip)]
    #[serde(default)]
    pub at: At,
}

impl BracketTest {
    fn limits(&self, middle: f64) -> Limits {
        Limits {
            at_least: Some(middle * (1.0 - self.within)),
            at_most: Some(middle * (1.0 + self.within)),
        }
    }

    pub(crate) fn text(&self) -> String {
        let equal = match (&self.to, self.value) {
            (Some(to), _) => format!("that of {to}"),
            (None, value) => {
                let unit = self.metric.unit(self.of.counted());
                format!("{} {unit}", number(value.unwrap_or(0.0)))
            }
        };
        format!(
            "{} of {} equals {equal} within {}%, {}",
            self.metric,
            self.of,
            number(self.within * 100.0),
            self.at.text()
        )
    }

    pub(crate) fn judge(&self, runs: &MachineRuns<'_>) -> Result<Finding, Stop> {
        let cells: Vec<&Cell> = std::iter::once(&self.of).chain(&self.to).collect();
        let places = compared(runs, &cells, self.metric, self.at)?;
        let readings: Vec<Reading> = places
            .iter()
            .map(|at| match at.cells.get(1) {
                Some(other) => ratio_reading(&at.place, &at.cells[0], other, self.limits(1.0)),
                None => {
                    let limits = self.limits(self.value.unwrap_or(0.0));
                    value_reading(&at.place, &at.cells[0], limits)
                }
            })
            .collect();
        let unit = match self.to {
            Some(_) => "ratio",
            None => self.metric.unit(self.of.counted()),
        };
        Ok(decide(&readings, unit))
    }
}
