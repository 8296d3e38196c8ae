//! Misroutes in the course of the measure phase, where partitions change owners in it: for how long, and how
//! often, requests come to a thread that no longer owns their key.

use stats::Estimate;

use crate::canvas::axis::Axis;
use crate::canvas::page::Page;
use crate::canvas::panel::{Panel, Strip};
use crate::canvas::scene::At;
use crate::caption::{self, Shows};
use crate::data::{Data, estimate_fields};
use crate::error::Result;
use crate::facets;
use crate::figure::{Drawing, Skip};
use crate::run::{Cell, Run, SteeringStep, Trials};

use super::{estimate, usable};

const LEAD: &str = "Of the requests that the server executed in each step, the share that a thread took which is not the \
                    owner of their key. Thick: median over blocks; thin: the ends of its spread.";

/// One step of a cell, over its blocks.
struct Point {
    start_ms: f64,
    /// Percent of the requests executed.
    misrouted: Estimate,
}

/// Steps in which no block executed anything are left out.
fn points(blocks: &[Vec<SteeringStep>]) -> Vec<Point> {
    let longest = blocks.iter().max_by_key(|steps| steps.len());
    let steps = longest.into_iter().flatten().enumerate();
    let share = |step: &SteeringStep| {
        let misroutes = step.misroutes?;
        (step.executed > 0.0).then(|| misroutes / step.executed * 100.0)
    };
    steps
        .filter_map(|(n, step)| {
            let of_blocks = blocks.iter().map(|steps| steps.get(n).and_then(share));
            let known: Vec<_> = of_blocks.filter(Option::is_some).collect();
            Some(Point {
                start_ms: step.start_ns / 1e6,
                misrouted: estimate(&known)?,
            })
        })
        .collect()
}

pub(crate) fn draw(run: &Run) -> Result<Drawing> {
    let trials = match usable(run) {
        Ok(trials) => trials,
        Err(skip) => return Ok(Drawing::Skipped(skip)),
    };
    let mut drawn: Vec<(Cell, Vec<Point>)> = Vec::new();
    for cell in trials.cells(&[])? {
        let points = points(&trials.steering(&cell)?);
        if !points.is_empty() {
            drawn.push((cell, points));
        }
    }
    if drawn.is_empty() {
        return Ok(Drawing::Skipped(Skip::NoMoves));
    }
    let (cells, over_time): (Vec<Cell>, Vec<Vec<Point>>) = drawn.into_iter().unzip();
    let facets = facets::by_load(trials, &cells, 3);
    let of = |cell: &Cell| cells.iter().position(|other| std::ptr::eq(other, cell));
    let title = ("Misroutes over time", LEAD);
    let legend = facets::legend(trials, false);
    let around = caption::of_trials(run, trials, &cells, Shows::Whiskers, title, legend);
    let mut page = Page::lay_out(&around, &facets.grid(280.0));
    let all = || over_time.iter().flatten();
    let end_ms = all().map(|point| point.start_ms).fold(0.0, f64::max);
    let most = all().map(|point| point.misrouted.high).fold(0.0, f64::max);
    for facet in &facets.facets {
        let x = Axis::linear("since the start of the measure phase (ms)", 0.0, end_ms, 5);
        let top = if most > 0.0 { most * 1.08 } else { 1.0 };
        let y = Axis::linear("misrouted (% of requests)", 0.0, top, 4);
        let panel = Panel::new(page.panels[facet.place], &facet.title, x, y, Strip::None);
        panel.frame(&mut page.scene);
        for cell in &facet.cells {
            let Some(points) = of(cell).map(|index| &over_time[index]) else {
                continue;
            };
            let look = facets::look(trials, cell.series);
            for (width, of) in [
                (0.8, (|e| e.low) as fn(&Estimate) -> f64),
                (0.8, |e| e.high),
                (2.2, |e| e.value),
            ] {
                let line: Vec<At> = points
                    .iter()
                    .map(|point| panel.at(point.start_ms, of(&point.misrouted)))
                    .collect();
                page.scene.dashed(&line, look.dash, width, look.colour);
            }
        }
    }
    Ok(Drawing::picture(
        page.scene,
        data(trials, &cells, &over_time),
    ))
}

fn data(trials: &Trials, cells: &[Cell], over_time: &[Vec<Point>]) -> Data {
    let mut data = Data::by_cell([
        "load",
        "start_ms",
        "misrouted_percent",
        "low",
        "high",
        "blocks",
        "spread",
    ]);
    for (cell, points) in cells.iter().zip(over_time) {
        for point in points {
            let mut fields = trials.row(cell, [point.start_ms.to_string()]);
            fields.extend(estimate_fields(Some(&point.misrouted)));
            data.push(fields);
        }
    }
    data
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_shows_the_median_of_its_blocks() {
        let block = |misroutes: [Option<f64>; 2]| {
            let step = |n: usize| SteeringStep {
                start_ns: n as f64 * 2e7,
                executed: 200.0,
                misroutes: misroutes[n],
            };
            vec![step(0), step(1)]
        };
        let blocks = [
            block([Some(0.0), Some(2.0)]),
            block([Some(0.0), Some(4.0)]),
            block([Some(0.0), Some(10.0)]),
        ];
        let points = points(&blocks);
        let medians: Vec<_> = (points.iter())
            .map(|point| (point.start_ms, point.misrouted.value))
            .collect();
        assert_eq!(medians, [(0.0, 0.0), (20.0, 2.0)]);
        assert!(super::points(&[block([None, None])]).is_empty());
    }
}
