//! What changes with a swept quantity: latency, CPU time and handoffs against the size of keys, the
//! skew, the number of owners, and whatever else the spec sweeps. A row for each load and each
//! combination of what is swept besides.

mod paper;

use std::collections::BTreeSet;

use polars::prelude::col;
use spec::Counted;
use stats::Estimate;

use crate::canvas::axis::Axis;
use crate::canvas::page::{Grid, Page};
use crate::canvas::panel::{Panel, Strip};
use crate::canvas::scene::{Rect, Scene};
use crate::caption::{self, Shows};
use crate::data::{Data, estimate_fields};
use crate::error::Result;
use crate::facets;
use crate::figure::{Drawing, Skip};
use crate::run::{Cell, Run, Trials, one};

use super::estimate;
use super::lines::{aside, line, range};

/// The unit of a quantity.
#[derive(Clone, Copy)]
enum Unit {
    /// The same, whatever is counted.
    Plain(&'static str),
    /// So much of this for each request or frame.
    Each(&'static str),
    /// How many for each.
    Times,
    /// Thousands of them a second.
    Rate,
}

impl Unit {
    /// As titles and files name it.
    fn name(self, of: Counted) -> String {
        match self {
            Self::Plain(unit) => unit.to_owned(),
            Self::Each(unit) => format!("{unit}/{}", one(of)),
            Self::Times => format!("per {}", one(of)),
            Self::Rate => format!("k{}", of.base()),
        }
    }
}

/// One column of panels.
struct Quantity {
    name: &'static str,
    unit: Unit,
    /// The column of trials.csv, over `per` where there is one.
    column: &'static str,
    per: Option<&'static str>,
    /// What an estimate of the table is multiplied by.
    scale: f64,
    /// An empty cell lies beyond the timeout; the axis is logarithmic.
    latency: bool,
}

const fn percentile(name: &'static str, column: &'static str) -> Quantity {
    Quantity {
        name,
        unit: Unit::Plain("µs"),
        column,
        per: None,
        scale: 1e-3,
        latency: true,
    }
}

/// A column as it stands, times `scale`.
const fn plain(name: &'static str, unit: Unit, column: &'static str, scale: f64) -> Quantity {
    Quantity {
        name,
        unit,
        column,
        per: None,
        scale,
        latency: false,
    }
}

const CPU: Quantity = plain("CPU time", Unit::Each("ns"), "cpu_ns_per_request", 1.0);

const HANDOFFS: Quantity = Quantity {
    per: Some("requests_executed"),
    ..plain("handoffs", Unit::Times, "handoffs", 1.0)
};

const ACHIEVED: Quantity = plain("answered", Unit::Rate, "achieved_rps", 1e-3);

/// Where the client sends, or waits for replies.
const LATENCIES: [Quantity; 4] = [
    percentile("median latency", "p50_ns"),
    percentile("99th percentile", "p99_ns"),
    CPU,
    HANDOFFS,
];

/// Where requests wait before the clock starts, a latency says nothing.
const DRAINED: [Quantity; 3] = [ACHIEVED, CPU, HANDOFFS];

/// Of frames that go one way.
const FORWARDED: [Quantity; 3] = [
    plain(
        "payload delivered",
        Unit::Plain("Gb/s"),
        "payload_gbps",
        1.0,
    ),
    plain("k-peers busy", Unit::Plain("CPUs"), "k_peer_cpus", 1.0),
    plain("u-peers busy", Unit::Plain("CPUs"), "u_peer_cpus", 1.0),
];

/// What only some systems have: drawn where a trial has it.
const OF_SOME: [Quantity; 2] = [
    plain(
        "hits of the cache in the path",
        Unit::Plain("% of gets"),
        "cache_hit_ratio",
        100.0,
    ),
    plain(
        "CPU time of the dispatcher",
        Unit::Each("ns"),
        "dispatcher_cpu_ns_per_request",
        1.0,
    ),
];

/// What packets take of their memory, and what that does to the rate: drawn where their size is swept.
const OF_PACKETS: [Quantity; 2] = [
    plain(
        "packet memory left unused",
        Unit::Each("B"),
        "unused_bytes_per_request",
        1.0,
    ),
    ACHIEVED,
];

/// Panels side by side.
const ACROSS: usize = 4;

const LEAD: &str = "Each row sweeps one quantity and keeps the rest of its heading. CPU time is that of the system's \
                    threads and NAPI. Series are moved a little sideways to keep marks apart.";

/// One row of panels: what is swept, and the cells with their places on that axis.
struct Row<'a> {
    axis: String,
    heading: String,
    cells: Vec<(f64, &'a Cell)>,
}

pub(crate) fn draw(run: &Run) -> Result<Drawing> {
    let drained: &[Quantity] = &DRAINED;
    let kinds = [
        (&run.trials, LATENCIES.as_slice()),
        (&run.closed, LATENCIES.as_slice()),
        (&run.drains, drained),
        (&run.saturated, drained),
        (&run.forwarded, FORWARDED.as_slice()),
    ];
    let recorded = || {
        kinds
            .iter()
            .filter_map(|(trials, of)| Some((trials.as_ref()?, *of)))
    };
    if !run.capacity.is_empty() {
        return Ok(Drawing::Skipped(Skip::Search));
    }
    if recorded().next().is_none() {
        return Ok(Drawing::Skipped(Skip::NoTrials));
    }
    let swept = recorded().find(|(trials, _)| !axes(trials).is_empty());
    let Some((trials, quantities)) = swept else {
        return Ok(Drawing::Skipped(Skip::NoSweep));
    };
    let mut quantities: Vec<&Quantity> = quantities.iter().collect();
    quantities.extend(further(trials));
    let value = |quantity: &&Quantity| match quantity.per {
        None => col(quantity.column),
        Some(per) => col(quantity.column) / col(per),
    };
    let cells = trials.cells(&quantities.iter().map(value).collect::<Vec<_>>())?;
    let rows = rows(trials, &cells);
    let published: Vec<_> = rows.iter().map(|row| paper::beside(trials, row)).collect();
    let lead = match published.iter().all(Vec::is_empty) {
        true => LEAD.to_owned(),
        false => format!("{LEAD}{}", paper::LEAD),
    };
    let title = ("What changes with what is swept", lead.as_str());
    let legend = facets::legend(trials, true);
    let around = caption::of_trials(run, trials, &cells, Shows::Whiskers, title, legend);
    let beside = usize::from(published.iter().any(|of| !of.is_empty()));
    let columns = (quantities.len() + beside).min(ACROSS);
    let lines = (quantities.len() + beside).div_ceil(columns);
    let heading = |(at, row): (usize, &Row<'_>)| (at * lines, row.heading.clone());
    let grid = Grid {
        rows: rows.len() * lines,
        columns,
        row_height: 260.0,
        headings: rows.iter().enumerate().map(heading).collect(),
        ..Grid::default()
    };
    let mut page = Page::lay_out(&around, &grid);
    for (at, row) in rows.iter().enumerate() {
        for (nth, quantity) in quantities.iter().copied().enumerate() {
            let place = page.panels[at * lines * columns + nth];
            panel(&mut page.scene, place, trials, row, (nth, quantity));
        }
        if !published[at].is_empty() {
            let place = page.panels[at * lines * columns + quantities.len()];
            paper::panel(&mut page.scene, place, &published[at]);
        }
    }
    Ok(Drawing::picture(
        page.scene,
        data(trials, &rows, &quantities),
    ))
}

/// What is drawn besides, if it was recorded.
fn further(trials: &Trials) -> impl Iterator<Item = &'static Quantity> {
    let of_packets = if axes(trials).contains("value_size") {
        OF_PACKETS.as_slice()
    } else {
        &[]
    };
    let further = OF_SOME.iter().chain(of_packets);
    further.filter(|quantity| trials.has_values(quantity.column))
}

/// The swept quantities of which at least two values were recorded.
fn axes(trials: &Trials) -> BTreeSet<String> {
    let mut values: BTreeSet<(String, u64)> = BTreeSet::new();
    for setting in &trials.settings {
        let numbers = setting.swept.numbers();
        values.extend(numbers.map(|(name, value)| (name.to_owned(), value.to_bits())));
    }
    let several = |name: &&String| values.iter().filter(|(other, _)| other == *name).count() > 1;
    let names: BTreeSet<&String> = values.iter().map(|(name, _)| name).collect();
    names.into_iter().filter(several).cloned().collect()
}

/// The rows: for each axis, the cells that differ in nothing else but the series.
fn rows<'a>(trials: &Trials, cells: &'a [Cell]) -> Vec<Row<'a>> {
    let mut rows: Vec<Row<'a>> = Vec::new();
    for axis in axes(trials) {
        let first = rows.len();
        for cell in cells {
            let setting = &trials.settings[cell.setting];
            let Some((_, value)) = setting.swept.numbers().find(|(name, _)| *name == axis) else {
                continue;
            };
            let load = (trials.load_title)(cell.load_rps);
            let heading = format!(
                "{} · {load} · {}",
                words(&axis),
                setting.describe_without(&[axis.as_str()])
            );
            match rows[first..].iter_mut().find(|row| row.heading == heading) {
                Some(row) => row.cells.push((value, cell)),
                None => rows.push(Row {
                    axis: axis.clone(),
                    heading,
                    cells: vec![(value, cell)],
                }),
            }
        }
    }
    rows
}

/// An axis in words, with its unit.
fn words(axis: &str) -> String {
    match axis {
        "theta" => "Zipf exponent".to_owned(),
        "get_ratio" => "share of gets".to_owned(),
        "key_size" => "key size (B)".to_owned(),
        "value_size" => "value size (B)".to_owned(),
        "multi_get" => "keys of a get".to_owned(),
        "steering_cost" => "work for each frame (ns)".to_owned(),
        "frame_size" => "length of a frame (B)".to_owned(),
        "loss" => "frames that the link loses (%)".to_owned(),
        "loss_burst" => "frames that it loses together".to_owned(),
        "batch" => "frames of a batch".to_owned(),
        other => other.replace('_', " "),
    }
}

fn estimated(cell: &Cell, (nth, quantity): (usize, &Quantity)) -> Option<Estimate> {
    let value = |value: &Option<f64>| match value {
        None if quantity.latency => Some(f64::INFINITY),
        value => value.map(|value| value * quantity.scale),
    };
    estimate(&cell.values[nth].iter().map(value).collect::<Vec<_>>())
}

fn panel(
    scene: &mut Scene,
    place: Rect,
    trials: &Trials,
    row: &Row<'_>,
    quantity: (usize, &Quantity),
) {
    let points = |series: usize| -> Vec<(f64, Estimate)> {
        let of_series = row.cells.iter().filter(|(_, cell)| cell.series == series);
        of_series
            .filter_map(|(value, cell)| Some((*value, estimated(cell, quantity)?)))
            .collect()
    };
    let all: Vec<Estimate> = (0..trials.series.len())
        .flat_map(|series| points(series).into_iter().map(|(_, estimate)| estimate))
        .collect();
    let (low, high, beyond) = range(all.iter().copied());
    let Quantity { name, latency, .. } = *quantity.1;
    let unit = quantity.1.unit.name(trials.counted());
    let y = if latency {
        Axis::log(unit, low, high)
    } else {
        let top = all.iter().map(|e| e.high).fold(0.0, f64::max);
        Axis::linear(unit, 0.0, if top > 0.0 { top * 1.08 } else { 1.0 }, 4)
    };
    let strip = if beyond { Strip::Top } else { Strip::None };
    let panel = Panel::new(place, name, across(row), y, strip);
    panel.frame(scene);
    for series in 0..trials.series.len() {
        let aside = aside(series, trials.series.len());
        line(
            &panel,
            scene,
            &points(series),
            aside,
            facets::look(trials, series),
        );
    }
}

/// The axis of a row: logarithmic where the values span most of a decade.
fn across(row: &Row<'_>) -> Axis {
    let values = || row.cells.iter().map(|(value, _)| *value);
    let (low, high) = (
        values().fold(f64::INFINITY, f64::min),
        values().fold(0.0, f64::max),
    );
    let title = words(&row.axis);
    if low > 0.0 && high / low >= 8.0 {
        Axis::log(title, low, high)
    } else {
        Axis::linear(title, 0.0, high * 1.08, 4)
    }
}

fn data(trials: &Trials, rows: &[Row<'_>], quantities: &[&Quantity]) -> Data {
    let mut data = Data::by_cell([
        "load", "swept", "at", "quantity", "unit", "value", "low", "high", "blocks", "spread",
    ]);
    for row in rows {
        for (value, cell) in &row.cells {
            for (nth, quantity) in quantities.iter().copied().enumerate() {
                let what = [
                    row.axis.clone(),
                    value.to_string(),
                    quantity.name.to_owned(),
                    quantity.unit.name(trials.counted()),
                ];
                let mut fields = trials.row(cell, what);
                fields.extend(estimate_fields(estimated(cell, (nth, quantity)).as_ref()));
                data.push(fields);
            }
        }
    }
    data
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::synthetic::{Synthetic, set_column};
    use crate::tests::assert_legible;

    const SYNTHETIC: Synthetic<'static> = Synthetic {
        topologies: &["veth"],
        loads: &[20e3, 50e3],
        blocks: 4,
    };

    /// Blocks 1 and 2 with values of 64 bytes, 3 and 4 with 1 KiB; keys of two sizes across them.
    fn swept(row: usize, block: u32) -> String {
        let value = if block < 3 { "64 B" } else { "1 KiB" };
        let key = if row.is_multiple_of(2) { 16 } else { 200 };
        format!("key_size {key} B, value_size {value}")
    }

    #[test]
    fn cells_that_differ_in_what_was_swept_are_kept_apart() {
        let folder = tempfile::tempdir().unwrap();
        SYNTHETIC.write(folder.path());
        set_column(folder.path(), "swept", swept);
        let run = Run::read(folder.path()).unwrap();
        let trials = run.trials.as_ref().unwrap();
        assert_eq!(
            axes(trials).into_iter().collect::<Vec<_>>(),
            ["key_size", "value_size"]
        );
        let cells = trials.cells(&[col("block")]).unwrap();
        for cell in &cells {
            let of_1_kib = trials.settings[cell.setting].describe().contains("1 KiB");
            let later = cell.values[0]
                .iter()
                .all(|block| (*block >= Some(3.0)) == of_1_kib);
            assert!(later, "a cell has trials of both sizes: {cell:?}");
        }
        // Two axes, two loads, and the two values of the other axis.
        assert_eq!(rows(trials, &cells).len(), 8);
        let Drawing::Picture(picture) = draw(&run).unwrap() else {
            panic!("there is a sweep to draw");
        };
        assert_legible("over_sweep", &picture.scene);
    }

    #[test]
    fn a_run_without_a_sweep_says_so() {
        let folder = tempfile::tempdir().unwrap();
        SYNTHETIC.write(folder.path());
        let run = Run::read(folder.path()).unwrap();
        assert!(matches!(
            draw(&run).unwrap(),
            Drawing::Skipped(Skip::NoSweep)
        ));
    }
}
