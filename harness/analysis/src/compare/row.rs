//! One row of a comparison.

use spec::{Counted, Io, LoadPoint, System, Wakeup};
use stats::{Comparison, Incomparable, Judged};

use super::measure::Blocks;
use crate::cells::Cell;
use crate::metric::Metric;

/// One side of a comparison.
#[derive(Debug, Clone, PartialEq)]
pub struct Side {
    /// The label.
    pub label: String,
    /// Its packet I/O.
    pub io: Io,
    /// The metric over all its blocks; infinite beyond the timeout, NaN without blocks.
    pub value: f64,
    /// Trials that were invalid and are left out.
    pub invalid: usize,
}

/// What the reader of a row must know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Caveat {
    /// The two differ in their packet I/O.
    AnotherIo,
}

impl Caveat {
    /// In words.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::AnotherIo => "another io: steering is confounded with bypass",
        }
    }
}

/// What came of a comparison.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// A ratio with a verdict.
    Judged(Judged),
    /// No ratio, and why.
    NotComparable(String),
}

/// One system against its baseline at one point in one metric.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// How both were loaded.
    pub load: LoadPoint,
    /// What rates and costs count.
    pub counted: Counted,
    /// The swept values; empty without a sweep.
    pub swept: String,
    /// What is compared.
    pub metric: Metric,
    /// The system.
    pub system: Side,
    /// The baseline.
    pub baseline: Side,
    /// The result.
    pub outcome: Outcome,
    /// What the reader must know.
    pub caveat: Option<Caveat>,
}

/// A row that is yet to be judged in its family, with the comparison if there is one.
pub(super) fn pending(
    (system, of_system): (&Cell<'_>, &Blocks),
    (baseline, of_baseline): (&Cell<'_>, &Blocks),
    metric: Metric,
    compared: Result<Comparison, Incomparable>,
) -> (Row, Option<Comparison>) {
    let reason = match (&compared, spinning_differs(system, baseline, metric)) {
        (_, true) => {
            Some("one of the two spins: its CPU time is also spent without work".to_owned())
        }
        (Err(reason), false) => Some(reason.to_string()),
        (Ok(_), false) => None,
    };
    let row = Row {
        load: system.point.load,
        counted: system.system.system.counted(),
        swept: system.point.swept.clone(),
        metric,
        system: side(system, of_system),
        baseline: side(baseline, of_baseline),
        caveat: another_io(system.system, baseline.system).then_some(Caveat::AnotherIo),
        outcome: Outcome::NotComparable(reason.clone().unwrap_or_default()),
    };
    (row, compared.ok().filter(|_| reason.is_none()))
}

/// Whether the I/O differs and confounds what is compared: of packet systems it is a part of the design.
fn another_io(system: &System, baseline: &System) -> bool {
    system.io != baseline.io && !system.system.forwards()
}

fn side(cell: &Cell<'_>, blocks: &Blocks) -> Side {
    Side {
        label: cell.system.label.clone(),
        io: cell.system.io,
        value: blocks.view().value(),
        invalid: cell.invalid,
    }
}

/// A spinning thread's total is never compared with a sleeper's.
fn spinning_differs(a: &Cell<'_>, b: &Cell<'_>, metric: Metric) -> bool {
    let spins = |cell: &Cell<'_>| cell.system.wakeup == Some(Wakeup::Spin);
    match metric {
        Metric::CpuPerRequest => spins(a) != spins(b),
        Metric::P50 | Metric::P99 | Metric::AchievedRate => false,
    }
}
