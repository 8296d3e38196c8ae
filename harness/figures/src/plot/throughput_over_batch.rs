//! What a slice delivers over the number of frames that it receives or sends at a time, for each place of its u-peer: the shape
//! of Figure 5 of NetSlices (Marian, Lee, Weatherspoon, ANCS 2012).

mod gains;

use std::collections::{BTreeMap, BTreeSet};

use polars::prelude::col;
use spec::PeerPlacement;
use stats::Estimate;

use crate::canvas::axis::Axis;
use crate::canvas::page::{Entry, Grid, Page, Sample};
use crate::canvas::panel::{Panel, Strip};
use crate::canvas::style::{Dash, Marker, Rgb, colour};
use crate::caption::{self, Shows};
use crate::data::{Data, estimate_fields};
use crate::error::Result;
use crate::facets::Look;
use crate::figure::{Drawing, Skip};
use crate::run::{Cell, Run, Trials};

use super::lines::{aside, line};
use super::{FULL_FRAME, estimate, forwarded};
use gains::Gain;

/// What the axis and the lines are swept by.
const AXES: [&str; 2] = ["batch", "placement"];

const LEAD: &str = "What was delivered of as many frames as a generator makes; a line for each place of the application's CPU, seen \
                    from the kernel's.";

const GAINS: &str = " Right: what batches of 256 gain over single frames with the default placement, and what that placement gains \
                     over others with either batch, blocks in pairs; diamonds: NetSlices'12, Figure 5, whose default placement \
                     is on hyperthreads and which does not say over which other placement: its one number stands at both.";

/// The columns of trials.csv, in the order of a cell's values.
const COLUMNS: [&str; 2] = ["payload_gbps", "block"];

/// One measured point.
struct Point<'a> {
    cell: &'a Cell,
    batch: f64,
    placement: PeerPlacement,
    /// Which line it is on: the placement, and the label where there are several.
    line: String,
    gbps: Estimate,
}

pub(crate) fn draw(run: &Run) -> Result<Drawing> {
    let trials = match forwarded(run) {
        Ok(trials) => trials,
        Err(skip) => return Ok(Drawing::Skipped(skip)),
    };
    let cells = trials.cells(&COLUMNS.map(col))?;
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
    let mut legend: Vec<Entry> = lines.iter().enumerate().map(entry).collect();
    // Of several systems each would have gains of its own.
    let alone = trials.series.len() == 1;
    let lead = match alone {
        true => format!("{LEAD}{GAINS}"),
        false => LEAD.to_owned(),
    };
    if alone {
        let mark = |colour, marker, filled| Sample::Marker(colour, marker, filled);
        legend.extend([
            Entry::new(Sample::Heading, "gained"),
            Entry::new(mark(Rgb::INK, Marker::Circle, true), "here"),
        ]);
        let mut traffic = trials.settings.iter().filter_map(|it| it.traffic.as_ref());
        if traffic.any(|it| it.frame_bytes >= FULL_FRAME) {
            let theirs = mark(Rgb::REFERENCE, Marker::Diamond, false);
            legend.push(Entry::new(theirs, "NetSlices'12"));
        }
    }
    let title = ("Throughput over the frames of a batch", lead.as_str());
    let around = caption::of_trials(run, trials, &cells, Shows::Whiskers, title, legend);
    let grid = Grid {
        rows: panels.len(),
        columns: if alone { 2 } else { 1 },
        row_height: 380.0,
        headings: panels.keys().cloned().enumerate().collect(),
        ..Grid::default()
    };
    let mut page = Page::lay_out(&around, &grid);
    let mut gained: Vec<Gain<'_>> = Vec::new();
    for (row, points) in panels.values().enumerate() {
        let place = page.panels[row * grid.columns];
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
        let panel = Panel::new(place, "delivered", x, y, Strip::None);
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
        if alone {
            let gains = gains::of(trials, points);
            let beside = page.panels[row * grid.columns + 1];
            gains::panel(&mut page.scene, beside, &gains);
            gained.extend(gains);
        }
    }
    Ok(Drawing::picture(
        page.scene,
        data(trials, panels.values().flatten(), &gained),
    ))
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
    let placed = swept.text("placement");
    let placement = placed.and_then(|placed| {
        let mut all = PeerPlacement::ALL.into_iter();
        all.find(|it| it.name() == placed)
    });
    let line = match placed {
        Some(placement) if trials.series.len() == 1 => placement.to_owned(),
        Some(placement) => format!("{label}, {placement}"),
        None => label,
    };
    let gbps = estimate(&cell.values[0])?;
    Some(Point {
        cell,
        batch,
        placement: placement.unwrap_or_default(),
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

/// The points, then what is gained by some over others.
fn data<'a>(
    trials: &Trials,
    points: impl Iterator<Item = &'a Point<'a>>,
    gained: &[Gain<'_>],
) -> Data {
    let mut data = Data::by_cell([
        "load",
        "line",
        "batch",
        "payload_gbps",
        "low_gbps",
        "high_gbps",
        "blocks",
        "spread",
        "gain",
        "gained",
        "low_gained",
        "high_gained",
        "paper_gained",
    ]);
    let fields = |point: &Point<'_>, gain: [String; 5]| {
        let mut row = trials.row(point.cell, [point.line.clone(), point.batch.to_string()]);
        row.extend(estimate_fields(Some(&point.gbps)));
        row.extend(gain);
        row
    };
    for point in points {
        data.push(fields(point, Default::default()));
    }
    let text = |value: Option<f64>| value.map(|it| it.to_string()).unwrap_or_default();
    for gain in gained {
        let ours = [
            gain.ours.map(|it| it.value),
            gain.ours.map(|it| it.low),
            gain.ours.map(|it| it.high),
            gain.paper,
        ];
        let [value, low, high, paper] = ours.map(text);
        data.push(fields(
            gain.of,
            [gain.name.to_owned(), value, low, high, paper],
        ));
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
        let cells = trials.cells(&COLUMNS.map(col)).unwrap();
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
        let gains: Vec<_> = gains::of(trials, &points)
            .iter()
            .map(|gain| (gain.name, gain.ours.unwrap().value, gain.paper.unwrap()))
            .collect();
        let expected = [
            ("256 over 1", 1.2 / 0.7, 1.462),
            ("over os_default, 1", 1.0 / 0.6, 1.666),
            ("over os_default, 256", 1.0 / 0.6, 1.783),
            ("over same_cpu, 1", 1.0 / 0.4, 1.666),
            ("over same_cpu, 256", 1.0 / 0.4, 1.783),
        ];
        assert_eq!(gains.len(), expected.len());
        for ((name, ours, paper), (gain, ratio, theirs)) in gains.into_iter().zip(expected) {
            assert_eq!((name, paper), (gain, theirs));
            assert!((ours - ratio).abs() < 1e-6, "{name}: {ours}");
        }
    }

    /// The paper's gains are of full-size frames: beside the shortest stands none.
    #[test]
    fn lengths_of_frames_stand_apart() {
        let folder = tempfile::tempdir().unwrap();
        let shape = Packets {
            frame_bytes: &[60, 1514],
            ..Packets::BATCHES
        };
        shape.write(folder.path());
        let run = Run::read(folder.path()).unwrap();
        let Drawing::Picture(picture) = draw(&run).unwrap() else {
            panic!("there are batches to draw");
        };
        assert_legible("throughput_over_batch of two lengths", &picture.scene);
        let texts: Vec<&str> = picture.scene.text_boxes().iter().map(|it| it.0).collect();
        for length in ["frames of 60 B", "frames of 1514 B"] {
            let told = texts.iter().filter(|text| text.contains(length)).count();
            assert_eq!(told, 1, "{length}: {texts:?}");
        }
        let file = folder.path().join("data.csv");
        picture.data.write(&file).unwrap();
        let mut reader = csv::Reader::from_path(&file).unwrap();
        let rows: Vec<BTreeMap<String, String>> =
            reader.deserialize().map(|row| row.unwrap()).collect();
        assert_eq!(rows.len(), 2 * (15 + 5));
        for row in rows.iter().filter(|row| !row["gain"].is_empty()) {
            let full = row["workload"].contains("frames of 1514 B");
            assert_eq!(!row["paper_gained"].is_empty(), full, "{row:?}");
        }
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
