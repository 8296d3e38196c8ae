//! Shrinking gap: what one cell's metric lacks of another's is a good part less elsewhere, such as with larger batches.
//!
//! A gap is a share: 1 minus the ratio of the two. Nothing divides by a gap, which may be nothing in a block: the ratio where
//! the gap should be narrow is held against what it would be if just the allowed part of the wide one were left.

use garde::Validate;
use serde::{Deserialize, Serialize};

use super::At;
use super::compared::{compared, ratio_reading};
use crate::cell::Cell;
use crate::evidence::{MachineRuns, Stop};
use crate::measured::{Aligned, BlockKey, Blocks, pair, ratios};
use crate::metric::{Contribution, Metric};
use crate::reading::Reading;
use crate::rules;
use crate::verdict::{Finding, Limits, decide, number};

/// A gap that is there between two cells, and of which at most a part is left between two others.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
pub struct ShrinkingGapTest {
    /// The metric.
    #[garde(skip)]
    pub metric: Metric,
    /// Where the gap is.
    #[garde(dive)]
    pub wide: Gap,
    /// Where it has shrunk.
    #[garde(dive)]
    pub narrow: Gap,
    /// The part of the wide gap that may be left, to either side: 0.5 for half.
    #[garde(custom(rules::share))]
    pub left: f64,
    /// Where.
    #[garde(skip)]
    #[serde(default)]
    pub at: At,
}

/// What the metric of `below` lacks of that of `above`, as a share of the latter.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
pub struct Gap {
    /// The cell with less.
    #[garde(dive)]
    pub below: Cell,
    /// The cell with more.
    #[garde(dive)]
    pub above: Cell,
}

/// A gap is any, so that its limit is the largest ratio below 1.
const BELOW: Limits = Limits {
    at_least: None,
    at_most: Some(1.0 - f64::EPSILON),
};

const AT_LEAST_ALL: Limits = Limits {
    at_least: Some(1.0),
    at_most: None,
};

const AT_MOST_ALL: Limits = Limits {
    at_least: None,
    at_most: Some(1.0),
};

impl ShrinkingGapTest {
    pub(crate) fn cells(&self) -> Vec<&Cell> {
        let Self { wide, narrow, .. } = self;
        vec![&wide.below, &wide.above, &narrow.below, &narrow.above]
    }

    pub(crate) fn text(&self) -> String {
        let Self {
            metric,
            wide,
            narrow,
            left,
            at,
        } = self;
        format!(
            "{metric} of {} is below that of {}, and of that gap at most {}% is left between {} and {}, {}",
            wide.below,
            wide.above,
            number(left * 100.0),
            narrow.below,
            narrow.above,
            at.text()
        )
    }

    pub(crate) fn judge(&self, runs: &MachineRuns<'_>) -> Result<Finding, Stop> {
        let places = compared(runs, &self.cells(), self.metric, self.at)?;
        let mut readings: Vec<Reading> = Vec::new();
        for at in &places {
            let [wide_below, wide_above, narrow_below, narrow_above] = at.cells.as_slice() else {
                return Err(Stop::NotTestable("a gap is of four cells".to_owned()));
            };
            let place = |what: &str| format!("{} {what}", at.place).trim().to_owned();
            let there = place("between the first two");
            readings.push(ratio_reading(&there, wide_below, wide_above, BELOW));
            let (wide, narrow) = (
                of_blocks(wide_below, wide_above),
                of_blocks(narrow_below, narrow_above),
            );
            let sides = [
                ("over what may be left", -self.left, AT_LEAST_ALL),
                ("over what may be turned round", self.left, AT_MOST_ALL),
            ];
            readings.extend(sides.map(|(what, part, limits)| {
                let allowed = wide.iter().map(|(key, ratio)| {
                    let allowed = 1.0 + part * gap(*ratio);
                    (*key, Contribution::Value(allowed))
                });
                let found = narrow.iter();
                let found = found.map(|(key, ratio)| (*key, Contribution::Value(*ratio)));
                ratio_reading(&place(what), &found.collect(), &allowed.collect(), limits)
            }));
        }
        Ok(decide(&readings, "ratio"))
    }
}

/// The gap of a block by its ratio; a block in which the other cell has more has none. What is not defined stays so.
fn gap(ratio: f64) -> f64 {
    if ratio > 1.0 { 0.0 } else { 1.0 - ratio }
}

/// The ratio of one cell to another in each block that both have.
fn of_blocks(of: &Blocks, to: &Blocks) -> Vec<(BlockKey, f64)> {
    let keys = of.keys().filter(|key| to.contains_key(key)).copied();
    let (of, to): (Aligned, Aligned) = pair(of, to);
    keys.zip(ratios(&of.per_block(), &to.per_block())).collect()
}
