//! Closed loops: latency and throughput against the number of requests under way.
//!
//! A closed loop's latency counts from the actual send, and a slow server slows its load down: it is
//! another quantity than the open loop's, so that it has a figure of its own.

use polars::prelude::col;
use stats::Estimate;

use crate::canvas::axis::Axis;
use crate::canvas::page::{Grid, Page};
use crate::canvas::panel::{Panel, Strip};
use crate::caption::{self, Shows};
use crate::data::{Data, estimate_fields};
use crate::error::Result;
use crate::facets;
use crate::figure::Drawing;
use crate::run::{Cell, Run, Trials, micros};

use super::lines::{aside, line, range};
use super::{estimate, usable_closed};

/// Column, name of the panel, title of its axis, and how many recorded units one of the axis is.
const PANELS: [(&str, &str, &str); 3] = [
    ("p50_ns", "median latency", "latency (µs)"),
    ("p99_ns", "99th percentile", "latency (µs)"),
    ("achieved_rps", "throughput", "replies (kreq/s)"),
];

const LEAD: &str = "Closed loops: each reply (or timeout) sends the next request, and latency counts from the actual send. \
                    These are not open-loop latencies: a slow server is asked less. Series are moved a little \
                    sideways to keep marks apart.";

/// What a panel shows of a recorded value: microseconds, or thousands of replies a second. An empty
/// percentile lies beyond the timeout.
fn shown(column: &str, value: Option<f64>) -> Option<f64> {
    if column.ends_with("_ns") {
        Some(value.map_or(f64::INFINITY, micros))
    } else {
        value.map(|rps| rps / 1e3)
    }
}

fn estimates(cell: &Cell) -> Vec<Option<Estimate>> {
    let of = |((column, ..), blocks): (&(&str, &str, &str), &Vec<Option<f64>>)| {
        estimate(&blocks.iter().map(|v| shown(column, *v)).collect::<Vec<_>>())
    };
    PANELS.iter().zip(&cell.values).map(of).collect()
}

pub(crate) fn draw(run: &Run) -> Result<Drawing> {
    let trials = match usable_closed(run) {
        Ok(trials) => trials,
        Err(skip) => return Ok(Drawing::Skipped(skip)),
    };
    let cells = trials.cells(&PANELS.map(|(column, ..)| col(column)))?;
    let estimated: Vec<_> = cells.iter().map(|c| (c, estimates(c))).collect();
    let title = ("Closed loops", LEAD);
    let legend = facets::legend(trials, true);
    let around = caption::of_trials(run, trials, &cells, Shows::Whiskers, title, legend);
    let grid = Grid {
        rows: trials.settings.len(),
        columns: PANELS.len(),
        row_height: 330.0,
        headings: trials.headings(),
        ..Grid::default()
    };
    let mut page = Page::lay_out(&around, &grid);
    let same = |a: &(&Cell, _), b: &(&Cell, _)| a.0.setting == b.0.setting;
    for (setting, group) in estimated.chunk_by(same).enumerate() {
        for (at, (_, name, axis)) in PANELS.iter().enumerate() {
            let place = page.panels[setting * PANELS.len() + at];
            let depths = || group.iter().map(|(cell, _)| cell.depth());
            let (least, most) = (
                depths().fold(f64::INFINITY, f64::min),
                depths().fold(1.0, f64::max),
            );
            let x = Axis::log("requests under way", least, most.max(least * 1.5));
            let values = group.iter().filter_map(|(_, e)| e[at]);
            let (low, high, beyond) = range(values);
            let y = Axis::log(*axis, low, high);
            let strip = if beyond { Strip::Top } else { Strip::None };
            let panel = Panel::new(place, *name, x, y, strip);
            panel.frame(&mut page.scene);
            for series in 0..trials.series.len() {
                let of_series = group.iter().filter(|(cell, _)| cell.series == series);
                let points: Vec<_> = of_series
                    .filter_map(|(cell, e)| Some((cell.depth(), e[at]?)))
                    .collect();
                line(
                    &panel,
                    &mut page.scene,
                    &points,
                    aside(series, trials.series.len()),
                    facets::look(trials, series),
                );
            }
        }
    }
    Ok(Drawing::picture(page.scene, data(trials, &estimated)))
}

fn data(trials: &Trials, estimated: &[(&Cell, Vec<Option<Estimate>>)]) -> Data {
    let mut data = Data::by_cell(["depth", "shown", "value", "low", "high", "blocks", "spread"]);
    for (cell, estimates) in estimated {
        for ((column, ..), estimate) in PANELS.iter().zip(estimates) {
            let shown = match column.strip_suffix("_ns") {
                Some(percentile) => format!("{percentile}_us"),
                None => "achieved_krps".to_owned(),
            };
            let mut row = trials.row(cell, [shown]);
            row.extend(estimate_fields(estimate.as_ref()));
            data.push(row);
        }
    }
    data
}
