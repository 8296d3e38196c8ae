//! Knee: the load at which a metric bends upwards.
//!
//! In each block the knee is the lowest load at which the metric has grown to `factor` times its
//! value at the lowest load. A block that never bends has its knee beyond the highest load, where
//! nothing was measured: a bound on the knee takes it as infinite, and a comparison as the highest
//! load, which can only make the two look more alike.

use std::collections::BTreeMap;

use garde::Validate;
use serde::{Deserialize, Serialize};

use super::compared::{by_load, ratio_reading, value_reading};
use crate::cell::Cell;
use crate::evidence::{MachineRuns, Stop, Trials};
use crate::measured::{Aligned, BlockKey, Blocks};
use crate::metric::{Contribution, Metric};
use crate::reading::Reading;
use crate::rules;
use crate::verdict::{Finding, Limits, Verdict, decide, number};

/// The load at which a metric has grown to a multiple of its value at the lowest load.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
pub struct KneeTest {
    /// The metric.
    #[garde(skip)]
    pub metric: Metric,
    /// The cell.
    #[garde(dive)]
    pub of: Cell,
    /// Growth at which the metric counts as bent; above 1.
    #[garde(custom(rules::above_one))]
    pub factor: f64,
    /// The cell whose knee it is compared with, as a ratio.
    #[garde(dive)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Cell>,
    /// What the knee, in requests or frames per second, or the ratio must keep to.
    #[garde(dive)]
    pub limits: Limits,
}

/// Loads of a workload that has a knee: one to grow from, one to bend at and one that shows which of them it was.
const LOADS: usize = 3;

/// One cell's knee in each block, and how many blocks never bent.
struct Knees {
    rps: BTreeMap<BlockKey, f64>,
    highest_rps: f64,
}

impl KneeTest {
    pub(crate) fn cells(&self) -> Vec<&Cell> {
        std::iter::once(&self.of).chain(&self.to).collect()
    }

    pub(crate) fn text(&self) -> String {
        let Self {
            metric,
            of,
            factor,
            to,
            limits,
        } = self;
        let factor = number(*factor);
        match to {
            None => {
                let unit = of.counted().base();
                format!("{metric} of {of} reaches {factor} times its least at {limits} {unit}")
            }
            Some(to) => format!(
                "{metric} of {of} reaches {factor} times its least at {limits} times the load at \
                 which that of {to} does"
            ),
        }
    }

    pub(crate) fn judge(&self, runs: &MachineRuns<'_>) -> Result<Finding, Stop> {
        let cells = self.cells().into_iter();
        let knees: Vec<BTreeMap<String, Knees>> = cells
            .map(|cell| self.knees(runs, cell))
            .collect::<Result<_, _>>()?;
        let readings = match knees.as_slice() {
            [of, to] => {
                let shared = of.iter().filter_map(|(at, of)| Some((of, to.get(at)?)));
                let readings: Option<Vec<Reading>> =
                    shared.map(|(of, to)| self.comparison(of, to)).collect();
                let Some(readings) = readings else {
                    let highest = of.values().map(|of| of.highest_rps).fold(0.0, f64::max);
                    return Ok(Finding::without_number(
                        Verdict::Inconclusive,
                        format!(
                            "neither bends up to {} {} in some block: higher loads would decide",
                            number(highest),
                            self.of.counted().base()
                        ),
                    ));
                };
                readings
            }
            [of] => of.values().map(|of| self.bound(of)).collect(),
            _ => {
                return Err(Stop::NotTestable(
                    "a knee is of one cell or of two".to_owned(),
                ));
            }
        };
        if readings.is_empty() {
            return Err(Stop::Inconclusive(
                "the cells have no workload in common at three loads or more".to_owned(),
            ));
        }
        let unit = match self.to {
            Some(_) => "ratio",
            None => self.of.counted().base(),
        };
        Ok(decide(&readings, unit))
    }

    /// The ratio of the two knees; `None` where neither bends in some block.
    fn comparison(&self, of: &Knees, to: &Knees) -> Option<Reading> {
        let bent_nowhere = |(key, rps): (&BlockKey, &f64)| {
            rps.is_infinite() && to.rps.get(key).is_some_and(|rps| rps.is_infinite())
        };
        if of.rps.iter().any(bent_nowhere) {
            return None;
        }
        let reading = ratio_reading("", &of.censored(), &to.censored(), self.limits);
        Some(reading)
    }

    fn bound(&self, of: &Knees) -> Reading {
        let blocks = of.contributions(f64::INFINITY);
        let beyond = self
            .limits
            .at_most
            .is_some_and(|most| most > of.highest_rps);
        let mut reading = value_reading("", &blocks, self.limits);
        if beyond
            && Aligned::of(blocks.values())
                .per_block()
                .contains(&f64::INFINITY)
        {
            // It may bend between the highest load and the limit.
            reading.estimate = None;
        }
        reading
    }

    /// The knees of a cell by workload, of those that were run at three loads or more.
    fn knees(&self, runs: &MachineRuns<'_>, cell: &Cell) -> Result<BTreeMap<String, Knees>, Stop> {
        let workloads = by_load(runs, cell, "a knee", LOADS)?;
        let knees = workloads
            .into_iter()
            .map(|(workload, curve)| Ok((workload, self.of_workload(&curve, cell)?)));
        knees.collect()
    }

    /// The knees of one workload, in ascending order of load.
    fn of_workload(&self, curve: &[(f64, Trials<'_>)], cell: &Cell) -> Result<Knees, Stop> {
        let mut curves: BTreeMap<BlockKey, Vec<(f64, f64)>> = BTreeMap::new();
        for (rps, trials) in curve {
            let blocks = trials.measure(self.metric, cell)?;
            for (key, block) in &blocks {
                let value = Aligned::of(std::iter::once(block)).per_block()[0];
                curves.entry(*key).or_default().push((*rps, value));
            }
        }
        // A block without the lowest load has nothing to have grown from.
        let lowest = curve[0].0;
        curves.retain(|_, curve| curve[0].0 == lowest);
        let knee = |curve: &[(f64, f64)]| {
            let least = curve[0].1;
            let bent = |&&(_, value): &&(f64, f64)| value >= self.factor * least;
            curve
                .iter()
                .skip(1)
                .find(bent)
                .map_or(f64::INFINITY, |(rps, _)| *rps)
        };
        Ok(Knees {
            rps: curves
                .iter()
                .map(|(key, curve)| (*key, knee(curve)))
                .collect(),
            highest_rps: curve[curve.len() - 1].0,
        })
    }
}

impl Knees {
    /// With the highest load in place of a knee that was not found.
    fn censored(&self) -> Blocks {
        self.contributions(self.highest_rps)
    }

    fn contributions(&self, unbent: f64) -> Blocks {
        let value = |rps: f64| if rps.is_infinite() { unbent } else { rps };
        self.rps
            .iter()
            .map(|(key, rps)| (*key, Contribution::Value(value(*rps))))
            .collect()
    }
}
