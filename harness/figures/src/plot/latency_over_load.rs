//! Median and tail latency against offered load: each block's percentile, its median over blocks
//! and the spread. A percentile beyond the timeout is drawn in a strip above the axis.

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
use super::{estimate, usable};

const PERCENTILES: [(&str, &str); 3] = [
    ("p50_ns", "median"),
    ("p99_ns", "99th percentile"),
    ("p99_9_ns", "99.9th percentile"),
];

fn lead(counted: &str) -> String {
    format!(
        "Percentiles rank all {counted} from their intended send time, the unanswered ones last; those that fall among \
         them lie at '> timeout'. Series are moved a little sideways to keep marks apart."
    )
}

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
    let lead = lead(trials.counted().name());
    let title = ("Latency against offered load", lead.as_str());
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
    let (.., beyond) = range(
        estimated
            .iter()
            .flat_map(|(_, e)| e.iter().flatten().copied()),
    );
    let strip = if beyond { Strip::Top } else { Strip::None };
    for (setting, of_setting) in estimated
        .chunk_by(|a, b| a.0.setting == b.0.setting)
        .enumerate()
    {
        let (low, high, _) = range(
            of_setting
                .iter()
                .flat_map(|(_, e)| e.iter().flatten().copied()),
        );
        let fastest = of_setting
            .iter()
            .map(|(c, _)| c.load_rps)
            .fold(0.0, f64::max);
        for (percentile, (_, name)) in PERCENTILES.iter().enumerate() {
            let place = page.panels[setting * PERCENTILES.len() + percentile];
            let load = format!("offered load (k{})", trials.counted().base());
            let x = Axis::linear(load, 0.0, fastest / 1e3 * 1.1, 4);
            let y = Axis::log("latency (µs)", low, high);
            let panel = Panel::new(place, *name, x, y, strip);
            panel.frame(&mut page.scene);
            for series in 0..trials.series.len() {
                let points: Vec<_> = of_setting
                    .iter()
                    .filter(|(c, _)| c.series == series)
                    .filter_map(|(c, e)| Some((c.load_rps / 1e3, e[percentile]?)))
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
    let mut data = Data::by_cell([
        "offered_rps",
        "percentile",
        "latency_us",
        "low_us",
        "high_us",
        "blocks",
        "spread",
    ]);
    for (cell, estimates) in estimated {
        for ((column, _), estimate) in PERCENTILES.iter().zip(estimates) {
            let mut row = trials.row(cell, [column.trim_end_matches("_ns").to_owned()]);
            row.extend(estimate_fields(estimate.as_ref()));
            data.push(row);
        }
    }
    data
}
