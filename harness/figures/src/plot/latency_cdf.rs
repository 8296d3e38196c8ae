//! Distribution of latency from the intended send time, merged over blocks.
//!
//! The share is of all requests: the curve of a system that left requests unanswered ends below
//! 1, and a mark in the strip "> timeout" says where.

use stats::Histogram;

use crate::canvas::axis::Axis;
use crate::canvas::page::{Grid, Page};
use crate::canvas::panel::{Panel, Strip};
use crate::canvas::scene::Scene;
use crate::canvas::style::Dash;
use crate::caption::{self, Shows};
use crate::data::Data;
use crate::error::Result;
use crate::facets::{self, Look};
use crate::figure::Drawing;
use crate::run::{Cell, Run, Trials, micros};

use super::usable;

fn lead(counted: &str) -> String {
    format!(
        "Latency counts from the intended send time. Unanswered {counted} are part of the whole: where a curve ends \
         below 1, its mark below '> timeout' stands at the share that was answered."
    )
}

pub(crate) fn draw(run: &Run) -> Result<Drawing> {
    let trials = match usable(run) {
        Ok(trials) => trials,
        Err(skip) => return Ok(Drawing::Skipped(skip)),
    };
    let cells = trials.cells(&[])?;
    let facets = facets::by_load(trials, &cells, 3);
    let histograms = cells
        .iter()
        .map(|c| trials.histogram(c))
        .collect::<Result<Vec<_>>>()?;
    let of = |cell: &Cell| {
        cells
            .iter()
            .position(|c| std::ptr::eq(c, cell))
            .map(|i| &histograms[i])
    };

    let counted = trials.counted().name();
    let lead = lead(counted);
    let title = ("Latency distribution by offered load", lead.as_str());
    let legend = facets::legend(trials, false);
    let around = caption::of_trials(run, trials, &cells, Shows::Merged, title, legend);
    let mut page = {
        let (rows, columns) = (facets.rows, facets.columns);
        let headings = facets.headings.clone();
        let grid = Grid {
            rows,
            columns,
            row_height: 280.0,
            headings,
            ..Grid::default()
        };
        Page::lay_out(&around, &grid)
    };
    let (low, high) = range(&histograms);
    let lost = histograms.iter().any(|h| h.unanswered() > 0);
    for facet in &facets.facets {
        let x = Axis::log("latency (µs)", low, high);
        let y = Axis::linear(format!("share of {counted}"), 0.0, 1.0, 5);
        let strip = if lost { Strip::Right } else { Strip::None };
        let panel = Panel::new(page.panels[facet.place], &facet.title, x, y, strip);
        panel.frame(&mut page.scene);
        for cell in &facet.cells {
            if let Some(histogram) = of(cell) {
                curve(
                    &panel,
                    &mut page.scene,
                    histogram,
                    facets::look(trials, cell.series),
                );
            }
        }
    }
    Ok(Drawing::picture(
        page.scene,
        data(trials, &cells, &histograms),
    ))
}

/// The range of the x axis in microseconds. What little lies below a thousandth of the requests
/// of a curve may fall off the left, so that one early reply does not squeeze all curves.
fn range(histograms: &[Histogram]) -> (f64, f64) {
    let (mut low, mut high) = (f64::INFINITY, 0.0f64);
    for histogram in histograms {
        let cdf = histogram.cdf();
        let first = cdf.iter().find(|(_, share)| *share >= 0.001);
        if let (Some((first, _)), Some((last, _))) = (first, cdf.last()) {
            low = low.min(micros(*first as f64));
            high = high.max(micros(*last as f64));
        }
    }
    if low.is_finite() {
        (low.max(0.01), high.max(0.02))
    } else {
        (1.0, 1000.0)
    }
}

fn curve(panel: &Panel, scene: &mut Scene, histogram: &Histogram, look: Look) {
    let Look {
        colour,
        marker,
        dash,
        filled,
    } = look;
    let cdf = histogram.cdf();
    let mut points: Vec<_> = cdf
        .iter()
        .map(|&(ns, share)| panel.at(micros(ns as f64), share))
        .collect();
    if let Some(&(first, _)) = cdf.first() {
        points.insert(0, panel.at(micros(first as f64), 0.0));
    }
    scene.dashed(&points, dash, 2.0, colour);
    if histogram.unanswered() > 0 {
        let share = cdf.last().map_or(0.0, |&(_, share)| share);
        let mark = panel.at(f64::INFINITY, share);
        if let Some(&end) = points.last() {
            scene.dashed(&[end, mark], Dash::Dots, 1.0, colour);
        }
        scene.marker(mark, marker, 5.0, colour, filled);
    }
}

fn data(trials: &Trials, cells: &[Cell], histograms: &[Histogram]) -> Data {
    let mut data = Data::by_cell(["offered_rps", "latency_us", "share"]);
    for (cell, histogram) in cells.iter().zip(histograms) {
        let mut push = |latency: String, share: f64| {
            data.push(trials.row(cell, [latency, share.to_string()]));
        };
        for (ns, share) in histogram.cdf() {
            push(micros(ns as f64).to_string(), share);
        }
        if histogram.unanswered() > 0 {
            push("inf".to_owned(), 1.0);
        }
    }
    data
}
