//! Maelstrom between two routers (Marian, Lee, Weatherspoon, ANCS 2012, section 4.4): which part of what goes over the link is
//! goodput, which part of what the link loses is recovered, and for how long that was missing.
//!
//! What the paper measured, its formula and what follows from r and c do not agree, so each is a line; ours is
//! counted byte by byte. For the second the lines are theory: formulas where losses are independent, and what the code and the
//! link give where they come in bursts too.

use std::collections::{BTreeMap, BTreeSet};

use analysis::netslices::goodput;
use analysis::recovery;
use polars::prelude::{DataType, Expr, col};
use stats::Estimate;

use crate::canvas::axis::Axis;
use crate::canvas::page::{Entry, Grid, Page, Sample};
use crate::canvas::panel::{Panel, Strip};
use crate::canvas::scene::{Rect, Scene};
use crate::canvas::style::{Dash, Rgb};
use crate::caption::{self, Shows};
use crate::data::{Data, estimate_fields};
use crate::error::Result;
use crate::facets::{self, Look};
use crate::figure::{Drawing, Skip};
use crate::run::{Cell, Run, Trials, micros};

use super::lines::{aside, line, range};
use super::{estimate, forwarded};

const LEAD: &str = "Left: bytes of frames that were delivered, as their sender made them, over all bytes that the egress router put \
                    on the link. Lines: what NetSlices'12 measured (section 4.4), the formula that it checks this with, and \
                    r / (r + c), which frames of one length can give, less headers; the three do not agree. Middle: frames \
                    recovered over frames lost. Lines: what one layer gives, and all layers in the limit of long \
                    interleaves, where each frame is lost by itself; and what peeling gives of this code behind this link. \
                    Right: for how long recovered frames had been missing, from the frame that showed it.";

const MODEL: Rgb = Rgb(0x5c, 0x5c, 0x5c);

/// The columns of trials.csv, in the order of a cell's values; [`TIMES`] follow.
const COLUMNS: [&str; 7] = [
    "goodput_share",
    "lost",
    "recovered",
    "loss_share",
    "loss_burst",
    "fec_group",
    "fec_layers",
];

/// For how long recovered frames had been missing: the column, its name, how its line looks.
const TIMES: [(&str, &str, Dash); 3] = [
    ("recovery_p50_ns", "median", Dash::Solid),
    ("recovery_p99_ns", "99th percentile", Dash::Long),
    ("recovery_max_ns", "longest", Dash::Dots),
];

/// Points on the curves of theory.
const STEPS: u32 = 60;
/// Points on the one that is counted.
const COUNTED_STEPS: u32 = 12;

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
    /// µs, in the order of [`TIMES`]; none in runs recorded before there were such.
    times: [Option<Estimate>; TIMES.len()],
}

impl Point<'_> {
    /// What theory gives of the frames that are lost.
    fn peeled(&self) -> Option<f64> {
        self.code.peeled(self.loss / 100.0)
    }
}

impl Code {
    fn peeled(self, loss: f64) -> Option<f64> {
        recovery::peeled(self.group, self.layers, loss, self.burst)
    }
}

pub(crate) fn draw(run: &Run) -> Result<Drawing> {
    let trials = match forwarded(run) {
        Ok(trials) => trials,
        Err(skip) => return Ok(Drawing::Skipped(skip)),
    };
    let cells = trials.cells(&columns(trials))?;
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
    legend.push(Entry::new(Sample::Heading, "theory, middle"));
    legend.extend(lines(&RECOVERIES));
    legend.push(Entry::new(Sample::Heading, "time, right"));
    legend.extend(lines(&TIMES.map(|(_, name, dash)| (name, Rgb::INK, dash))));
    let title = ("Maelstrom: goodput and recovery", LEAD);
    let around = caption::of_trials(run, trials, &cells, Shows::Whiskers, title, legend);
    let grid = Grid {
        rows: rows.len(),
        columns: PANELS.len(),
        row_height: 360.0,
        ..Grid::default()
    };
    let mut page = Page::lay_out(&around, &grid);
    for (row, (code, points)) in rows.iter().enumerate() {
        for (nth, panel) in PANELS.into_iter().enumerate() {
            let place = page.panels[PANELS.len() * row + nth];
            panel(&mut page.scene, place, trials, *code, points);
        }
    }
    Ok(Drawing::picture(
        page.scene,
        data(trials, rows.values().flatten()),
    ))
}

/// Draws one panel of a row: its place, and the points of one code.
type DrawPanel = fn(&mut Scene, Rect, &Trials, Code, &[Point<'_>]);

/// The panels of a row.
const PANELS: [DrawPanel; 3] = [goodput_panel, recovery_panel, times_panel];

/// The columns as numbers; those of times where the run has them.
fn columns(trials: &Trials) -> Vec<Expr> {
    let timed = TIMES.iter().all(|(column, ..)| trials.has_column(column));
    let times = TIMES.iter().filter(|_| timed).map(|(column, ..)| *column);
    let all = COLUMNS.into_iter().chain(times);
    all.map(|name| col(name).cast(DataType::Float64)).collect()
}

/// What the paper lets expect of goodput, with how it is drawn.
const GOODPUTS: [(&str, Rgb, Dash); 3] = [
    ("paper, measured", Rgb::REFERENCE, Dash::Solid),
    ("paper, formula", Rgb::REFERENCE, Dash::Long),
    ("r / (r + c)", MODEL, Dash::Dots),
];

const RECOVERIES: [(&str, Rgb, Dash); 3] = [
    ("one layer", MODEL, Dash::Dots),
    ("all layers", MODEL, Dash::Long),
    ("this code and link", MODEL, Dash::Solid),
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
        times: std::array::from_fn(|nth| {
            let of_blocks = cell.values.get(COLUMNS.len() + nth)?;
            let times: Vec<_> = of_blocks.iter().map(|ns| ns.map(micros)).collect();
            estimate(&times)
        }),
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

/// Draws the systems' points of one quantity, with lines of this dash where their own says nothing.
fn systems(
    panel: &Panel,
    scene: &mut Scene,
    trials: &Trials,
    points: &[Point<'_>],
    dash: Option<Dash>,
    of: &dyn Fn(&Point<'_>) -> Option<Estimate>,
) {
    let series: BTreeSet<usize> = points.iter().map(|it| it.cell.series).collect();
    for (nth, &series_of) in series.iter().enumerate() {
        let mut drawn: Vec<_> = (points.iter())
            .filter(|it| it.cell.series == series_of)
            .filter_map(|it| Some((it.loss, of(it)?)))
            .collect();
        drawn.sort_by(|a, b| a.0.total_cmp(&b.0));
        let own = facets::look(trials, series_of);
        let look = Look {
            dash: dash.unwrap_or(own.dash),
            ..own
        };
        line(panel, scene, &drawn, aside(nth, series.len()), look);
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
    let title = format!("goodput of the link, r {r}, c {c}");
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
    systems(&panel, scene, trials, points, None, &|it| it.goodput);
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
        1 => "recovered, lost alone".to_owned(),
        burst => format!("recovered, lost in bursts of {burst}"),
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
        let one = |loss: f64| Some(recovery::one_layer(r, loss));
        let all = |loss: f64| Some(recovery::all_layers(r, c, loss));
        theory(&panel, scene, (most, STEPS), RECOVERIES[0], &one);
        theory(&panel, scene, (most, STEPS), RECOVERIES[1], &all);
    }
    let counted = |loss: f64| code.peeled(loss);
    theory(
        &panel,
        scene,
        (most, COUNTED_STEPS),
        RECOVERIES[2],
        &counted,
    );
    systems(&panel, scene, trials, points, None, &|it| it.recovered);
    if points.iter().all(|it| it.recovered.is_none()) {
        panel.note(scene, &["nothing was lost"]);
    }
}

/// Draws what theory gives over losses up to `most` percent, where it gives anything.
fn theory(
    panel: &Panel,
    scene: &mut Scene,
    (most, steps): (f64, u32),
    (_, colour, dash): (&str, Rgb, Dash),
    curve: &dyn Fn(f64) -> Option<f64>,
) {
    let at = |step: u32| {
        let loss = most * f64::from(step) / f64::from(steps);
        Some(panel.at(loss, curve(loss / 100.0)?))
    };
    let points: Vec<_> = (0..=steps).filter_map(at).collect();
    scene.dashed(&points, dash, 1.4, colour);
}

fn times_panel(scene: &mut Scene, place: Rect, trials: &Trials, _: Code, points: &[Point<'_>]) {
    let all = points.iter().flat_map(|it| it.times).flatten();
    let (low, high, _) = range(all);
    let panel = Panel::new(
        place,
        "missing until recovered",
        losses(points).0,
        Axis::log("time (µs)", low, high),
        Strip::None,
    );
    panel.frame(scene);
    for (nth, (_, _, dash)) in TIMES.into_iter().enumerate() {
        let of = |it: &Point<'_>| it.times[nth];
        systems(&panel, scene, trials, points, Some(dash), &of);
    }
    if points.iter().all(|it| it.times.iter().all(Option::is_none)) {
        panel.note(scene, &["nothing was recovered"]);
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
        "unit",
        "theory",
        "value",
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
        let theory = point.peeled().map(|share| share.to_string());
        let shares = [
            ("goodput", "share", None, point.goodput),
            ("recovered", "share", theory, point.recovered),
        ];
        let times = TIMES.iter().zip(point.times);
        let times = times.map(|((column, ..), time)| {
            let quantity = column.trim_end_matches("_ns");
            (quantity, "µs", None, time)
        });
        for (quantity, unit, theory, estimate) in shares.into_iter().chain(times) {
            let of = [
                quantity.to_owned(),
                unit.to_owned(),
                theory.unwrap_or_default(),
            ];
            let fields = known.clone().into_iter().chain(of);
            let mut row = trials.row(point.cell, fields);
            row.extend(estimate_fields(estimate.as_ref()));
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
        let cells = trials.cells(&columns(trials)).unwrap();
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

    /// A row for frames that are lost alone and one for bursts, each beside its own theory and with its own times.
    #[test]
    fn bursts_stand_apart_from_losses_of_single_frames() {
        let folder = tempfile::tempdir().unwrap();
        Packets::BURSTS.write(folder.path());
        let run = Run::read(folder.path()).unwrap();
        let Drawing::Picture(picture) = draw(&run).unwrap() else {
            panic!("there is a code to draw");
        };
        assert_legible("maelstrom_bursts", &picture.scene);
        let file = folder.path().join("data.csv");
        picture.data.write(&file).unwrap();
        let mut reader = csv::Reader::from_path(&file).unwrap();
        let rows: Vec<BTreeMap<String, String>> =
            reader.deserialize().map(|row| row.unwrap()).collect();
        let of = |burst: &str, loss: &str, quantity: &str| {
            let found = rows.iter().find(|row| {
                (row["loss_burst"].as_str(), row["loss_percent"].as_str()) == (burst, loss)
                    && row["quantity"] == quantity
            });
            let found = found.unwrap_or_else(|| panic!("{burst} {loss} {quantity}: {rows:?}"));
            let number = |name: &str| found[name].parse::<f64>().ok();
            (number("value"), number("theory"))
        };
        let (alone, together) = (of("1", "1", "recovered"), of("10", "1", "recovered"));
        assert_eq!(alone.1, recovery::peeled(8, 3, 0.01, 1));
        assert_eq!(together.1, recovery::peeled(8, 3, 0.01, 10));
        assert!(alone.1 > together.1);
        // 400 us and 400 us a burst's frame.
        assert_eq!(of("1", "10", "recovery_p50"), (Some(400.0), None));
        assert_eq!(of("10", "10", "recovery_p50"), (Some(4000.0), None));
        assert_eq!(of("10", "10", "recovery_max"), (Some(20_000.0), None));
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
