//! How often a request crosses between cores: handoffs, wakeups by our notification and by packet
//! arrival, and hops from the NAPI CPU to the serving one, for each executed request.

use polars::prelude::col;
use spec::Counted;
use stats::Estimate;

use crate::canvas::axis::Axis;
use crate::canvas::font::TextStyle;
use crate::canvas::page::{Entry, Grid, Page, Sample};
use crate::canvas::panel::{LABEL, Panel, Strip};
use crate::canvas::scene::Scene;
use crate::canvas::style::{Marker, Rgb, colour};
use crate::caption::{self, Shows};
use crate::data::{Data, estimate_fields};
use crate::error::Result;
use crate::figure::Drawing;
use crate::run::{Cell, Run, Trials, one};

use super::{estimate, usable};

const QUANTITIES: [(&str, &str); 4] = [
    ("handoffs", "handoffs"),
    ("wakeups_app", "wakeups by threads"),
    ("wakeups_kernel", "wakeups by packets"),
    ("cross_core_hops", "cross-core hops"),
];

fn lead(of: Counted) -> String {
    let counted = match of {
        Counted::Requests => "requests executed",
        Counted::Frames => "frames that came back",
    };
    format!(
        "Totals of the measure phase divided by the {counted} in it. Wakeups by packets: a sleeping worker woken by \
         arrival. n/a: the design has no such crossing, or this topology cannot observe it."
    )
}

pub(crate) fn draw(run: &Run) -> Result<Drawing> {
    let trials = match usable(run) {
        Ok(trials) => trials,
        Err(skip) => return Ok(Drawing::Skipped(skip)),
    };
    let per_request = |(column, _): (&str, &str)| col(column) / col("requests_executed");
    let cells = trials.cells(&QUANTITIES.map(per_request))?;
    let mut loads: Vec<f64> = cells.iter().map(|c| c.load_rps).collect();
    loads.sort_by(f64::total_cmp);
    loads.dedup();
    let mut legend = vec![Entry::new(Sample::Heading, "offered load")];
    for (i, load) in loads.iter().enumerate() {
        legend.push(Entry::new(
            Sample::Marker(colour(i), Marker::nth(i), true),
            (trials.load_title)(*load),
        ));
    }
    let per = format!("per {}", one(trials.counted()));
    let (title, lead) = (
        format!("Crossings between cores {per}"),
        lead(trials.counted()),
    );
    let title = (title.as_str(), lead.as_str());
    let around = caption::of_trials(run, trials, &cells, Shows::Whiskers, title, legend);
    let names: Vec<String> = (0..trials.series.len()).map(|i| trials.name(i)).collect();
    let widest = names
        .iter()
        .map(|n| TextStyle::new(LABEL).width(n))
        .fold(0.0, f64::max);
    let height = (names.len() as f64 * 40.0 + 90.0).max(240.0);
    let columns = QUANTITIES.len();
    let grid = Grid {
        rows: trials.settings.len(),
        columns,
        row_height: height,
        names_width: widest,
        headings: trials.headings(),
    };
    let mut page = Page::lay_out(&around, &grid);
    for of_setting in cells.chunk_by(|a, b| a.setting == b.setting) {
        let setting = of_setting[0].setting;
        for (quantity, (_, name)) in QUANTITIES.iter().enumerate() {
            let rows = Axis::rows(names.iter().cloned());
            let y = if quantity == 0 {
                rows
            } else {
                rows.unlabelled()
            };
            let place = page.panels[setting * columns + quantity];
            let x = across(&per, of_setting, quantity);
            let panel = Panel::new(place, *name, x, y, Strip::None);
            panel.frame(&mut page.scene);
            dots(&panel, &mut page.scene, of_setting, quantity, &loads);
        }
    }
    Ok(Drawing::picture(page.scene, data(trials, &cells)))
}

/// The axis of a panel; without numbers where no system has such a crossing.
fn across(title: &str, cells: &[Cell], quantity: usize) -> Axis {
    let all = cells.iter().filter_map(|c| estimate(&c.values[quantity]));
    let all: Vec<f64> = all.map(|e| e.high).collect();
    let highest = all.iter().copied().fold(0.0, f64::max);
    let top = if highest > 0.0 { highest * 1.08 } else { 1.0 };
    let mut axis = Axis::linear(title, 0.0, top, 4);
    if all.is_empty() {
        axis.ticks.clear();
    }
    axis
}

fn dots(panel: &Panel, scene: &mut Scene, cells: &[Cell], quantity: usize, loads: &[f64]) {
    let zero = panel.at(0.0, 0.0).0;
    let mut of_series: Vec<&Cell> = cells.iter().collect();
    of_series.sort_by_key(|c| c.series);
    for group in of_series.chunk_by(|a, b| a.series == b.series) {
        let row = group[0].series as f64;
        let mut seen = false;
        for cell in group {
            let Some(Estimate {
                value, low, high, ..
            }) = estimate(&cell.values[quantity])
            else {
                continue;
            };
            seen = true;
            let load = loads.iter().position(|l| *l == cell.load_rps).unwrap_or(0);
            let aside = (load as f64 - (loads.len() - 1) as f64 / 2.0) / loads.len() as f64 * 0.75;
            let at = |v| panel.at(v, row + aside);
            scene.line(vec![(zero, at(value).1), at(value)], 1.0, Rgb::GRID);
            panel.whisker(scene, at(value), at(low), at(high), colour(load));
            scene.marker(at(value), Marker::nth(load), 4.0, colour(load), true);
        }
        if !seen {
            let (x, y) = panel.at(0.0, row);
            scene.text(
                "n/a",
                (x + 8.0, y),
                TextStyle::new(LABEL).colour(Rgb::MUTED),
            );
        }
    }
}

fn data(trials: &Trials, cells: &[Cell]) -> Data {
    let mut data = Data::by_cell([
        "offered_rps",
        "crossing",
        "per_request",
        "low_per_request",
        "high_per_request",
        "blocks",
        "spread",
    ]);
    for cell in cells {
        for (quantity, (column, _)) in QUANTITIES.iter().enumerate() {
            let mut row = trials.row(cell, [(*column).to_owned()]);
            row.extend(estimate_fields(estimate(&cell.values[quantity]).as_ref()));
            data.push(row);
        }
    }
    data
}
