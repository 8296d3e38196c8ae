//! The page: title, panels in a grid, the legend in a column of its own, and the caption.

use super::font::TextStyle;
use super::panel::LABEL;
use super::scene::{At, Rect, Scene};
use super::style::{Dash, Marker, Rgb};

/// The canvas width; heights grow with the rows of panels, from 750.
const WIDTH: f64 = 1200.0;
const MIN_HEIGHT: f64 = 750.0;
const MARGIN: f64 = 24.0;
const SAMPLE: f64 = 34.0;
const LEGEND_LINE: f64 = 22.0;
const CAPTION_LINE: f64 = 18.0;
const HEADING: f64 = 28.0;

/// How one entry of the legend looks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Sample {
    /// A heading over further entries.
    Heading,
    /// A line with an optional marker (and whether it is filled).
    Line(Rgb, Dash, Option<(Marker, bool)>),
    /// A marker alone.
    Marker(Rgb, Marker, bool),
    /// A filled bar.
    Bar(Rgb),
}

/// One entry of the legend.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Entry {
    pub(crate) sample: Sample,
    pub(crate) text: String,
}

impl Entry {
    pub(crate) fn new(sample: Sample, text: impl Into<String>) -> Self {
        Self {
            sample,
            text: text.into(),
        }
    }
}

/// What surrounds the panels.
#[derive(Debug, Clone)]
pub(crate) struct Surround {
    pub(crate) title: String,
    pub(crate) subtitle: String,
    pub(crate) caption: String,
    pub(crate) legend: Vec<Entry>,
}

/// How panels are arranged.
#[derive(Debug, Clone, Default)]
pub(crate) struct Grid {
    pub(crate) rows: usize,
    pub(crate) columns: usize,
    /// The least height of a row.
    pub(crate) row_height: f64,
    /// Room in the first column for the names of rows within its panels.
    pub(crate) names_width: f64,
    /// Headings above rows of the grid, by row.
    pub(crate) headings: Vec<(usize, String)>,
}

/// A page with its surroundings drawn, and the places of its panels, row by row.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) scene: Scene,
    pub(crate) panels: Vec<Rect>,
}

impl Page {
    /// Draws what surrounds the panels, and finds their places.
    pub(crate) fn lay_out(around: &Surround, grid: &Grid) -> Self {
        let style = TextStyle::new(LABEL);
        let room = WIDTH - 2.0 * MARGIN;
        let subtitle = wrap(&around.subtitle, room, &TextStyle::new(14.0));
        let caption = wrap(&around.caption, room, &style);
        let top = 60.0 + 19.0 * subtitle.len() as f64;
        let below = caption.len() as f64 * CAPTION_LINE + MARGIN;
        let headings = grid.headings.len() as f64 * HEADING;
        let legend = around.legend.len() as f64 * LEGEND_LINE + 36.0;
        let wanted = (grid.rows as f64 * grid.row_height + headings).max(legend);
        let height = (top + wanted + below).max(MIN_HEIGHT).ceil();
        let mut scene = Scene::new(WIDTH, height);

        scene.text(&around.title, (MARGIN, 32.0), TextStyle::new(20.0).bold());
        for (i, line) in subtitle.iter().enumerate() {
            let at = (MARGIN, 58.0 + 19.0 * i as f64);
            scene.text(line, at, TextStyle::new(14.0).colour(Rgb::MUTED));
        }
        for (i, line) in caption.iter().enumerate() {
            let at = (MARGIN, height - below + 14.0 + CAPTION_LINE * i as f64);
            scene.text(line, at, style.colour(Rgb::MUTED));
        }
        let legend_left = WIDTH - MARGIN - legend_width(&around.legend);
        draw_legend(&mut scene, &around.legend, (legend_left, top + 36.0));

        let bounds = Rect {
            left: MARGIN - 6.0,
            right: legend_left - 10.0,
            top,
            bottom: height - below - 6.0,
        };
        let panels = places(bounds, grid);
        for (row, heading) in &grid.headings {
            let y = panels[row * grid.columns].top - HEADING / 2.0 + 2.0;
            scene.text(
                heading,
                (MARGIN, y),
                TextStyle::new(14.0).colour(Rgb::MUTED),
            );
        }
        Self { scene, panels }
    }
}

/// Equal plots in a grid; the first column is wider, for the names there, and a row starts below
/// its heading.
fn places(bounds: Rect, grid: &Grid) -> Vec<Rect> {
    let width = (bounds.width() - grid.names_width) / grid.columns as f64;
    let headings = grid.headings.len() as f64 * HEADING;
    let height = (bounds.height() - headings) / grid.rows as f64;
    let mut panels = Vec::with_capacity(grid.rows * grid.columns);
    let mut top = bounds.top;
    for row in 0..grid.rows {
        if grid.headings.iter().any(|(r, _)| *r == row) {
            top += HEADING;
        }
        for column in 0..grid.columns {
            let start = |column: usize| bounds.left + grid.names_width + column as f64 * width;
            let left = if column == 0 {
                bounds.left
            } else {
                start(column)
            };
            panels.push(Rect {
                left,
                right: start(column + 1),
                top,
                bottom: top + height,
            });
        }
        top += height;
    }
    panels
}

fn legend_width(entries: &[Entry]) -> f64 {
    let width = |e: &Entry| match e.sample {
        Sample::Heading => TextStyle::new(LABEL).bold().width(&e.text),
        Sample::Line(..) | Sample::Marker(..) | Sample::Bar(_) => {
            SAMPLE + 8.0 + TextStyle::new(LABEL).width(&e.text)
        }
    };
    entries.iter().map(width).fold(0.0, f64::max)
}

fn draw_legend(scene: &mut Scene, entries: &[Entry], (left, top): At) {
    let style = TextStyle::new(LABEL);
    for (i, entry) in entries.iter().enumerate() {
        let y = top + i as f64 * LEGEND_LINE;
        let middle = (left + SAMPLE / 2.0, y);
        match entry.sample {
            Sample::Heading => {
                scene.text(&entry.text, (left, y), style.bold());
                continue;
            }
            Sample::Line(colour, dash, marker) => {
                scene.dashed(&[(left, y), (left + SAMPLE, y)], dash, 2.2, colour);
                if let Some((marker, filled)) = marker {
                    scene.marker(middle, marker, 4.5, colour, filled);
                }
            }
            Sample::Marker(colour, marker, filled) => {
                scene.marker(middle, marker, 5.0, colour, filled);
            }
            Sample::Bar(colour) => {
                let bar = Rect {
                    left,
                    right: left + SAMPLE,
                    top: y - 6.0,
                    bottom: y + 6.0,
                };
                scene.rect(bar, colour);
            }
        }
        scene.text(&entry.text, (left + SAMPLE + 8.0, y), style);
    }
}

/// Breaks `text` at spaces into lines of at most `width`.
fn wrap(text: &str, width: f64, style: &TextStyle) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if style.width(line) + style.width(" ") + style.width(word) <= width => {
                line.push(' ');
                line.push_str(word);
            }
            Some(_) | None => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrapped_lines_fit_and_keep_every_word() {
        let text = "one two three four five six seven eight nine ten eleven";
        let style = TextStyle::new(13.0);
        let lines = wrap(text, 120.0, &style);
        assert!(lines.len() > 2);
        assert!(lines.iter().all(|l| style.width(l) <= 120.0));
        assert_eq!(lines.join(" "), text);
    }

    #[test]
    fn panels_tile_the_bounds() {
        let bounds = Rect {
            left: 10.0,
            top: 0.0,
            right: 310.0,
            bottom: 200.0 + HEADING,
        };
        let headings = vec![(1, "lower".to_owned())];
        let grid = Grid {
            rows: 2,
            columns: 2,
            row_height: 0.0,
            names_width: 100.0,
            headings,
        };
        let cells = places(bounds, &grid);
        let upper = Rect {
            left: 10.0,
            top: 0.0,
            right: 210.0,
            bottom: 100.0,
        };
        assert_eq!(cells[0], upper);
        let bottom = 200.0 + HEADING;
        assert_eq!(
            cells[3],
            Rect {
                left: 210.0,
                top: 100.0 + HEADING,
                right: 310.0,
                bottom
            }
        );
    }
}
