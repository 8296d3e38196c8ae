//! Each system against the baseline: the ratio with its interval, coloured by the verdict.

use crate::canvas::axis::Axis;
use crate::canvas::font::TextStyle;
use crate::canvas::page::{Entry, Grid, Page, Sample};
use crate::canvas::panel::{LABEL, Panel, Strip};
use crate::canvas::scene::Scene;
use crate::canvas::style::{Dash, Marker, Rgb, colour};
use crate::caption::{self, Shows};
use crate::data::Data;
use crate::error::Result;
use crate::figure::{Drawing, Skip};
use crate::run::{Named, Run};

use super::usable;

const LEAD: &str = "Ratio of each system's number to the baseline's, blocks in pairs. A difference needs an exact rank \
                    test, corrected for all comparisons of its metric (Holm), and an interval that excludes 1.";

/// The verdicts with their looks.
const VERDICTS: [(&str, Rgb, bool); 4] = [
    ("faster", Rgb(0x00, 0x9e, 0x73), true),
    ("slower", Rgb(0xd5, 0x5e, 0x00), true),
    ("no difference shown", Rgb::AXIS, true),
    ("too few blocks", Rgb::AXIS, false),
];

/// The metrics by the names of their columns.
const METRICS: [(&str, &str); 4] = [
    ("p50_ns", "p50"),
    ("p99_ns", "p99"),
    ("cpu_ns_per_request", "CPU time"),
    ("achieved_rps", "achieved rate"),
];

/// A ratio beyond which a linear axis would hide what lies near 1.
const WIDE: f64 = 4.0;

pub(crate) fn draw(run: &Run) -> Result<Drawing> {
    let trials = match usable(run) {
        Ok(trials) => trials,
        Err(skip) => return Ok(Drawing::Skipped(skip)),
    };
    let rows = run.comparisons()?;
    let Some(first) = rows.first() else {
        return Ok(Drawing::Skipped(Skip::NoComparison));
    };
    let names = names(&rows);
    let legend = VERDICTS.map(|(name, colour, filled)| {
        Entry::new(Sample::Marker(colour, Marker::Circle, filled), name)
    });
    let against = format!("Comparison with {}", first.text("baseline"));
    let lead = if rows.iter().any(another_io) {
        format!("{LEAD} * another I/O than the baseline's: steering is confounded with bypass.")
    } else {
        LEAD.to_owned()
    };
    let title = (against.as_str(), lead.as_str());
    let cells = trials.cells(&[])?;
    let around = caption::of_trials(run, trials, &cells, Shows::Ratios, title, legend.to_vec());
    let measured: Vec<_> = METRICS
        .iter()
        .filter(|(metric, _)| rows.iter().any(|row| row.text("metric") == *metric))
        .collect();
    let widest = names.iter().map(|name| TextStyle::new(LABEL).width(name));
    let grid = Grid {
        rows: 1,
        columns: measured.len(),
        row_height: (names.len() as f64 * 24.0 + 90.0).max(240.0),
        names_width: widest.fold(0.0, f64::max),
        ..Grid::default()
    };
    let mut page = Page::lay_out(&around, &grid);
    for (place, (metric, name)) in measured.into_iter().enumerate() {
        let of_metric: Vec<&Named> = rows
            .iter()
            .filter(|row| row.text("metric") == *metric)
            .collect();
        let y = Axis::rows(names.iter().cloned());
        let y = if place == 0 { y } else { y.unlabelled() };
        let beyond = of_metric
            .iter()
            .any(|row| row.number("ratio_high").is_some_and(f64::is_infinite));
        let strip = if beyond { Strip::Right } else { Strip::None };
        let panel = Panel::new(page.panels[place], *name, axis(&of_metric), y, strip);
        panel.frame(&mut page.scene);
        let (top, bottom) = (panel.at(1.0, -0.5), panel.at(1.0, names.len() as f64 - 0.5));
        page.scene
            .dashed(&[top, bottom], Dash::Long, 1.2, Rgb::MUTED);
        for row in of_metric {
            let line = names.iter().position(|name| *name == self::name(row));
            mark(&panel, &mut page.scene, line.unwrap_or(0) as f64, row);
        }
    }
    Ok(Drawing::picture(page.scene, data(&rows)))
}

fn another_io(row: &Named) -> bool {
    row.text("io") != row.text("baseline_io")
}

/// A row's name: label, I/O, load and swept values.
fn name(row: &Named) -> String {
    let swept = match row.text("swept") {
        "" => String::new(),
        swept => format!(", {swept}"),
    };
    let mark = if another_io(row) { " *" } else { "" };
    format!(
        "{} · {} · {}{swept}{mark}",
        row.text("label"),
        row.text("io"),
        row.text("load")
    )
}

/// The rows' names, each once, in their order.
fn names(rows: &[Named]) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for name in rows.iter().map(name) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

fn axis(rows: &[&Named]) -> Axis {
    let bounds = rows.iter().flat_map(|row| {
        ["ratio_low", "ratio", "ratio_high"].map(|column| row.number(column).unwrap_or(1.0))
    });
    let usable = bounds.filter(|ratio| ratio.is_finite() && *ratio > 0.0);
    let (low, high) = usable.fold((1.0, 1.0), |(low, high): (f64, f64), ratio| {
        (low.min(ratio), high.max(ratio))
    });
    if high / low > WIDE {
        Axis::log("ratio", low, high)
    } else {
        let room = ((high - low) * 0.06).max(0.01);
        Axis::linear("ratio", low - room, high + room, 3)
    }
}

fn mark(panel: &Panel, scene: &mut Scene, line: f64, row: &Named) {
    let (Some(ratio), Some(low), Some(high)) = (
        row.number("ratio"),
        row.number("ratio_low"),
        row.number("ratio_high"),
    ) else {
        let (x, y) = panel.at(1.0, line);
        let style = TextStyle::new(LABEL).colour(Rgb::MUTED);
        scene.text("n/a", (x + 6.0, y), style);
        return;
    };
    let look = VERDICTS
        .iter()
        .find(|(name, ..)| *name == row.text("verdict"));
    let (colour, filled) =
        look.map_or((colour(4), false), |(_, colour, filled)| (*colour, *filled));
    let at = |ratio| panel.at(ratio, line);
    panel.whisker(scene, at(ratio), at(low), at(high), colour);
    scene.marker(at(ratio), Marker::Circle, 4.5, colour, filled);
}

fn data(rows: &[Named]) -> Data {
    const COLUMNS: [&str; 14] = [
        "label",
        "io",
        "baseline",
        "baseline_io",
        "load",
        "swept",
        "metric",
        "ratio",
        "ratio_low",
        "ratio_high",
        "blocks",
        "effective_blocks",
        "p_holm",
        "verdict",
    ];
    let mut data = Data::new(COLUMNS);
    for row in rows {
        data.push(COLUMNS.map(|column| row.text(column).to_owned()).to_vec());
    }
    data
}
