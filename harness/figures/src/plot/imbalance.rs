//! How unevenly owners are loaded, over the skew of the keys: the most loaded owner's requests over the
//! owners' mean, beside what a table of whole keys can reach at best.

use std::collections::BTreeMap;

use polars::prelude::col;
use stats::Estimate;

use crate::canvas::axis::Axis;
use crate::canvas::page::{Entry, Grid, Page, Sample};
use crate::canvas::panel::{Panel, Strip};
use crate::canvas::scene::Scene;
use crate::canvas::style::{Dash, Rgb};
use crate::caption::{self, Shows};
use crate::data::{Data, estimate_fields};
use crate::error::Result;
use crate::facets;
use crate::figure::{Drawing, Skip};
use crate::run::{Cell, Run, Trials, rate};

use super::lines::{aside, line};
use super::{estimate, usable};

/// The columns of trials.csv, in the order of a cell's values.
const COLUMNS: [&str; 6] = [
    "imbalance",
    "imbalance_expected",
    "imbalance_bound",
    "theta",
    "keys",
    "get_ratio",
];

const LEAD: &str = "Requests executed by the most loaded owner in the measure phase, over the owners' mean: 1 where all \
                    are alike. The bound: the most popular key has one owner, which no table of whole keys helps. \
                    Series are moved a little sideways to keep marks apart.";

/// A cell with what it is drawn by.
struct Point<'a> {
    cell: &'a Cell,
    theta: f64,
    measured: Estimate,
    expected: Option<f64>,
    bound: Option<f64>,
}

/// Everything but the skew by which cells are told apart: their panel.
type Place = (String, String, u64, u64, u64);

pub(crate) fn draw(run: &Run) -> Result<Drawing> {
    let trials = match usable(run) {
        Ok(trials) => trials,
        Err(skip) => return Ok(Drawing::Skipped(skip)),
    };
    if !COLUMNS.iter().all(|column| trials.has_column(column)) {
        return Ok(Drawing::Skipped(Skip::NoSkews));
    }
    let cells = trials.cells(&COLUMNS.map(col))?;
    let mut panels: BTreeMap<Place, Vec<Point<'_>>> = BTreeMap::new();
    for point in cells.iter().filter_map(point) {
        panels
            .entry(place(trials, point.cell))
            .or_default()
            .push(point);
    }
    panels.retain(|_, points| points.iter().any(|it| it.theta != points[0].theta));
    if panels.is_empty() {
        return Ok(Drawing::Skipped(Skip::NoSkews));
    }
    let title = ("Imbalance of owners over the skew of keys", LEAD);
    let mut legend = facets::legend(trials, true);
    legend.push(Entry::new(
        Sample::Line(Rgb::REFERENCE, Dash::Long, None),
        "bound of any table",
    ));
    let around = caption::of_trials(run, trials, &cells, Shows::Whiskers, title, legend);
    let columns = panels.len().min(2);
    let grid = Grid {
        rows: panels.len().div_ceil(columns),
        columns,
        row_height: 360.0,
        ..Grid::default()
    };
    let mut page = Page::lay_out(&around, &grid);
    for ((place, points), at) in panels.iter().zip(page.panels.clone()) {
        let most = |of: fn(&Point<'_>) -> f64| points.iter().map(of).fold(0.0, f64::max);
        let (skew, high) = (
            most(|it| it.theta),
            most(|it| it.measured.high.max(it.bound.unwrap_or(1.0))),
        );
        let x = Axis::linear("Zipf exponent of the keys", 0.0, skew * 1.05, 6);
        let y = Axis::linear("most loaded owner / mean", 1.0, 1.0 + (high - 1.0) * 1.1, 5);
        let panel = Panel::new(at, heading(place), x, y, Strip::None);
        panel.frame(&mut page.scene);
        bound(&panel, &mut page.scene, points);
        for series in 0..trials.series.len() {
            let mut of_series: Vec<_> = points
                .iter()
                .filter(|it| it.cell.series == series)
                .map(|it| (it.theta, it.measured))
                .collect();
            of_series.sort_by(|a, b| a.0.total_cmp(&b.0));
            let (aside, look) = (
                aside(series, trials.series.len()),
                facets::look(trials, series),
            );
            line(&panel, &mut page.scene, &of_series, aside, look);
        }
    }
    let data = data(trials, panels.values().flatten());
    Ok(Drawing::picture(page.scene, data))
}

fn point(cell: &Cell) -> Option<Point<'_>> {
    let first = |column: usize| cell.values[column].iter().copied().flatten().next();
    Some(Point {
        cell,
        theta: first(3)?,
        measured: estimate(&cell.values[0])?,
        expected: estimate(&cell.values[1]).map(|it| it.value),
        bound: first(2),
    })
}

fn place(trials: &Trials, cell: &Cell) -> Place {
    let setting = &trials.settings[cell.setting];
    // Non-negative numbers have the order of their bits.
    let bits = |column: usize| {
        let first = cell.values[column].iter().copied().flatten().next();
        first.unwrap_or_default().to_bits()
    };
    (
        setting.fidelity.clone(),
        setting.topology.clone(),
        bits(4),
        bits(5),
        cell.load_rps.to_bits(),
    )
}

fn heading((fidelity, topology, keys, get_ratio, load): &Place) -> String {
    let [keys, get_ratio, load] = [keys, get_ratio, load].map(|bits| f64::from_bits(*bits));
    let where_to = match fidelity == topology {
        true => topology.clone(),
        false => format!("{topology} ({fidelity})"),
    };
    format!(
        "{where_to}, {keys} keys, {}% get, {}",
        get_ratio * 100.0,
        rate(load)
    )
}

/// The bound by skew; all systems with as many owners have the same.
fn bound(panel: &Panel, scene: &mut Scene, points: &[Point<'_>]) {
    let mut bounds: Vec<(f64, f64)> = (points.iter())
        .filter_map(|it| Some((it.theta, it.bound?)))
        .collect();
    bounds.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
    bounds.dedup();
    let line: Vec<_> = bounds.iter().map(|(x, y)| panel.at(*x, *y)).collect();
    scene.dashed(&line, Dash::Long, 1.5, Rgb::REFERENCE);
}

fn data<'a>(trials: &Trials, points: impl Iterator<Item = &'a Point<'a>>) -> Data {
    let mut data = Data::by_cell([
        "offered_rps",
        "theta",
        "expected",
        "bound",
        "imbalance",
        "low",
        "high",
        "blocks",
        "spread",
    ]);
    let cell = |value: Option<f64>| value.map(|value| value.to_string()).unwrap_or_default();
    for point in points {
        let known = [
            point.theta.to_string(),
            cell(point.expected),
            cell(point.bound),
        ];
        let mut row = trials.row(point.cell, known);
        row.extend(estimate_fields(Some(&point.measured)));
        data.push(row);
    }
    data
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::synthetic::Synthetic;
    use crate::tests::assert_legible;

    /// Adds the columns to a made-up run, its blocks as skews: the bound rises with theta, the measured
    /// one lies a quarter above.
    fn add_skews(run: &std::path::Path) {
        let path = run.join("trials.csv");
        let text = fs::read_to_string(&path).unwrap();
        let mut lines = text.lines();
        let header = lines.next().unwrap();
        let names: Vec<&str> = header.split(',').collect();
        let column = |name: &str| names.iter().position(|it| *it == name).unwrap();
        let (theta, block) = (column("theta"), column("block"));
        let mut csv = format!("{header},imbalance,imbalance_expected,imbalance_bound\n");
        for row in lines {
            let mut fields: Vec<String> = row.split(',').map(str::to_owned).collect();
            let skew = f64::from(fields[block].parse::<u8>().unwrap()) * 0.3;
            fields[theta] = skew.to_string();
            let bound = (2.0 * skew * 0.5).max(1.0);
            fields.extend([bound * 1.25, bound * 1.2, bound].map(|it| it.to_string()));
            csv.push_str(&fields.join(","));
            csv.push('\n');
        }
        fs::write(path, csv).unwrap();
    }

    #[test]
    fn each_skew_is_a_point_and_the_bound_lies_below() {
        let folder = tempfile::tempdir().unwrap();
        Synthetic {
            topologies: &["veth"],
            loads: &[20e3],
            blocks: 5,
        }
        .write(folder.path());
        let run = Run::read(folder.path()).unwrap();
        assert!(matches!(
            draw(&run).unwrap(),
            Drawing::Skipped(Skip::NoSkews)
        ));
        add_skews(folder.path());
        let run = Run::read(folder.path()).unwrap();
        let Drawing::Picture(picture) = draw(&run).unwrap() else {
            panic!("there are skews to draw");
        };
        assert_legible("imbalance", &picture.scene);
        let texts: Vec<&str> = (picture.scene.text_boxes().into_iter())
            .map(|(text, _)| text)
            .collect();
        assert!(
            texts.contains(&"veth, 100000 keys, 95% get, 20 kreq/s"),
            "{texts:?}"
        );
        let trials = run.trials.as_ref().unwrap();
        let cells = trials.cells(&COLUMNS.map(col)).unwrap();
        let points: Vec<Point<'_>> = cells.iter().filter_map(point).collect();
        assert!(points.len() >= 9 * 4, "{}", points.len());
        for it in &points {
            let bound = it.bound.unwrap();
            assert!((it.measured.value - bound * 1.25).abs() < 1e-9, "{bound}");
        }
    }
}
