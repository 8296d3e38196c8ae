//! Latency in the course of the measure phase: what a rate that changes, or a system that does not
//! settle, does to it. Medians over blocks of each step's median and 99th percentile.

use crate::canvas::axis::Axis;
use crate::canvas::page::Page;
use crate::canvas::panel::{Panel, Strip};
use crate::canvas::scene::At;
use crate::caption::{self, Shows};
use crate::data::Data;
use crate::error::Result;
use crate::facets;
use crate::figure::{Drawing, Skip};
use crate::run::{Cell, Run, Step, Trials, micros};

use super::{estimate, usable};

fn lead(counted: &str) -> String {
    format!(
        "Each step holds the {counted} that were due in it. Thick: 99th percentile, thin: median; a step whose percentile \
         lies beyond the timeout is drawn at '> timeout'."
    )
}

/// One step of a cell, over its blocks.
struct Point {
    start_ms: f64,
    /// Microseconds; `None` where nothing was due in any block.
    p50_us: Option<f64>,
    p99_us: Option<f64>,
}

fn points(blocks: &[Vec<Step>]) -> Vec<Point> {
    let longest = blocks.iter().max_by_key(|steps| steps.len());
    let steps = longest.into_iter().flatten().enumerate();
    steps
        .map(|(n, step)| {
            let middle = |of: fn(&Step) -> Option<f64>| {
                let values = blocks.iter().map(|steps| of(steps.get(n)?));
                let values: Vec<_> = values.map(|ns| ns.map(micros)).collect();
                estimate(&values).map(|e| e.value)
            };
            Point {
                start_ms: step.start_ns / 1e6,
                p50_us: middle(|step| step.p50_ns),
                p99_us: middle(|step| step.p99_ns),
            }
        })
        .collect()
}

pub(crate) fn draw(run: &Run) -> Result<Drawing> {
    let trials = match usable(run) {
        Ok(trials) => trials,
        Err(skip) => return Ok(Drawing::Skipped(skip)),
    };
    let mut cells = trials.cells(&[])?;
    let mut over_time = Vec::new();
    let mut kept = Vec::new();
    for cell in cells.drain(..) {
        let points = points(&trials.intervals(&cell)?);
        if !points.is_empty() {
            over_time.push(points);
            kept.push(cell);
        }
    }
    if kept.is_empty() {
        return Ok(Drawing::Skipped(Skip::NoIntervals));
    }
    let facets = facets::by_load(trials, &kept, 3);
    let of = |cell: &Cell| kept.iter().position(|c| std::ptr::eq(c, cell));
    let lead = lead(trials.counted().name());
    let title = ("Latency over time", lead.as_str());
    let legend = facets::legend(trials, false);
    let around = caption::of_trials(run, trials, &kept, Shows::Merged, title, legend);
    let mut page = Page::lay_out(&around, &facets.grid(280.0));
    let all = || over_time.iter().flatten();
    let values = || all().flat_map(|p| [p.p50_us, p.p99_us]).flatten();
    let beyond = values().any(f64::is_infinite);
    let finite = || values().filter(|v| v.is_finite() && *v > 0.0);
    let (low, high) = (
        finite().fold(f64::INFINITY, f64::min).min(1e9),
        finite().fold(1e-3, f64::max),
    );
    let end_ms = all().map(|p| p.start_ms).fold(0.0, f64::max);
    for facet in &facets.facets {
        let x = Axis::linear("since the start of the measure phase (ms)", 0.0, end_ms, 5);
        let y = Axis::log("latency (µs)", low.min(high), high);
        let strip = if beyond { Strip::Top } else { Strip::None };
        let panel = Panel::new(page.panels[facet.place], &facet.title, x, y, strip);
        panel.frame(&mut page.scene);
        for cell in &facet.cells {
            let Some(points) = of(cell).map(|index| &over_time[index]) else {
                continue;
            };
            let look = facets::look(trials, cell.series);
            for (width, of) in [
                (1.0, (|p| p.p50_us) as fn(&Point) -> Option<f64>),
                (2.2, |p| p.p99_us),
            ] {
                let line: Vec<At> = points
                    .iter()
                    .filter_map(|p| Some(panel.at(p.start_ms, of(p)?)))
                    .collect();
                page.scene.dashed(&line, look.dash, width, look.colour);
            }
        }
    }
    Ok(Drawing::picture(
        page.scene,
        data(trials, &kept, &over_time),
    ))
}

fn data(trials: &Trials, cells: &[Cell], over_time: &[Vec<Point>]) -> Data {
    let mut data = Data::by_cell(["offered_rps", "start_ms", "p50_us", "p99_us", "blocks"]);
    for (cell, points) in cells.iter().zip(over_time) {
        for point in points {
            let number = |value: Option<f64>| value.map_or_else(String::new, |v| v.to_string());
            let further = [
                point.start_ms.to_string(),
                number(point.p50_us),
                number(point.p99_us),
                cell.blocks().to_string(),
            ];
            data.push(trials.row(cell, further));
        }
    }
    data
}
