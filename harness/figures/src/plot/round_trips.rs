//! How long frames take through a system and back: Table 1 of NetSlices (Marian, Lee, Weatherspoon, ANCS 2012) as a picture, and
//! what each system adds to the kernel's forwarding.
//!
//! The paper's table stands in a panel of its own: its round trips are of another machine, whose NICs coalesce interrupts. What a
//! slice adds is what both can be held against.

#[cfg(test)]
mod tests;

use analysis::netslices::{self, ADDED_ROUND_TRIP_AT_MOST, EVERY_US, ROUND_TRIPS};
use polars::prelude::{Expr, col};
use spec::{ProcessorKind, SystemKind};
use stats::{Estimate, Histogram, Moments, estimate_median};

use crate::canvas::axis::Axis;
use crate::canvas::font::TextStyle;
use crate::canvas::page::{Entry, Grid, Page, Sample};
use crate::canvas::panel::{LABEL, Panel, Strip};
use crate::canvas::scene::{Rect, Scene};
use crate::canvas::style::{Dash, Marker, Rgb, colour};
use crate::caption::{self, Shows};
use crate::data::{Data, estimate_fields};
use crate::error::Result;
use crate::figure::{Drawing, Skip};
use crate::run::{Cell, Run, Traffic, Trials, micros};

use super::{FULL_FRAME, SEED, of_blocks, pairs, usable};

const LEAD: &str = "Left: mean and standard deviation over the frames of all blocks, what NetSlices'12 has in Table 1; hollow where \
                    more than 0.1% of the frames did not come back, of which a mean knows nothing. Middle: that table, of another \
                    machine. Right: what each system adds to kernel_forward, of means and of medians, blocks in pairs; diamonds: \
                    differences of the table's means; dashed: at most 28 µs, which the paper says of it. On a logarithmic axis \
                    what is below its begin stands there.";

/// What others are held against.
const BASELINE: SystemKind = SystemKind::KernelForward;

/// The share of frames that may be missing of a mean that is drawn as one.
const MISSING: f64 = 0.001;

/// Beyond this ratio of the ends a linear axis would hide what lies near the lower one.
const WIDE: f64 = 20.0;

const MEANS: Rgb = Rgb(0x00, 0x72, 0xb2);

/// The columns of trials.csv, in the order of a cell's values.
const COLUMNS: [&str; 4] = ["block", "p50_ns", "batch", "burst"];

/// One system in one panel; times in microseconds.
struct Row<'a> {
    cell: &'a Cell,
    name: String,
    moments: Option<Moments>,
    /// The share of frames that did not come back.
    missing: f64,
    /// What it adds to the baseline, of means and of medians.
    added: [Option<Estimate>; 2],
    paper: Option<netslices::RoundTrip>,
}

impl Row<'_> {
    /// Mean and deviation, us.
    fn seen(&self) -> Option<(f64, f64)> {
        let seen = self.moments?;
        Some((micros(seen.mean_ns), micros(seen.deviation_ns)))
    }

    fn is_whole(&self) -> bool {
        self.missing <= MISSING
    }
}

pub(crate) fn draw(run: &Run) -> Result<Drawing> {
    let trials = match usable(run) {
        Ok(trials) => trials,
        Err(skip) => return Ok(Drawing::Skipped(skip)),
    };
    if trials.settings.iter().all(|it| it.traffic.is_none()) {
        return Ok(Drawing::Skipped(Skip::NoRoundTrips));
    }
    let cells = trials.cells(&columns(trials))?;
    let groups: Vec<Vec<Row<'_>>> = cells
        .chunk_by(|a, b| a.setting == b.setting && a.load_rps == b.load_rps)
        .map(|cells| rows(trials, cells))
        .collect::<Result<_>>()?;
    let title = ("Round trips of frames", LEAD);
    let around = caption::of_trials(run, trials, &cells, Shows::Differences, title, legend());
    let names = groups.iter().flatten().map(|row| row.name.as_str());
    let widest = names.map(|name| TextStyle::new(LABEL).width(name));
    let most = groups.iter().map(Vec::len).max().unwrap_or(1);
    let heading = |(at, rows): (usize, &Vec<Row<'_>>)| (at, heading(trials, rows));
    let grid = Grid {
        rows: groups.len(),
        columns: 3,
        row_height: (most as f64 * 40.0 + 90.0).max(200.0),
        names_width: widest.fold(0.0, f64::max),
        headings: groups.iter().enumerate().map(heading).collect(),
    };
    let mut page = Page::lay_out(&around, &grid);
    for (at, rows) in groups.iter().enumerate() {
        let places = [0, 1, 2].map(|column| page.panels[3 * at + column]);
        measured(&mut page.scene, places[0], rows);
        published(&mut page.scene, places[1], rows);
        added(&mut page.scene, places[2], rows);
    }
    Ok(Drawing::picture(page.scene, data(trials, &groups)))
}

/// The columns that the run has: those recorded before there was a length of bursts have all others.
fn columns(trials: &Trials) -> Vec<Expr> {
    let known = COLUMNS.into_iter().filter(|name| trials.has_column(name));
    known.map(col).collect()
}

/// What all trials of a cell have alike in a column of [`COLUMNS`].
fn alike(cell: &Cell, column: usize) -> Option<f64> {
    cell.values.get(column)?.iter().copied().flatten().next()
}

fn legend() -> Vec<Entry> {
    let mark = |colour, marker, filled, text: &str| {
        Entry::new(Sample::Marker(colour, marker, filled), text)
    };
    vec![
        Entry::new(Sample::Heading, "mean and deviation"),
        mark(MEANS, Marker::Circle, true, "here"),
        mark(MEANS, Marker::Circle, false, "here, some missing"),
        mark(Rgb::REFERENCE, Marker::Diamond, false, "NetSlices'12"),
        Entry::new(Sample::Heading, "added to the kernel"),
        mark(MEANS, Marker::Circle, true, "means"),
        mark(medians(), Marker::Square, true, "medians"),
        mark(Rgb::REFERENCE, Marker::Diamond, false, "NetSlices'12"),
        Entry::new(Sample::Line(Rgb::REFERENCE, Dash::Long, None), "28 µs"),
    ]
}

fn medians() -> Rgb {
    colour(1)
}

/// What is the same for the rows of a panel.
fn heading(trials: &Trials, rows: &[Row<'_>]) -> String {
    let cell = rows[0].cell;
    let setting = trials.settings[cell.setting].describe();
    format!("{setting} · {}", (trials.load_title)(cell.load_rps))
}

/// The rows of one setting at one load, whose cells come in the order of series.
fn rows<'a>(trials: &Trials, cells: &'a [Cell]) -> Result<Vec<Row<'a>>> {
    let seen: Vec<Vec<Histogram>> = cells
        .iter()
        .map(|cell| trials.histograms(cell))
        .collect::<Result<_>>()?;
    let is_baseline = |cell: &Cell| trials.systems[cell.series] == BASELINE.name();
    let baseline = cells.iter().position(is_baseline);
    let traffic = trials.settings[cells[0].setting].traffic.as_ref();
    let row = |(cell, blocks): (&'a Cell, &Vec<Histogram>)| {
        let mut all = Histogram::default();
        blocks.iter().for_each(|block| all.merge(block));
        let missing = all.unanswered() as f64 / all.count().max(1) as f64;
        let name = trials.name(cell.series);
        let name = match percent(missing) {
            Some(percent) => format!("{name}, {percent} missing"),
            None => name,
        };
        let to = baseline.filter(|_| !is_baseline(cell));
        let to = to.map(|at| (&cells[at], &seen[at]));
        Row {
            cell,
            name,
            moments: all.moments(),
            missing,
            added: to.map_or([None; 2], |to| over((cell, blocks), to)),
            paper: traffic.and_then(|it| paper(it, cell, &trials.systems[cell.series])),
        }
    };
    Ok(cells.iter().zip(&seen).map(row).collect())
}

/// A share in words, where it is one.
fn percent(share: f64) -> Option<String> {
    match share * 100.0 {
        0.0 => None,
        percent if percent < 0.1 => Some("below 0.1%".to_owned()),
        percent => Some(format!("{percent:.1}%")),
    }
}

/// What one cell has more than another, us, of means and of medians. Means of blocks that miss too many are none.
fn over(of: (&Cell, &Vec<Histogram>), to: (&Cell, &Vec<Histogram>)) -> [Option<Estimate>; 2] {
    let mean = |block: &Histogram| {
        let missing = block.unanswered() as f64 / block.count().max(1) as f64;
        let seen = block.moments().filter(|_| missing <= MISSING)?;
        Some(micros(seen.mean_ns))
    };
    let means = |(cell, blocks): (&Cell, &Vec<Histogram>)| {
        let means: Vec<Option<f64>> = blocks.iter().map(mean).collect();
        of_blocks(&cell.values[0], &means)
    };
    let medians = |(cell, _): (&Cell, &Vec<Histogram>)| {
        let median = |ns: &Option<f64>| Some(ns.map_or(f64::INFINITY, micros));
        let medians: Vec<Option<f64>> = cell.values[1].iter().map(median).collect();
        of_blocks(&cell.values[0], &medians)
    };
    [
        difference(&means(of), &means(to)),
        difference(&medians(of), &medians(to)),
    ]
}

fn difference(of: &[(f64, f64)], to: &[(f64, f64)]) -> Option<Estimate> {
    let (of, to) = pairs(of, to);
    let differences = of.iter().zip(&to).map(|(of, to)| of - to);
    // Of two medians beyond the timeout nothing is known.
    let known: Vec<f64> = differences.filter(|it| !it.is_nan()).collect();
    estimate_median(&known, SEED)
}

/// The row of the paper's table that a cell is measured like.
fn paper(traffic: &Traffic, cell: &Cell, system: &str) -> Option<netslices::RoundTrip> {
    let (batch, burst) = (alike(cell, 2).map(|it| it as u16), alike(cell, 3)?);
    let every_us = burst * 1e6 / cell.load_rps;
    let of_table = traffic.processor == ProcessorKind::Router.name()
        && traffic.frame_bytes >= FULL_FRAME
        && (every_us - EVERY_US).abs() < 1e-6;
    let same = |row: &&netslices::RoundTrip| {
        row.system.name() == system && row.batch == batch && f64::from(row.packets) == burst
    };
    ROUND_TRIPS.iter().find(same).copied().filter(|_| of_table)
}

/// An axis of microseconds: logarithmic where the values span far more than a decade.
fn axis(low: f64, high: f64) -> Axis {
    if low > 0.0 && high / low > WIDE {
        Axis::log("µs", low, high)
    } else {
        Axis::linear("µs", low.min(0.0), high * 1.05, 4)
    }
}

/// A mark at a value with what lies around it, in the row `at`.
fn mark(
    panel: &Panel,
    scene: &mut Scene,
    at: f64,
    (value, low, high): (f64, f64, f64),
    (marker, colour, filled): (Marker, Rgb, bool),
) {
    let place = |value: f64| panel.at(value, at);
    panel.whisker(scene, place(value), place(low), place(high), colour);
    scene.marker(place(value), marker, 4.5, colour, filled);
}

/// Mean and deviation of what was measured.
fn measured(scene: &mut Scene, place: Rect, rows: &[Row<'_>]) {
    let seen = || rows.iter().filter_map(Row::seen);
    let low = seen().map(|(mean, _)| mean).fold(f64::INFINITY, f64::min);
    let high = seen().map(|(mean, deviation)| mean + deviation);
    let names = Axis::rows(rows.iter().map(|row| row.name.clone()));
    let x = axis(low, high.fold(0.0, f64::max));
    let panel = Panel::new(place, "round trip here", x, names, Strip::None);
    panel.frame(scene);
    for (at, row) in rows.iter().enumerate() {
        if let Some((mean, deviation)) = row.seen() {
            let around = (mean, (mean - deviation).max(0.0), mean + deviation);
            let look = (Marker::Circle, MEANS, row.is_whole());
            mark(&panel, scene, at as f64, around, look);
        }
    }
}

/// The same of the paper's table.
fn published(scene: &mut Scene, place: Rect, rows: &[Row<'_>]) {
    let known = || rows.iter().filter_map(|row| row.paper);
    let high = known().map(|row| row.mean_us + row.deviation_us);
    let y = Axis::rows(rows.iter().map(|_| String::new())).unlabelled();
    let x = axis(0.0, high.fold(1.0, f64::max));
    let panel = Panel::new(place, "NetSlices'12, Table 1", x, y, Strip::None);
    panel.frame(scene);
    if known().next().is_none() {
        panel.note(scene, &["no row of the table", "is like these"]);
    }
    for (at, row) in rows.iter().enumerate() {
        if let Some(paper) = row.paper {
            let (mean, deviation) = (paper.mean_us, paper.deviation_us);
            let around = (mean, mean - deviation, mean + deviation);
            let look = (Marker::Diamond, Rgb::REFERENCE, false);
            mark(&panel, scene, at as f64, around, look);
        }
    }
}

/// What each adds to the kernel, of means, of medians, and in the paper.
fn added(scene: &mut Scene, place: Rect, rows: &[Row<'_>]) {
    let limit = ADDED_ROUND_TRIP_AT_MOST.value;
    let ours = || rows.iter().flat_map(|row| row.added).flatten();
    let ends = || ours().flat_map(|it| [it.low, it.value, it.high]);
    let beyond = ends().any(f64::is_infinite);
    let finite = || ends().filter(|end| end.is_finite());
    let high = finite().fold(limit * 1.2, f64::max);
    // A difference may be below 0, where a logarithmic axis has no place: it begins at 1 µs.
    let x = match high > WIDE * limit {
        true => axis(1.0, high),
        false => axis(finite().fold(0.0, f64::min), high),
    };
    let strip = if beyond { Strip::Right } else { Strip::None };
    let y = Axis::rows(rows.iter().map(|_| String::new())).unlabelled();
    let panel = Panel::new(place, "added", x, y, strip);
    panel.frame(scene);
    let line = [-0.5, rows.len() as f64 - 0.5].map(|row| panel.at(limit, row));
    scene.dashed(&line, Dash::Long, 1.4, Rgb::REFERENCE);
    if ours().next().is_none() {
        panel.note(scene, &["no kernel_forward", "to compare with"]);
    }
    for (at, row) in rows.iter().enumerate() {
        let looks = [(Marker::Circle, MEANS), (Marker::Square, medians())];
        for (nth, (estimate, (marker, colour))) in row.added.iter().zip(looks).enumerate() {
            if let Some(it) = estimate {
                let place = at as f64 + [-0.24, 0.0][nth];
                let around = (it.value, it.low, it.high);
                mark(&panel, scene, place, around, (marker, colour, true));
            }
        }
        if let Some(us) = row.paper.and_then(|row| row.added_us()) {
            let place = panel.at(us, at as f64 + 0.24);
            scene.marker(place, Marker::Diamond, 4.5, Rgb::REFERENCE, false);
        }
    }
}

fn data(trials: &Trials, groups: &[Vec<Row<'_>>]) -> Data {
    let mut data = Data::by_cell([
        "offered_rps",
        "burst",
        "batch",
        "mean_us",
        "deviation_us",
        "missing_share",
        "added",
        "added_us",
        "low_us",
        "high_us",
        "blocks",
        "spread",
        "paper_mean_us",
        "paper_deviation_us",
        "paper_added_us",
    ]);
    let text = |value: Option<f64>| value.map(|it| it.to_string()).unwrap_or_default();
    for row in groups.iter().flatten() {
        for (of, added) in ["means", "medians"].iter().zip(&row.added) {
            let known = [
                text(alike(row.cell, 3)),
                text(alike(row.cell, 2)),
                text(row.seen().map(|(mean, _)| mean)),
                text(row.seen().map(|(_, deviation)| deviation)),
                row.missing.to_string(),
                (*of).to_owned(),
            ];
            let mut fields = trials.row(row.cell, known);
            fields.extend(estimate_fields(added.as_ref()));
            fields.extend([
                text(row.paper.map(|paper| paper.mean_us)),
                text(row.paper.map(|paper| paper.deviation_us)),
                text(row.paper.and_then(|paper| paper.added_us())),
            ]);
            data.push(fields);
        }
    }
    data
}
