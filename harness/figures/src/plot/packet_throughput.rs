//! What packet systems deliver of as many frames as a generator can make: the shape of Figures 4 and 7 of NetSlices
//! (Marian, Lee, Weatherspoon, ANCS 2012).
//!
//! The paper's rates are of 10 GbE between machines, and share no axis with ours. What can be compared are ratios within
//! each: beside the bars, every system over `netslice`, here and in the paper.

use analysis::netslices::{self, Queues};
use polars::prelude::col;
use spec::{ProcessorKind, SystemKind};
use stats::Estimate;

use crate::canvas::axis::Axis;
use crate::canvas::font::TextStyle;
use crate::canvas::page::{Entry, Grid, Page, Sample as Look};
use crate::canvas::panel::{LABEL, Panel, Strip};
use crate::canvas::scene::{Rect, Scene};
use crate::canvas::style::{Dash, Marker, Rgb};
use crate::caption::{self, Shows};
use crate::data::{Data, estimate_fields};
use crate::error::Result;
use crate::figure::{Drawing, Skip};
use crate::run::{Cell, Run, Traffic, Trials};

use super::bars::{self, Bar};
use super::{FULL_FRAME, estimate, forwarded};

const DELIVERED: Rgb = Rgb(0x00, 0x72, 0xb2);

/// The system that the paper and every figure of throughput here have in common.
const BASELINE: &str = "netslice";

const LEAD: &str = "UDP payload delivered while frames came as fast as a generator made them. Right: each system over netslice, \
                    blocks in pairs; diamonds: the same ratio in NetSlices'12, Figures 4 and 7, for full-size frames on one \
                    and on all eight queues (its RouteBricks for xdp_forward and kernel_ipsec). Its rates are of 10 GbE \
                    and other machines; they are in the CSV and share no axis with ours.";

/// The columns of trials.csv, in the order of a cell's values.
const COLUMNS: [&str; 2] = ["payload_gbps", "block"];

/// One system in one panel.
struct Row<'a> {
    cell: &'a Cell,
    gbps: Option<Estimate>,
    /// Over the baseline.
    ratio: Option<Estimate>,
    /// The paper's rate and its ratio to the baseline's, where it gives both.
    paper: Option<(f64, f64)>,
}

pub(crate) fn draw(run: &Run) -> Result<Drawing> {
    let trials = match forwarded(run) {
        Ok(trials) => trials,
        Err(skip) => return Ok(Drawing::Skipped(skip)),
    };
    let mut cells = trials.cells(&COLUMNS.map(col))?;
    cells.retain(|cell| cell.load_rps.is_infinite());
    if cells.is_empty() {
        return Ok(Drawing::Skipped(Skip::NotSaturated));
    }
    let settings: Vec<Vec<Row<'_>>> = cells
        .chunk_by(|a, b| a.setting == b.setting)
        .map(|cells| rows(trials, cells))
        .collect();
    let mut legend = vec![
        Entry::new(Look::Bar(DELIVERED), "delivered"),
        Entry::new(Look::Heading, "over netslice"),
        Entry::new(Look::Marker(DELIVERED, Marker::Circle, true), "here"),
    ];
    if settings.iter().flatten().any(|row| row.paper.is_some()) {
        let theirs = Look::Marker(Rgb::REFERENCE, Marker::Diamond, false);
        legend.push(Entry::new(theirs, "NetSlices'12"));
    }
    let title = ("Throughput of packet systems", LEAD);
    let around = caption::of_trials(run, trials, &cells, Shows::Whiskers, title, legend);
    let name = |row: &Row<'_>| trials.name(row.cell.series);
    let names = settings.iter().flatten().map(name);
    let widest = names.map(|name| TextStyle::new(LABEL).width(&name));
    let most = settings.iter().map(Vec::len).max().unwrap_or(1);
    let heading =
        |(at, rows): (usize, &Vec<Row<'_>>)| (at, trials.settings[rows[0].cell.setting].describe());
    let headings = settings.iter().enumerate().map(heading).collect();
    let grid = Grid {
        rows: settings.len(),
        columns: 2,
        row_height: (most as f64 * 30.0 + 90.0).max(200.0),
        names_width: widest.fold(0.0, f64::max),
        headings: if settings.len() > 1 {
            headings
        } else {
            Vec::new()
        },
    };
    let mut page = Page::lay_out(&around, &grid);
    let reach = ratios_of(&settings);
    for (at, rows) in settings.iter().enumerate() {
        let names: Vec<String> = rows.iter().map(name).collect();
        rates(&mut page.scene, page.panels[2 * at], rows, &names);
        ratios(&mut page.scene, page.panels[2 * at + 1], rows, reach);
    }
    Ok(Drawing::picture(page.scene, data(trials, &settings)))
}

/// The rows of one setting, whose cells come in the order of series.
fn rows<'a>(trials: &Trials, cells: &'a [Cell]) -> Vec<Row<'a>> {
    let plain = |cell: &&Cell| trials.series[cell.series].label == BASELINE;
    let design = |cell: &&Cell| trials.systems[cell.series] == BASELINE;
    let baseline = cells.iter().find(plain).or(cells.iter().find(design));
    let traffic = trials.settings[cells[0].setting].traffic.as_ref();
    // A slice with other options is not what the paper's number is of.
    let varied = |cell: &Cell| {
        design(&cell) && baseline.is_some_and(|baseline| baseline.series != cell.series)
    };
    let row = |cell: &'a Cell| Row {
        cell,
        gbps: estimate(&cell.values[0]),
        ratio: baseline.and_then(|baseline| super::ratio(cell, baseline)),
        paper: traffic
            .filter(|_| !varied(cell))
            .and_then(|traffic| paper(traffic, &trials.systems[cell.series])),
    };
    cells.iter().map(row).collect()
}

/// What the paper gives for a system, Gb/s, and over its NetSlice.
fn paper(traffic: &Traffic, system: &str) -> Option<(f64, f64)> {
    let processors = ProcessorKind::ALL;
    let processor = processors
        .into_iter()
        .find(|it| it.name() == traffic.processor)?;
    let named = |name: &str| SystemKind::ALL.into_iter().find(|it| it.name() == name);
    let queues = match traffic.queues {
        1 => Queues::Single,
        _ => Queues::All,
    };
    if traffic.frame_bytes < FULL_FRAME {
        return None;
    }
    let gbps = netslices::gbps(processor, queues, named(system)?)?;
    let baseline = netslices::gbps(processor, queues, SystemKind::Netslice)?;
    Some((gbps, gbps / baseline))
}

/// Bars of what was delivered.
fn rates(scene: &mut Scene, place: Rect, rows: &[Row<'_>], names: &[String]) {
    let bars: Vec<Bar> = rows
        .iter()
        .map(|row| Bar {
            stack: row.gbps.iter().map(|it| (it.value, DELIVERED)).collect(),
            apart: Vec::new(),
            whole: row.gbps,
        })
        .collect();
    let reach = bars.iter().map(Bar::reach).fold(0.0, f64::max);
    let x = Axis::linear("UDP payload (Gb/s)", 0.0, reach * 1.04, 4);
    let y = Axis::rows(names.iter().cloned());
    let panel = Panel::new(place, "delivered", x, y, Strip::None);
    panel.frame(scene);
    for (at, bar) in bars.iter().enumerate() {
        bars::row(&panel, scene, at as f64, bar);
    }
}

/// What the ratios of all panels span.
fn ratios_of(settings: &[Vec<Row<'_>>]) -> (f64, f64) {
    let rows = settings.iter().flatten();
    let ours = rows
        .clone()
        .filter_map(|row| row.ratio)
        .flat_map(|it| [it.low, it.high]);
    let theirs = rows.filter_map(|row| row.paper).map(|(_, ratio)| ratio);
    let drawn = ours
        .chain(theirs)
        .filter(|ratio| ratio.is_finite() && *ratio > 0.0);
    drawn.fold((0.9, 1.1), |(low, high), it| (low.min(it), high.max(it)))
}

/// Marks of each system over the baseline, the paper's below ours.
fn ratios(scene: &mut Scene, place: Rect, rows: &[Row<'_>], (low, high): (f64, f64)) {
    let x = Axis::log("ratio", low, high);
    let y = Axis::rows(rows.iter().map(|_| String::new()));
    let panel = Panel::new(place, "over netslice", x, y.unlabelled(), Strip::None);
    panel.frame(scene);
    if rows.iter().all(|row| row.ratio.is_none()) {
        panel.note(scene, &["no netslice", "to compare with"]);
        return;
    }
    let ends = [-0.5, rows.len() as f64 - 0.5].map(|row| panel.at(1.0, row));
    scene.dashed(&ends, Dash::Dots, 1.2, Rgb::AXIS);
    for (at, row) in rows.iter().enumerate() {
        if let Some(ratio) = row.ratio.filter(|ratio| ratio.value > 0.0) {
            let place = |value| panel.at(value, at as f64 - 0.14);
            let middle = place(ratio.value);
            panel.whisker(
                scene,
                middle,
                place(ratio.low),
                place(ratio.high),
                DELIVERED,
            );
            scene.marker(middle, Marker::Circle, 4.5, DELIVERED, true);
        }
        if let Some((_, ratio)) = row.paper {
            let place = panel.at(ratio, at as f64 + 0.22);
            scene.marker(place, Marker::Diamond, 5.0, Rgb::REFERENCE, false);
        }
    }
}

fn data(trials: &Trials, settings: &[Vec<Row<'_>>]) -> Data {
    let mut data = Data::by_cell([
        "load",
        "payload_gbps",
        "low_gbps",
        "high_gbps",
        "blocks",
        "spread",
        "over_netslice",
        "over_netslice_low",
        "over_netslice_high",
        "paper_gbps",
        "paper_over_netslice",
    ]);
    let cell = |value: Option<f64>| value.map(|value| value.to_string()).unwrap_or_default();
    for row in settings.iter().flatten() {
        let mut fields = trials.row(row.cell, estimate_fields(row.gbps.as_ref()));
        fields.extend([
            cell(row.ratio.map(|it| it.value)),
            cell(row.ratio.map(|it| it.low)),
            cell(row.ratio.map(|it| it.high)),
            cell(row.paper.map(|(gbps, _)| gbps)),
            cell(row.paper.map(|(_, ratio)| ratio)),
        ]);
        data.push(fields);
    }
    data
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packets::{Packets, SATURATED};
    use crate::synthetic::Synthetic;
    use crate::tests::assert_legible;

    #[test]
    fn a_run_of_requests_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let requests = Synthetic {
            topologies: &["veth"],
            loads: &[20e3],
            blocks: 1,
        };
        requests.write(folder.path());
        let run = Run::read(folder.path()).unwrap();
        assert!(matches!(
            draw(&run).unwrap(),
            Drawing::Skipped(Skip::NoFrames)
        ));
    }

    #[test]
    fn each_system_stands_beside_the_papers_ratio() {
        let folder = tempfile::tempdir().unwrap();
        Packets::SATURATED.write(folder.path());
        let mut run = Run::read(folder.path()).unwrap();
        assert!(
            run.saturated.as_ref().unwrap().series.is_empty(),
            "frames are no requests"
        );
        let Drawing::Picture(picture) = draw(&run).unwrap() else {
            panic!("there is throughput to draw");
        };
        assert_legible("packet_throughput", &picture.scene);
        let trials = run.forwarded.as_ref().unwrap();
        let cells = trials.cells(&COLUMNS.map(col)).unwrap();
        let one_queue = trials.settings.iter().position(|setting| {
            let traffic = setting.traffic.as_ref().unwrap();
            traffic.queues == 1 && traffic.frame_bytes == 1514
        });
        let cells: Vec<Cell> = cells
            .into_iter()
            .filter(|it| Some(it.setting) == one_queue)
            .collect();
        let rows = rows(trials, &cells);
        assert_eq!(rows.len(), SATURATED.len());
        for row in &rows {
            let system = trials.systems[row.cell.series].as_str();
            let made_up = |name: &str| {
                SATURATED
                    .iter()
                    .find(|(system, _)| *system == name)
                    .unwrap()
                    .1
            };
            let ratio = row.ratio.unwrap().value;
            let expected = made_up(system) / made_up("netslice");
            assert!((ratio / expected - 1.0).abs() < 0.02, "{system}: {ratio}");
            let theirs = row.paper.map(|(_, ratio)| ratio);
            match system {
                "kernel_forward" => assert!((theirs.unwrap() - 1.0 / 0.74).abs() < 1e-9),
                "netslice" => assert!((theirs.unwrap() - 1.0).abs() < 1e-12),
                "pcap_mmap" => assert!((theirs.unwrap() - 1.0 / 11.0).abs() < 1e-9),
                other => assert_eq!(theirs, None, "{other}"),
            }
        }
        // A slice under another label has options of its own, of which the paper gives no number.
        let at = trials.systems.iter().position(|it| it == "kernel_forward");
        run.forwarded.as_mut().unwrap().systems[at.unwrap()] = BASELINE.to_owned();
        let rows = super::rows(run.forwarded.as_ref().unwrap(), &cells);
        let theirs = rows.iter().filter_map(|row| row.paper);
        assert_eq!(theirs.count(), 2, "netslice and pcap_mmap");
    }
}
