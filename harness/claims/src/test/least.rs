//! Least: one cell's metric lies below that of each of several others, whose order among themselves is open.
//!
//! Of the others, those that the machine refuses are left out and named: what is the least of all placements is then the
//! least of those that a machine has.

use garde::Validate;
use serde::{Deserialize, Serialize};

use super::At;
use super::compared::{compared, ratio_reading, server};
use super::ordering::ABOVE;
use crate::cell::Cell;
use crate::evidence::{MachineRuns, Stop};
use crate::metric::Metric;
use crate::reading::Reading;
use crate::verdict::{Finding, decide};

/// The ratio of each of `among` to `of` is above 1.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
pub struct LeastTest {
    /// The metric.
    #[garde(skip)]
    pub metric: Metric,
    /// What has least.
    #[garde(dive)]
    pub of: Cell,
    /// What it is compared with.
    #[garde(length(min = 1), dive)]
    pub among: Vec<Cell>,
    /// Where.
    #[garde(skip)]
    #[serde(default)]
    pub at: At,
}

impl LeastTest {
    pub(crate) fn cells(&self) -> Vec<&Cell> {
        std::iter::once(&self.of).chain(&self.among).collect()
    }

    pub(crate) fn text(&self) -> String {
        let among: Vec<String> = self.among.iter().map(ToString::to_string).collect();
        format!(
            "{} of {} is below that of each of {}, {}",
            self.metric,
            self.of,
            among.join(" | "),
            self.at.text()
        )
    }

    pub(crate) fn judge(&self, runs: &MachineRuns<'_>) -> Result<Finding, Stop> {
        let refused = |cell: &&Cell| server(cell).is_some_and(|cell| runs.refuses(cell));
        let (refused, mut among): (Vec<&Cell>, Vec<&Cell>) = self.among.iter().partition(refused);
        if among.is_empty() {
            // With nothing to compare with, the first one's reason is what there is to tell.
            among.extend(self.among.first());
        }
        let mut readings: Vec<Reading> = Vec::new();
        for other in among {
            for at in compared(runs, &[&self.of, other], self.metric, self.at)? {
                let place = format!("{} {other} over {}", at.place, self.of);
                let [of, other] = at.cells.as_slice() else {
                    return Err(Stop::NotTestable("a comparison is of two cells".to_owned()));
                };
                readings.push(ratio_reading(place.trim(), other, of, ABOVE));
            }
        }
        let mut finding = decide(&readings, "ratio");
        if !refused.is_empty() {
            let names: Vec<String> = refused.iter().map(ToString::to_string).collect();
            finding.why += &format!("; refused on this machine: {}", names.join(" | "));
        }
        Ok(finding)
    }
}
