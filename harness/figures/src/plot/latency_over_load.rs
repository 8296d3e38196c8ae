//! Median and tail latency against offered load: each block's percentile, its median over blocks
//! and the spread. A percentile beyond the timeout is drawn in a strip above the axis.

use polars::prelude::col;
use stats::Estimate;

use crate::canvas::axis::Axis;
use crate::canvas::page::{Grid, Page};
use crate::canvas::panel::{Panel, Strip};
use crate::canvas::scene::Scene;
use crate::caption::{self, Shows};
use crate::data::{Data, estimate_fields};
use crate::error::Result;
use crate::facets::{self, Look};
use crate::figure::Drawing;
use crate::run::{Cell, Run, Trials, micros};

use super::{estimate, usable};

const PERCENTILES: [(&str, &str); 3] = [
    ("p50_ns", "median"),
    ("p99_ns", "99th percentile"),
    ("p99_9_ns", "99.9th percentile"),
];

const LEAD: &str = "Percentiles rank all requests from their intended send time, the unanswered ones last; those that \
                    fall among them lie at '> timeout'. Series are moved a little sideways to keep marks apart.";

/// The latency estimates of a cell in microseconds, one a percentile. An empty percentile lies
/// beyond the timeout.
fn estimates(cell: &Cell) -> Vec<Option<Estimate>> {
    let us = |v: &Option<f64>| Some(v.map_or(f64::INFINITY, micros));
    cell.values
        .iter()
        .map(|blocks| estimate(&blocks.iter().map(us).collect::<Vec<_>>()))
        .collect()
}

pub(crate) fn draw(run: &Run) -> Result<Drawing> {
    let trials = match usable(run) {
        Ok(trials) => trials,
        Err(skip) => return Ok(Drawing::Skipped(skip)),
    };
    let cells = trials.cells(&PERCENTILES.map(|(column, _)| col(column)))?;
    let estimated: Vec<_> = cells.iter().map(|c| (c, estimates(c))).collect();
    let title = ("Latency against offered load", LEAD);
    let legend = facets::legend(trials, true);
    let around = caption::of_trials(run, trials, &cells, Shows::Whiskers, title, legend);
    let grid = Grid {
        rows: trials.settings.len(),
        columns: PERCENTILES.len(),
        row_height: 330.0,
        headings: trials.headings(),
        ..Grid::default()
    };
    let mut page = Page::lay_out(&around, &grid);
    let beyond = estimated
        .iter()
        .any(|(_, e)| e.iter().flatten().any(|e| e.high.is_infinite()));
    let strip = if beyond { Strip::Top } else { Strip::None };
    for (setting, of_setting) in estimated
        .chunk_by(|a, b| a.0.setting == b.0.setting)
        .enumerate()
    {
        let (low, high) = range(of_setting);
        let fastest = of_setting
            .iter()
            .map(|(c, _)| c.load_rps)
            .fold(0.0, f64::max);
        for (percentile, (_, name)) in PERCENTILES.iter().enumerate() {
            let place = page.panels[setting * PERCENTILES.len() + percentile];
            let x = Axis::linear("offered load (kreq/s)", 0.0, fastest / 1e3 * 1.1, 4);
            let y = Axis::log("latency (µs)", low, high);
            let panel = Panel::new(place, *name, x, y, strip);
            panel.frame(&mut page.scene);
            for series in 0..trials.series.len() {
                let points: Vec<_> = of_setting
                    .iter()
                    .filter(|(c, _)| c.series == series)
                    .filter_map(|(c, e)| Some((c.load_rps / 1e3, e[percentile]?)))
                    .collect();
                let aside = series as f64 - (trials.series.len() - 1) as f64 / 2.0;
                line(
                    &panel,
                    &mut page.scene,
                    &points,
                    aside,
                    facets::look(trials, series),
                );
            }
        }
    }
    Ok(Drawing::picture(page.scene, data(trials, &estimated)))
}

fn range(estimated: &[(&Cell, Vec<Option<Estimate>>)]) -> (f64, f64) {
    let bounds = || {
        let all = estimated.iter().flat_map(|(_, e)| e.iter().flatten());
        all.flat_map(|e| [e.low, e.value, e.high])
            .filter(|v| v.is_finite() && *v > 0.0)
    };
    let (low, high) = (
        bounds().fold(f64::INFINITY, f64::min),
        bounds().fold(0.0, f64::max),
    );
    if low.is_finite() {
        (low, high)
    } else {
        (1.0, 1000.0)
    }
}

fn line(panel: &Panel, scene: &mut Scene, points: &[(f64, Estimate)], aside: f64, look: Look) {
    // Series of one load would hide each other.
    let at = |load: f64, us: f64| {
        let (x, y) = panel.at(load, us);
        (x + aside * 1.5, y)
    };
    let medians: Vec<_> = points.iter().map(|(load, e)| at(*load, e.value)).collect();
    scene.dashed(&medians, look.dash, 2.0, look.colour);
    for (load, e) in points {
        let (centre, low, high) = (at(*load, e.value), at(*load, e.low), at(*load, e.high));
        panel.whisker(scene, centre, low, high, look.colour);
        scene.marker(centre, look.marker, 4.5, look.colour, look.filled);
    }
}

fn data(trials: &Trials, estimated: &[(&Cell, Vec<Option<Estimate>>)]) -> Data {
    let mut data = Data::new([
        "fidelity",
        "topology",
        "workload",
        "label",
        "io",
        "offered_rps",
        "percentile",
        "latency_us",
        "low_us",
        "high_us",
        "blocks",
        "spread",
    ]);
    for (cell, estimates) in estimated {
        let setting = &trials.settings[cell.setting];
        let series = &trials.series[cell.series];
        for ((column, _), estimate) in PERCENTILES.iter().zip(estimates) {
            let mut row = vec![
                setting.fidelity.clone(),
                setting.topology.clone(),
                setting.workload.clone(),
                series.label.clone(),
                series.io.clone(),
                cell.load_rps.to_string(),
                column.trim_end_matches("_ns").to_owned(),
            ];
            row.extend(estimate_fields(estimate.as_ref()));
            data.push(row);
        }
    }
    data
}
