//! What a slice delivers over the number of frames that it receives or sends at a time, for each place of its u-peer: the shape
//! of Figure 5 of NetSlices (Marian, Lee, Weatherspoon, ANCS 2012).

use std::collections::{BTreeMap, BTreeSet};

use analysis::netslices;
use polars::prelude::col;
use stats::Estimate;

use crate::canvas::axis::Axis;
use crate::canvas::page::{Entry, Grid, Page, Sample};
use crate::canvas::panel::{Panel, Strip};
use crate::canvas::style::{Dash, Marker, colour};
use crate::caption::{self, Shows};
use crate::data::{Data, estimate_fields};
use crate::error::Result;
use crate::facets::Look;
use crate::figure::{Drawing, Skip};
use crate::run::{Cell, Run, Trials};

use super::lines::{aside, line};
use super::{estimate, forwarded};

/// What the axis and the lines are swept by.
const AXES: [&str; 2] = ["batch", "placement"];

/// One measured point.
struct Point<'a> {
    cell: &'a Cell,
    batch: f64,
    /// Which line it is on: the placement, and the label where there are several.
    line: String,
    gbps: Estimate,
}

pub(crate) fn draw(run: &Run) -> Result<Drawing> {
    let trials = match forwarded(run) {
        Ok(trials) => trials,
        Err(skip) => return Ok(Drawing::Skipped(skip)),
    };
    let cells = trials.cells(&[col("payload_gbps")])?;
    let mut panels: BTreeMap<String, Vec<Point<'_>>> = BTreeMap::new();
    for point in cells.iter().filter_map(|cell| point(trials, cell)) {
        panels
            .entry(heading(trials, point.cell))
            .or_default()
            .push(point);
    }
    panels.retain(|_, points| batches(points).len() > 1);
    if panels.is_empty() {
        return Ok(Drawing::Skipped(Skip::NoBatches));
    }
    let lines: BTreeSet<&str> = panels
        .values()
        .flatten()
        .map(|it| it.line.as_str())
        .collect();
    let lines: Vec<&str> = lines.into_iter().collect();
    let entry = |(at, name): (usize, &&str)| {
        let Look {
            colour,
            marker,
            dash,
            filled,
        } = look(at);
        Entry::new(
            Sample::Line(colour, dash, Some((marker, filled))),
            name.replace('_', " "),
        )
    };
    let legend = lines.iter().enumerate().map(entry).collect();
    let lead = lead();
    let title = ("Throughput over the frames of a batch", lead.as_str());
    let around = caption::of_trials(run, trials, &cells, Shows::Whiskers, title, legend);
    let grid = Grid {
        rows: panels.len(),
        columns: 1,
        row_height: 380.0,
        ..Grid::default()
    };
    let mut page = Page::lay_out(&around, &grid);
    for ((heading, points), place) in panels.iter().zip(page.panels.clone()) {
        let batches = batches(points);
        let most = points.iter().map(|it| it.gbps.high).fold(0.0, f64::max);
        let ends =
            |of: fn(&BTreeSet<u64>) -> Option<&u64>| of(&batches).map_or(1.0, |it| *it as f64);
        let x = Axis::log(
            "frames a batch at most (I/O vectors)",
            ends(BTreeSet::first),
            ends(BTreeSet::last),
        );
        let y = Axis::linear("UDP payload (Gb/s)", 0.0, most * 1.08, 5);
        let panel = Panel::new(place, heading, x, y, Strip::None);
        panel.frame(&mut page.scene);
        for (at, name) in lines.iter().enumerate() {
            let mut of_line: Vec<_> = (points.iter())
                .filter(|it| it.line == *name)
                .map(|it| (it.batch, it.gbps))
                .collect();
            of_line.sort_by(|a, b| a.0.total_cmp(&b.0));
            let aside = aside(at, lines.len());
            line(&panel, &mut page.scene, &of_line, aside, look(at));
        }
    }
    Ok(Drawing::picture(
        page.scene,
        data(trials, panels.values().flatten()),
    ))
}

fn lead() -> String {
    format!(
        "What was delivered of as many frames as a generator makes; a line for each place of the application's CPU, seen from the \
         kernel's. NetSlices'12, Figure 5, for hyperthreads: {} times as much with 256 as with one; placement gained {} and {} \
         times with and without batches, over which other place it does not say.",
        netslices::BATCHING.value,
        netslices::PLACEMENT_WITH_BATCHES.value,
        netslices::PLACEMENT_WITHOUT_BATCHES.value
    )
}

fn look(line: usize) -> Look {
    Look {
        colour: colour(line),
        marker: Marker::nth(line),
        dash: Dash::Solid,
        filled: true,
    }
}

/// Of cells whose batch was swept.
fn point<'a>(trials: &Trials, cell: &'a Cell) -> Option<Point<'a>> {
    let swept = &trials.settings[cell.setting].swept;
    let (_, batch) = swept.numbers().find(|(name, _)| *name == "batch")?;
    let label = trials.name(cell.series);
    let line = match swept.text("placement") {
        Some(placement) if trials.series.len() == 1 => placement.to_owned(),
        Some(placement) => format!("{label}, {placement}"),
        None => label,
    };
    let gbps = estimate(&cell.values[0])?;
    Some(Point {
        cell,
        batch,
        line,
        gbps,
    })
}

fn heading(trials: &Trials, cell: &Cell) -> String {
    let setting = trials.settings[cell.setting].describe_without(&AXES);
    format!("{setting}, {}", (trials.load_title)(cell.load_rps))
}

fn batches(points: &[Point<'_>]) -> BTreeSet<u64> {
    points.iter().map(|it| it.batch as u64).collect()
}

fn data<'a>(trials: &Trials, points: impl Iterator<Item = &'a Point<'a>>) -> Data {
    let mut data = Data::by_cell([
        "load",
        "line",
        "batch",
        "payload_gbps",
        "low_gbps",
        "high_gbps",
        "blocks",
        "spread",
    ]);
    for point in points {
        let mut row = trials.row(point.cell, [point.line.clone(), point.batch.to_string()]);
        row.extend(estimate_fields(Some(&point.gbps)));
        data.push(row);
    }
    data
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packets::Packets;
    use crate::tests::assert_legible;

    #[test]
    fn a_line_for_each_placement_over_the_batches() {
        let folder = tempfile::tempdir().unwrap();
        Packets::BATCHES.write(folder.path());
        let run = Run::read(folder.path()).unwrap();
        let Drawing::Picture(picture) = draw(&run).unwrap() else {
            panic!("there are batches to draw");
        };
        assert_legible("throughput_over_batch", &picture.scene);
        let trials = run.forwarded.as_ref().unwrap();
        let cells = trials.cells(&[col("payload_gbps")]).unwrap();
        let points: Vec<Point<'_>> = cells
            .iter()
            .filter_map(|cell| point(trials, cell))
            .collect();
        assert_eq!(points.len(), 15);
        assert_eq!(
            batches(&points).into_iter().collect::<Vec<_>>(),
            [1, 4, 16, 64, 256]
        );
        let of = |line: &str, batch: f64| {
            let mut found = points.iter();
            found
                .find(|it| it.line == line && it.batch == batch)
                .unwrap()
                .gbps
                .value
        };
        assert!((of("same_cpu", 256.0) / of("nearest", 256.0) - 0.4).abs() < 1e-6);
        assert!((of("nearest", 1.0) / of("nearest", 256.0) - 0.7 / 1.2).abs() < 1e-6);
    }

    #[test]
    fn a_run_with_one_batch_says_so() {
        let folder = tempfile::tempdir().unwrap();
        Packets::SATURATED.write(folder.path());
        let run = Run::read(folder.path()).unwrap();
        assert!(matches!(
            draw(&run).unwrap(),
            Drawing::Skipped(Skip::NoBatches)
        ));
    }
}
