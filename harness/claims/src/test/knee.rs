//! Knee: the load at which a metric bends upwards.
//!
//! In each block the knee is the lowest load at which the metric has grown to `factor` times its
//! value at the lowest load. A block that never bends has its knee beyond the highest load, where
//! nothing was measured: a bound on the knee takes it as infinite, and a comparison as the highest
//! load, which can only make the two look more alike.

use std::collections::BTreeMap;

use garde::Validate;
use serde::{Deserialize, Serialize};

use super::compared::{ratio_reading, server, value_reading};
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
    /// What the knee, in requests per second, or the ratio must keep to.
    #[garde(dive)]
    pub limits: Limits,
}

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
            None => format!("{metric} of {of} reaches {factor} times its least at {limits} req/s"),
            Some(to) => format!(
                "{metric} of {of} reaches {factor} times its least at {limits} times the load at \
                 which that of {to} does"
            ),
        }
    }

    pub(crate) fn judge(&self, runs: &MachineRuns<'_>) -> Result<Finding, Stop> {
        let knees: Vec<Knees> = self
            .cells()
            .into_iter()
            .map(|cell| self.knees(runs, cell))
            .collect::<Result<_, _>>()?;
        let reading = match knees.as_slice() {
            [of, to] => {
                let bent_nowhere = |(key, rps): (&BlockKey, &f64)| {
                    rps.is_infinite() && to.rps.get(key).is_some_and(|rps| rps.is_infinite())
                };
                if of.rps.iter().any(bent_nowhere) {
                    return Ok(Finding::without_number(
                        Verdict::Inconclusive,
                        format!(
                            "neither bends up to {} req/s in some block: higher loads would decide",
                            number(of.highest_rps)
                        ),
                    ));
                }
                ratio_reading("", &of.censored(), &to.censored(), self.limits)
            }
            [of] => self.bound(of),
            _ => {
                return Err(Stop::NotTestable(
                    "a knee is of one cell or of two".to_owned(),
                ));
            }
        };
        let unit = if self.to.is_some() { "ratio" } else { "req/s" };
        Ok(decide(&[reading], unit))
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

    fn knees(&self, runs: &MachineRuns<'_>, cell: &Cell) -> Result<Knees, Stop> {
        let Some(server) = server(cell) else {
            return Err(Stop::NotTestable("a probe has no load".to_owned()));
        };
        let trials = runs.trials(server, &server.with.chosen())?;
        let mut by_load: Vec<(f64, &Trials<'_>)> = trials
            .iter()
            .filter_map(|trials| trials.load_rps().map(|rps| (rps, trials)))
            .collect();
        by_load.sort_by(|a, b| a.0.total_cmp(&b.0));
        let apart = |trials: &Trials<'_>| trials.place.apart_from_load.clone();
        let one_workload = by_load
            .windows(2)
            .all(|two| apart(two[0].1) == apart(two[1].1));
        if by_load.len() < 3 || !one_workload {
            return Err(Stop::Inconclusive(format!(
                "a knee of {cell} needs one workload at three loads or more: {} found",
                by_load.len()
            )));
        }
        let mut curves: BTreeMap<BlockKey, Vec<(f64, f64)>> = BTreeMap::new();
        for (rps, trials) in &by_load {
            let blocks = trials.measure(self.metric, cell)?;
            for (key, block) in &blocks {
                let value = Aligned::of(std::iter::once(block)).per_block()[0];
                curves.entry(*key).or_default().push((*rps, value));
            }
        }
        // A block without the lowest load has nothing to have grown from.
        let lowest = by_load[0].0;
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
            highest_rps: by_load[by_load.len() - 1].0,
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
