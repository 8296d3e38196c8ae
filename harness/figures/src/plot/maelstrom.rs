//! Maelstrom between two routers (Marian, Lee, Weatherspoon, ANCS 2012, section 4.4): which part of what goes over the link is
//! goodput, and which part of what the link loses is recovered.
//!
//! What the paper measured, its formula and what follows from r and c do not agree, so each is a line; ours is
//! counted byte by byte. For the second the lines are theory, where losses are independent.

use std::collections::{BTreeMap, BTreeSet};

use analysis::netslices::{goodput, recovery};
use polars::prelude::{DataType, col};
use stats::Estimate;

use crate::canvas::axis::Axis;
use crate::canvas::page::{Entry, Grid, Page, Sample};
use crate::canvas::panel::{Panel, Strip};
use crate::canvas::scene::{Rect, Scene};
use crate::canvas::style::{Dash, Rgb};
use crate::caption::{self, Shows};
use crate::data::{Data, estimate_fields};
use crate::error::Result;
use crate::facets;
use crate::figure::{Drawing, Skip};
use crate::run::{Cell, Run, Trials};

use super::lines::{aside, line};
use super::{estimate, forwarded};

const LEAD: &str = "Left: bytes of frames that were delivered, as their sender made them, over all bytes that the egress router put \
                    on the link. Lines: what NetSlices'12 measured (section 4.4), the formula that it checks this with, and \
                    r / (r + c), which frames of one length can give, less headers; the three do not agree. Right: frames \
                    recovered over frames lost. Lines: what one layer gives, and all layers in the limit of long \
                    interleaves, where each frame is lost by itself.";

const MODEL: Rgb = Rgb(0x5c, 0x5c, 0x5c);

/// The columns of trials.csv, in the order of a cell's values.
const COLUMNS: [&str; 7] = [
    "goodput_share",
    "lost",
    "recovered",
    "loss_share",
    "loss_burst",
    "fec_group",
    "fec_layers",
];

/// Points on the curves of theory.
const STEPS: u32 = 60;

/// The code, and how the link loses: what must be equal for two points to share a panel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Code {
    group: u32,
    layers: u32,
    burst: u32,
}

/// One system at one loss.
struct Point<'a> {
    cell: &'a Cell,
    code: Code,
    /// Percent.
    loss: f64,
    goodput: Option<Estimate>,
    recovered: Option<Estimate>,
}

pub(crate) fn draw(run: &Run) -> Result<Drawing> {
    let trials = match forwarded(run) {
        Ok(trials) => trials,
        Err(skip) => return Ok(Drawing::Skipped(skip)),
    };
    let columns = COLUMNS.map(|name| col(name).cast(DataType::Float64));
    let cells = trials.cells(&columns)?;
    let mut rows: BTreeMap<Code, Vec<Point<'_>>> = BTreeMap::new();
    for point in cells.iter().filter_map(point) {
        rows.entry(point.code).or_default().push(point);
    }
    if rows.is_empty() {
        return Ok(Drawing::Skipped(Skip::NoCode));
    }
    let mut legend = facets::legend(trials, true);
    let lines = |of: &[(&'static str, Rgb, Dash)]| -> Vec<Entry> {
        let entry = |(name, colour, dash): &(&'static str, Rgb, Dash)| {
            Entry::new(Sample::Line(*colour, *dash, None), *name)
        };
        of.iter().map(entry).collect()
    };
    legend.push(Entry::new(Sample::Heading, "goodput, left"));
    legend.extend(lines(&GOODPUTS));
    legend.push(Entry::new(Sample::Heading, "theory, right"));
    legend.extend(lines(&RECOVERIES));
    let title = ("Maelstrom: goodput and recovery", LEAD);
    let around = caption::of_trials(run, trials, &cells, Shows::Whiskers, title, legend);
    let grid = Grid {
        rows: rows.len(),
        columns: 2,
        row_height: 360.0,
        ..Grid::default()
    };
    let mut page = Page::lay_out(&around, &grid);
    for (row, (code, points)) in rows.iter().enumerate() {
        let places = (page.panels[2 * row], page.panels[2 * row + 1]);
        goodput_panel(&mut page.scene, places.0, trials, *code, points);
        recovery_panel(&mut page.scene, places.1, trials, *code, points);
    }
    Ok(Drawing::picture(
        page.scene,
        data(trials, rows.values().flatten()),
    ))
}

/// What the paper lets expect of goodput, with how it is drawn.
const GOODPUTS: [(&str, Rgb, Dash); 3] = [
    ("paper, measured", Rgb::REFERENCE, Dash::Solid),
    ("paper, formula", Rgb::REFERENCE, Dash::Long),
    ("r / (r + c)", MODEL, Dash::Dots),
];

const RECOVERIES: [(&str, Rgb, Dash); 2] = [
    ("one layer", MODEL, Dash::Dots),
    ("all layers", MODEL, Dash::Long),
];

/// Of cells of Maelstrom.
fn point(cell: &Cell) -> Option<Point<'_>> {
    let first = |column: usize| cell.values[column].iter().copied().flatten().next();
    let shares: Vec<Option<f64>> = (cell.values[1].iter().zip(&cell.values[2]))
        .map(|(lost, recovered)| Some((*recovered)? / lost.filter(|lost| *lost > 0.0)?))
        .collect();
    Some(Point {
        cell,
        code: Code {
            group: first(5)? as u32,
            layers: first(6)? as u32,
            burst: first(4)? as u32,
        },
        loss: first(3)? * 100.0,
        goodput: estimate(&cell.values[0]),
        recovered: estimate(&shares),
    })
}

/// The axis of losses; up to 1% where nothing is lost.
fn losses(points: &[Point<'_>]) -> (Axis, f64) {
    let most = points.iter().map(|it| it.loss).fold(0.0, f64::max);
    let most = if most > 0.0 { most * 1.08 } else { 1.0 };
    (
        Axis::linear("frames that the link loses (%)", 0.0, most, 5),
        most,
    )
}

/// Draws the systems' points of one quantity.
fn systems(
    panel: &Panel,
    scene: &mut Scene,
    trials: &Trials,
    points: &[Point<'_>],
    of: &dyn Fn(&Point<'_>) -> Option<Estimate>,
) {
    let series: BTreeSet<usize> = points.iter().map(|it| it.cell.series).collect();
    for (nth, &series_of) in series.iter().enumerate() {
        let mut drawn: Vec<_> = (points.iter())
            .filter(|it| it.cell.series == series_of)
            .filter_map(|it| Some((it.loss, of(it)?)))
            .collect();
        drawn.sort_by(|a, b| a.0.total_cmp(&b.0));
        let (aside, look) = (aside(nth, series.len()), facets::look(trials, series_of));
        line(panel, scene, &drawn, aside, look);
    }
}

fn goodput_panel(
    scene: &mut Scene,
    place: Rect,
    trials: &Trials,
    code: Code,
    points: &[Point<'_>],
) {
    let (r, c) = (f64::from(code.group), f64::from(code.layers));
    let (x, most) = losses(points);
    let title = format!("goodput of the link's bytes, r {r}, c {c}");
    let panel = Panel::new(
        place,
        title,
        x,
        Axis::linear("share", 0.0, 1.0, 5),
        Strip::None,
    );
    panel.frame(scene);
    let levels = [
        goodput::measured(),
        goodput::by_formula(r, c),
        goodput::by_packets(r, c),
    ];
    for (level, (_, colour, dash)) in levels.into_iter().zip(GOODPUTS) {
        let ends = [0.0, most].map(|loss| panel.at(loss, level));
        scene.dashed(&ends, dash, 1.4, colour);
    }
    systems(&panel, scene, trials, points, &|it| it.goodput);
}

fn recovery_panel(
    scene: &mut Scene,
    place: Rect,
    trials: &Trials,
    code: Code,
    points: &[Point<'_>],
) {
    let (x, most) = losses(points);
    let title = match code.burst {
        1 => "recovered of what was lost".to_owned(),
        burst => format!("recovered of what was lost, {burst} together"),
    };
    let panel = Panel::new(
        place,
        title,
        x,
        Axis::linear("share", 0.0, 1.0, 5),
        Strip::None,
    );
    panel.frame(scene);
    if code.burst == 1 {
        let (r, c) = (f64::from(code.group), f64::from(code.layers));
        let one = |loss: f64| recovery::one_layer(r, loss);
        let all = |loss: f64| recovery::all_layers(r, c, loss);
        let curves: [&dyn Fn(f64) -> f64; RECOVERIES.len()] = [&one, &all];
        for (curve, (_, colour, dash)) in curves.into_iter().zip(RECOVERIES) {
            let at = |step: u32| {
                let loss = most * f64::from(step) / f64::from(STEPS);
                panel.at(loss, curve(loss / 100.0))
            };
            let points: Vec<_> = (0..=STEPS).map(at).collect();
            scene.dashed(&points, dash, 1.4, colour);
        }
    }
    systems(&panel, scene, trials, points, &|it| it.recovered);
    if points.iter().all(|it| it.recovered.is_none()) {
        panel.note(scene, &["nothing was lost"]);
    }
}

fn data<'a>(trials: &Trials, points: impl Iterator<Item = &'a Point<'a>>) -> Data {
    let mut data = Data::by_cell([
        "load",
        "fec_group",
        "fec_layers",
        "loss_percent",
        "loss_burst",
        "quantity",
        "share",
        "low",
        "high",
        "blocks",
        "spread",
    ]);
    for point in points {
        let Code {
            group,
            layers,
            burst,
        } = point.code;
        let known = [
            group.to_string(),
            layers.to_string(),
            point.loss.to_string(),
            burst.to_string(),
        ];
        for (quantity, share) in [("goodput", point.goodput), ("recovered", point.recovered)] {
            let fields = known.clone().into_iter().chain([quantity.to_owned()]);
            let mut row = trials.row(point.cell, fields);
            row.extend(estimate_fields(share.as_ref()));
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
    fn goodput_and_recovery_stand_over_the_loss() {
        let folder = tempfile::tempdir().unwrap();
        Packets::LOSSES.write(folder.path());
        let run = Run::read(folder.path()).unwrap();
        let Drawing::Picture(picture) = draw(&run).unwrap() else {
            panic!("there is a code to draw");
        };
        assert_legible("maelstrom", &picture.scene);
        let trials = run.forwarded.as_ref().unwrap();
        let cells = trials
            .cells(&COLUMNS.map(|name| col(name).cast(DataType::Float64)))
            .unwrap();
        let points: Vec<Point<'_>> = cells.iter().filter_map(point).collect();
        assert_eq!(points.len(), 5);
        for it in &points {
            assert_eq!(
                it.code,
                Code {
                    group: 8,
                    layers: 3,
                    burst: 1
                }
            );
            assert!((it.goodput.unwrap().value - 8.0 / 11.2).abs() < 1e-9);
            let recovered = it.recovered.map(|it| it.value);
            if it.loss == 0.0 {
                assert_eq!(recovered, None, "nothing was lost");
            } else {
                let made_up = (1.0 - it.loss / 100.0).powi(3);
                assert!((recovered.unwrap() - made_up).abs() < 1e-3, "{}", it.loss);
            }
        }
    }

    #[test]
    fn a_router_has_no_code() {
        let folder = tempfile::tempdir().unwrap();
        Packets::SATURATED.write(folder.path());
        let run = Run::read(folder.path()).unwrap();
        assert!(matches!(
            draw(&run).unwrap(),
            Drawing::Skipped(Skip::NoCode)
        ));
    }
}
