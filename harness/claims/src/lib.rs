//! Papers' statements as executable tests on recorded data.
//!
//! A [`Claim`] is a YAML file: what a paper says and where, in one line, the paper's numbers, the
//! experiment that tests it, and a [`Test`] on what that experiment records. [`judge`] applies
//! claims to recorded runs and reaches one of four [`Verdict`]s. A verdict rests on an interval
//! over blocks and never on a point estimate: a claim whose interval includes the limit that it is
//! tested against is inconclusive, and says what would decide it. What a claim needs and the runs
//! do not have makes it not testable here, and is named. docs/claims.md describes the YAML.
//!
//! Pure but for reading: no network, no privilege, neither aya nor polars, so that everything
//! which holds results can hold claims against them.

mod cell;
mod claim;
mod evidence;
mod judgement;
mod library;
mod measured;
mod metric;
mod need;
mod reading;
mod rules;
mod test;
mod verdict;

pub use cell::{Cell, NotificationCell, Pair, ServerCell, SweepValues};
pub use claim::{Claim, Paper, PaperNumber, Subject};
pub use evidence::MachineRuns;
pub use judgement::{Judgement, judge, write_csv};
pub use library::{ClaimsError, read_folder, shipped};
pub use metric::Metric;
pub use need::Need;
pub use test::{
    At, BoundTest, BracketTest, DifferenceTest, Dimension, Gap, KneeTest, LeastTest, LinearityTest,
    OrderingTest, PlateauTest, RatioTest, ShrinkingGapTest, Test,
};
pub use verdict::{Finding, Limits, Verdict};
