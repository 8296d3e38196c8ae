//! The tests: one file each, with what it is configured by and what it does.

mod bound;
mod bracket;
mod compared;
mod difference;
mod gap;
mod knee;
mod least;
mod linearity;
mod ordering;
mod plateau;
mod ratio;

use garde::Validate;
use serde::{Deserialize, Serialize};
use spec::LoadPoint;

use crate::cell::Cell;
use crate::evidence::{MachineRuns, Stop};
use crate::metric::Metric;
use crate::verdict::Finding;

pub use bound::BoundTest;
pub use bracket::BracketTest;
pub use difference::DifferenceTest;
pub use gap::{Gap, ShrinkingGapTest};
pub use knee::KneeTest;
pub use least::LeastTest;
pub use linearity::{Dimension, LinearityTest};
pub use ordering::OrderingTest;
pub use plateau::PlateauTest;
pub use ratio::RatioTest;

/// How a claim is tested.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Validate)]
#[serde(rename_all = "snake_case")]
pub enum Test {
    /// Cells in ascending order of a metric.
    Ordering(#[garde(dive)] OrderingTest),
    /// A metric of one cell over that of another, against limits.
    Ratio(#[garde(dive)] RatioTest),
    /// A metric of one cell, against limits.
    Bound(#[garde(dive)] BoundTest),
    /// The load at which a metric bends upwards.
    Knee(#[garde(dive)] KneeTest),
    /// A metric in proportion to a load or a swept value.
    Linearity(#[garde(dive)] LinearityTest),
    /// A metric equal to a number, or to another cell's, within a bracket.
    BracketedEquality(#[garde(dive)] BracketTest),
    /// A metric of one cell minus that of another, against limits.
    Difference(#[garde(dive)] DifferenceTest),
    /// A gap between two cells of which at most a part is left between two others.
    ShrinkingGap(#[garde(dive)] Box<ShrinkingGapTest>),
    /// One cell below each of several others.
    Least(#[garde(dive)] LeastTest),
    /// A metric that is level over the lowest loads and higher at the highest.
    Plateau(#[garde(dive)] PlateauTest),
}

/// At which loads a comparison must hold.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum At {
    /// At every load that was run.
    #[default]
    EveryLoad,
    /// At every load at which all compared cells answer 99.9% of the requests.
    EveryServedLoad,
    /// At the lowest load.
    LowestLoad,
    /// At the highest load.
    HighestLoad,
    /// At this load.
    Load(LoadPoint),
}

impl At {
    fn text(self) -> String {
        match self {
            Self::EveryLoad => "at every load".to_owned(),
            Self::EveryServedLoad => "at every load that all serve".to_owned(),
            Self::LowestLoad => "at the lowest load".to_owned(),
            Self::HighestLoad => "at the highest load".to_owned(),
            Self::Load(load) => format!("at {load}"),
        }
    }
}

impl Test {
    /// Its name.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Ordering(_) => "ordering",
            Self::Ratio(_) => "ratio",
            Self::Bound(_) => "bound",
            Self::Knee(_) => "knee",
            Self::Linearity(_) => "linearity",
            Self::BracketedEquality(_) => "bracketed equality",
            Self::Difference(_) => "difference",
            Self::ShrinkingGap(_) => "shrinking gap",
            Self::Least(_) => "least",
            Self::Plateau(_) => "plateau",
        }
    }

    /// What must hold, in one line.
    #[must_use]
    pub fn text(&self) -> String {
        match self {
            Self::Ordering(test) => test.text(),
            Self::Ratio(test) => test.text(),
            Self::Bound(test) => test.text(),
            Self::Knee(test) => test.text(),
            Self::Linearity(test) => test.text(),
            Self::BracketedEquality(test) => test.text(),
            Self::Difference(test) => test.text(),
            Self::ShrinkingGap(test) => test.text(),
            Self::Least(test) => test.text(),
            Self::Plateau(test) => test.text(),
        }
    }

    /// The metric.
    #[must_use]
    pub const fn metric(&self) -> Metric {
        match self {
            Self::Ordering(test) => test.metric,
            Self::Ratio(test) => test.metric,
            Self::Bound(test) => test.metric,
            Self::Knee(test) => test.metric,
            Self::Linearity(test) => test.metric,
            Self::BracketedEquality(test) => test.metric,
            Self::Difference(test) => test.metric,
            Self::ShrinkingGap(test) => test.metric,
            Self::Least(test) => test.metric,
            Self::Plateau(test) => test.metric,
        }
    }

    /// At which loads it must hold; `None` where a load is what it finds, or grows with.
    #[must_use]
    pub const fn at(&self) -> Option<At> {
        match self {
            Self::Ordering(test) => Some(test.at),
            Self::Ratio(test) => Some(test.at),
            Self::Bound(test) => Some(test.at),
            Self::BracketedEquality(test) => Some(test.at),
            Self::Difference(test) => Some(test.at),
            Self::ShrinkingGap(test) => Some(test.at),
            Self::Least(test) => Some(test.at),
            Self::Knee(_) | Self::Linearity(_) | Self::Plateau(_) => None,
        }
    }

    /// The cells that it names.
    #[must_use]
    pub fn cells(&self) -> Vec<&Cell> {
        match self {
            Self::Ordering(test) => test.ascending.iter().collect(),
            Self::Ratio(test) => vec![&test.of, &test.to],
            Self::Difference(test) => vec![&test.of, &test.to],
            Self::Bound(test) => vec![&test.of],
            Self::Knee(test) => test.cells(),
            Self::Linearity(test) => vec![&test.of],
            Self::ShrinkingGap(test) => test.cells(),
            Self::Least(test) => test.cells(),
            Self::Plateau(test) => vec![&test.of],
            Self::BracketedEquality(test) => std::iter::once(&test.of).chain(&test.to).collect(),
        }
    }

    pub(crate) fn judge(&self, runs: &MachineRuns<'_>) -> Result<Finding, Stop> {
        match self {
            Self::Ordering(test) => test.judge(runs),
            Self::Ratio(test) => test.judge(runs),
            Self::Bound(test) => test.judge(runs),
            Self::Knee(test) => test.judge(runs),
            Self::Linearity(test) => test.judge(runs),
            Self::BracketedEquality(test) => test.judge(runs),
            Self::Difference(test) => test.judge(runs),
            Self::ShrinkingGap(test) => test.judge(runs),
            Self::Least(test) => test.judge(runs),
            Self::Plateau(test) => test.judge(runs),
        }
    }
}
