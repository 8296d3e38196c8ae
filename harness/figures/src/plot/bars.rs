//! Stacked horizontal bars, one row a series, one panel a load: names stay readable, and loads
//! compare across panels on one scale.

use stats::Estimate;

use crate::canvas::axis::Axis;
use crate::canvas::font::TextStyle;
use crate::canvas::page::{Grid, Page, Surround};
use crate::canvas::panel::{LABEL, Panel, Strip};
use crate::canvas::scene::{Rect, Scene};
use crate::canvas::style::Rgb;
use crate::facets::Facets;
use crate::run::Cell;

/// The bars of one series at one load.
#[derive(Debug, Default)]
pub(super) struct Bar {
    /// Stacked from zero.
    pub(super) stack: Vec<(f64, Rgb)>,
    /// A thinner stack below it, of what is not part of the whole.
    pub(super) apart: Vec<(f64, Rgb)>,
    /// The whole with its spread.
    pub(super) whole: Option<Estimate>,
}

impl Bar {
    fn is_empty(&self) -> bool {
        self.stack.is_empty() && self.apart.is_empty()
    }

    /// How far to the right it reaches.
    pub(super) fn reach(&self) -> f64 {
        let sum = |stack: &[(f64, Rgb)]| stack.iter().map(|(v, _)| v).sum::<f64>();
        let spread = self.whole.map_or(0.0, |e| e.high);
        sum(&self.stack).max(sum(&self.apart)).max(spread)
    }
}

/// Draws the panels; `bars` holds the bar of each cell in every facet, and `none` what a panel
/// says in which every bar is empty.
pub(super) fn draw(
    around: &Surround,
    facets: &Facets<'_>,
    names: &[String],
    x_title: &str,
    bars: &dyn Fn(&Cell) -> Bar,
    none: &[&str],
) -> Scene {
    let widest = names
        .iter()
        .map(|n| TextStyle::new(LABEL).width(n))
        .fold(0.0, f64::max);
    let height = names.len() as f64 * 34.0 + 90.0;
    let grid = Grid {
        names_width: widest,
        ..facets.grid(height.max(220.0))
    };
    let mut page = Page::lay_out(around, &grid);
    let all = facets.facets.iter().flat_map(|f| &f.cells);
    let reach = all.map(|cell| bars(cell).reach()).fold(0.0, f64::max);
    let ticks = if facets.columns > 2 { 4 } else { 5 };
    for facet in &facets.facets {
        let rows = Axis::rows(names.iter().cloned());
        let first = facet.place.is_multiple_of(facets.columns);
        let y = if first { rows } else { rows.unlabelled() };
        let x = Axis::linear(x_title, 0.0, reach * 1.04, ticks);
        let drawn: Vec<_> = facet
            .cells
            .iter()
            .map(|cell| (cell.series, bars(cell)))
            .collect();
        let empty = drawn.iter().all(|(_, bar)| bar.is_empty());
        let x = if empty { x.unlabelled() } else { x };
        let panel = Panel::new(page.panels[facet.place], &facet.title, x, y, Strip::None);
        panel.frame(&mut page.scene);
        if empty {
            panel.note(&mut page.scene, none);
            continue;
        }
        for (series, bar) in &drawn {
            row(&panel, &mut page.scene, *series as f64, bar);
        }
    }
    page.scene
}

/// Draws the bars of row number `row`.
pub(super) fn row(panel: &Panel, scene: &mut Scene, row: f64, bar: &Bar) {
    if bar.is_empty() {
        let (x, y) = panel.at(0.0, row);
        scene.text(
            "n/a",
            (x + 6.0, y),
            TextStyle::new(LABEL).colour(Rgb::MUTED),
        );
        return;
    }
    // In shares of a row, from its middle: a lone stack is centred.
    let (top, bottom) = if bar.apart.is_empty() {
        (-0.28, 0.28)
    } else {
        (-0.34, 0.1)
    };
    stack(panel, scene, &bar.stack, row + top, row + bottom);
    stack(panel, scene, &bar.apart, row + 0.14, row + 0.34);
    if let Some(e) = bar.whole {
        let middle = row + (top + bottom) / 2.0;
        let at = |v| panel.at(v, middle);
        panel.whisker(scene, at(e.value), at(e.low), at(e.high), Rgb::INK);
    }
}

fn stack(panel: &Panel, scene: &mut Scene, segments: &[(f64, Rgb)], top: f64, bottom: f64) {
    let mut from = 0.0;
    for &(value, colour) in segments {
        let (left, top) = panel.at(from, top);
        let (right, bottom) = panel.at(from + value, bottom);
        scene.rect(
            Rect {
                left,
                right,
                top,
                bottom,
            },
            colour,
        );
        from += value;
    }
}
