//! CPU use of packet systems over the rate that they are offered: Table 2 of NetSlices (Marian, Lee, Weatherspoon, ANCS 2012) as
//! a picture, k-peer and u-peer apart.
//!
//! The paper's table stands in a panel of its own: its machine and its rates are others.

use std::collections::{BTreeMap, BTreeSet};

use analysis::netslices::{Busy, CPU_USE, CpuUse};
use polars::prelude::{DataType, Expr, col};
use stats::Estimate;

use crate::canvas::axis::Axis;
use crate::canvas::page::{Entry, Grid, Page, Sample};
use crate::canvas::panel::{Panel, Strip};
use crate::canvas::scene::{Rect, Scene};
use crate::canvas::style::{Dash, Marker, Rgb};
use crate::caption::{self, Shows};
use crate::data::{Data, estimate_fields};
use crate::error::Result;
use crate::facets::{self, Look};
use crate::figure::{Drawing, Skip};
use crate::run::{Cell, Run, Trials};

use super::lines::{aside, line};
use super::{estimate, forwarded};

const LEAD: &str = "CPUs that NAPI threads (k-peer) and the system's own threads (u-peer) kept busy, over the UDP payload that was \
                    offered. Where more is offered than delivered the use goes on as it can; what was delivered is in \
                    the CSV. Right: Table 2 of NetSlices'12, one slice on two CPUs of a Xeon X5570; whiskers: what it has behind ±.";

/// What is drawn of each system: the column, its name, how its line looks.
const PARTS: [(&str, &str, Dash); 3] = [
    ("total", "both", Dash::Solid),
    ("k_peer", "k-peer", Dash::Dots),
    ("u_peer", "u-peer", Dash::Long),
];

/// One system at one rate.
struct Point<'a> {
    cell: &'a Cell,
    offered_gbps: f64,
    delivered: Option<Estimate>,
    /// In the order of [`PARTS`].
    cpus: [Option<Estimate>; PARTS.len()],
}

pub(crate) fn draw(run: &Run) -> Result<Drawing> {
    let trials = match forwarded(run) {
        Ok(trials) => trials,
        Err(skip) => return Ok(Drawing::Skipped(skip)),
    };
    let [k_peer, u_peer, delivered] = ["k_peer_cpus", "u_peer_cpus", "payload_gbps"].map(number);
    let both = k_peer.clone() + u_peer.clone();
    let cells = trials.cells(&[both, k_peer, u_peer, delivered])?;
    let mut panels: BTreeMap<usize, Vec<Point<'_>>> = BTreeMap::new();
    for point in cells.iter().filter_map(|cell| point(trials, cell)) {
        panels.entry(point.cell.setting).or_default().push(point);
    }
    panels.retain(|_, points| rates(points).len() > 1);
    if panels.is_empty() {
        return Ok(Drawing::Skipped(Skip::NoRates));
    }
    let mut legend = facets::legend(trials, true);
    let parts = PARTS.map(|(_, name, dash)| Entry::new(Sample::Line(Rgb::INK, dash, None), name));
    legend.push(Entry::new(Sample::Heading, "CPUs busy"));
    legend.extend(parts);
    let title = ("CPU use over the rate", LEAD);
    let around = caption::of_trials(run, trials, &cells, Shows::Whiskers, title, legend);
    let grid = Grid {
        rows: panels.len(),
        columns: 2,
        row_height: 340.0,
        ..Grid::default()
    };
    let mut page = Page::lay_out(&around, &grid);
    for (row, (setting, points)) in panels.iter().enumerate() {
        let workload = trials.settings[*setting].workload();
        measured(
            &mut page.scene,
            page.panels[2 * row],
            trials,
            &workload,
            points,
        );
    }
    published(&mut page.scene, page.panels[1]);
    Ok(Drawing::picture(
        page.scene,
        data(trials, panels.values().flatten()),
    ))
}

/// A column of trials.csv, which is read as text, to compute with.
fn number(name: &str) -> Expr {
    col(name).cast(DataType::Float64)
}

fn point<'a>(trials: &Trials, cell: &'a Cell) -> Option<Point<'a>> {
    let traffic = trials.settings[cell.setting].traffic.as_ref()?;
    let offered_gbps = cell.load_rps * traffic.payload_bits() / 1e9;
    offered_gbps.is_finite().then(|| Point {
        cell,
        offered_gbps,
        delivered: estimate(&cell.values[PARTS.len()]),
        cpus: std::array::from_fn(|part| estimate(&cell.values[part])),
    })
}

fn rates(points: &[Point<'_>]) -> BTreeSet<u64> {
    points.iter().map(|it| it.cell.load_rps.to_bits()).collect()
}

fn across(most: f64) -> Axis {
    Axis::linear("offered UDP payload (Gb/s)", 0.0, most * 1.05, 4)
}

fn upwards(most: f64) -> Axis {
    Axis::linear("CPUs busy", 0.0, most * 1.1, 4)
}

fn measured(scene: &mut Scene, place: Rect, trials: &Trials, title: &str, points: &[Point<'_>]) {
    let most = |of: &dyn Fn(&Point<'_>) -> f64| points.iter().map(of).fold(0.0, f64::max);
    let high = |it: &Point<'_>| it.cpus[0].map_or(0.0, |cpus| cpus.high);
    let (x, y) = (across(most(&|it| it.offered_gbps)), upwards(most(&high)));
    let panel = Panel::new(place, title, x, y, Strip::None);
    panel.frame(scene);
    let series: BTreeSet<usize> = points.iter().map(|it| it.cell.series).collect();
    for (nth, &of) in series.iter().enumerate() {
        for (part, (_, _, dash)) in PARTS.iter().enumerate() {
            let mut drawn: Vec<_> = (points.iter())
                .filter(|it| it.cell.series == of)
                .filter_map(|it| Some((it.offered_gbps, it.cpus[part]?)))
                .collect();
            drawn.sort_by(|a, b| a.0.total_cmp(&b.0));
            let look = Look {
                dash: *dash,
                ..facets::look(trials, of)
            };
            line(&panel, scene, &drawn, aside(nth, series.len()), look);
        }
    }
}

/// The paper's table, in the paper's rates.
fn published(scene: &mut Scene, place: Rect) {
    let most = |of: fn(&CpuUse) -> f64| CPU_USE.iter().map(of).fold(0.0, f64::max);
    let (x, y) = (
        across(most(|row| row.gbps)),
        upwards(most(|row| row.total.cpus)),
    );
    let panel = Panel::new(
        place,
        "NetSlices'12, Table 2: another machine",
        x,
        y,
        Strip::None,
    );
    panel.frame(scene);
    let parts: [fn(&CpuUse) -> Busy; PARTS.len()] =
        [|row| row.total, |row| row.k_peer, |row| row.u_peer];
    for (of, (_, _, dash)) in parts.into_iter().zip(PARTS) {
        let at = |row: &CpuUse, cpus| panel.at(row.gbps, cpus);
        let points: Vec<_> = CPU_USE.iter().map(|row| at(row, of(row).cpus)).collect();
        scene.dashed(&points, dash, 2.0, Rgb::REFERENCE);
        for (row, middle) in CPU_USE.iter().zip(points) {
            let Busy { cpus, error } = of(row);
            if let Some(error) = error {
                let ends = [cpus - error, cpus + error].map(|end| at(row, end));
                panel.whisker(scene, middle, ends[0], ends[1], Rgb::REFERENCE);
            }
            scene.marker(middle, Marker::Diamond, 4.5, Rgb::REFERENCE, false);
        }
    }
}

fn data<'a>(trials: &Trials, points: impl Iterator<Item = &'a Point<'a>>) -> Data {
    let mut data = Data::by_cell([
        "offered_rps",
        "offered_gbps",
        "delivered_gbps",
        "part",
        "cpus",
        "low_cpus",
        "high_cpus",
        "blocks",
        "spread",
    ]);
    for point in points {
        let delivered = point.delivered.map(|it| it.value.to_string());
        for ((name, ..), cpus) in PARTS.iter().zip(&point.cpus) {
            let known = [
                point.offered_gbps.to_string(),
                delivered.clone().unwrap_or_default(),
                (*name).to_owned(),
            ];
            let mut row = trials.row(point.cell, known);
            row.extend(estimate_fields(cpus.as_ref()));
            data.push(row);
        }
    }
    data
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packets::Packets;
    use crate::tests::assert_legible;

    #[test]
    fn both_peers_are_drawn_over_what_was_offered() {
        let folder = tempfile::tempdir().unwrap();
        Packets::RATES.write(folder.path());
        let run = Run::read(folder.path()).unwrap();
        let Drawing::Picture(picture) = draw(&run).unwrap() else {
            panic!("there are rates to draw");
        };
        assert_legible("cpu_over_rate", &picture.scene);
        let file = folder.path().join("data.csv");
        picture.data.write(&file).unwrap();
        let mut reader = csv::Reader::from_path(&file).unwrap();
        let rows: Vec<BTreeMap<String, String>> =
            reader.deserialize().map(|row| row.unwrap()).collect();
        assert_eq!(rows.len(), 6 * PARTS.len());
        let cpus = |row: usize| rows[row]["cpus"].parse::<f64>().unwrap();
        for point in 0..6 {
            let [both, k_peer, u_peer] = [0, 1, 2].map(|part| cpus(3 * point + part));
            assert!((both - k_peer - u_peer).abs() < 1e-9, "point {point}");
        }
        // 50 000 frames of 1514 bytes carry 1472 bytes each.
        assert_eq!(rows[0]["offered_gbps"], "0.5888");
        assert_eq!(rows[0]["delivered_gbps"], "0.5888");
    }

    #[test]
    fn saturated_systems_have_no_rates() {
        let folder = tempfile::tempdir().unwrap();
        Packets::SATURATED.write(folder.path());
        let run = Run::read(folder.path()).unwrap();
        assert!(matches!(
            draw(&run).unwrap(),
            Drawing::Skipped(Skip::NoRates)
        ));
    }
}
