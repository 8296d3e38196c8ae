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

/// A page with its surroundings drawn, and the places of its panels, row by row.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) scene: Scene,
    pub(crate) panels: Vec<Rect>,
}

impl Page {
    /// Lays out `rows` x `columns` panels, each row at least `row_height` high. `weights` gives the
    /// columns' relative widths, for a first column that carries row names.
    pub(crate) fn lay_out(
        around: &Surround,
        rows: usize,
        row_height: f64,
        extra_left: f64,
        columns: usize,
    ) -> Self {
        let style = TextStyle::new(LABEL);
        let subtitle = wrap(
            &around.subtitle,
            WIDTH - 2.0 * MARGIN,
            &TextStyle::new(14.0),
        );
        let caption = wrap(&around.caption, WIDTH - 2.0 * MARGIN, &style);
        let top = 52.0 + 19.0 * subtitle.len() as f64 + 8.0;
        let below = caption.len() as f64 * CAPTION_LINE + MARGIN;
        let legend_height = around.legend.len() as f64 * LEGEND_LINE + 30.0;
        let wanted = (rows as f64 * row_height).max(legend_height);
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
        let panels = grid(bounds, rows, columns, extra_left);
        Self { scene, panels }
    }
}

/// Equal plots in a grid; the first column is wider by `extra_left`, for the row names there.
fn grid(bounds: Rect, rows: usize, columns: usize, extra_left: f64) -> Vec<Rect> {
    let width = (bounds.width() - extra_left) / columns as f64;
    let height = bounds.height() / rows as f64;
    let mut panels = Vec::with_capacity(rows * columns);
    for row in 0..rows {
        for column in 0..columns {
            let left = bounds.left
                + if column == 0 {
                    0.0
                } else {
                    extra_left + column as f64 * width
                };
            let right = bounds.left + extra_left + (column + 1) as f64 * width;
            let top = bounds.top + row as f64 * height;
            panels.push(Rect {
                left,
                right,
                top,
                bottom: top + height,
            });
        }
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
            bottom: 200.0,
        };
        let cells = grid(bounds, 2, 2, 100.0);
        assert_eq!(
            cells[0],
            Rect {
                left: 10.0,
                top: 0.0,
                right: 210.0,
                bottom: 100.0
            }
        );
        assert_eq!(
            cells[3],
            Rect {
                left: 210.0,
                top: 100.0,
                right: 310.0,
                bottom: 200.0
            }
        );
    }
}
