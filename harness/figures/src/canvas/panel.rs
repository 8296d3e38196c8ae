//! One plot: frame, grid, axes, and the strip where what exceeds the timeout is drawn.

use super::axis::Axis;
use super::font::{Align, TextStyle};
use super::scene::{At, Rect, Scene};
use super::style::Rgb;

/// Size of tick labels and axis titles.
pub(crate) const LABEL: f64 = 13.0;

const STRIP: f64 = 28.0;

const TIMEOUT: &str = "> timeout";

/// Where values beyond the timeout are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Strip {
    None,
    /// Above the plot, for values on the y axis.
    Top,
    /// Right of the plot, for values on the x axis.
    Right,
}

/// A plot within its outer rectangle, which also holds ticks and titles.
#[derive(Debug, Clone)]
pub(crate) struct Panel {
    title: String,
    plot: Rect,
    strip: Strip,
    pub(crate) x: Axis,
    pub(crate) y: Axis,
}

impl Panel {
    pub(crate) fn new(
        outer: Rect,
        title: impl Into<String>,
        x: Axis,
        y: Axis,
        strip: Strip,
    ) -> Self {
        let widest = |axis: &Axis| {
            let style = TextStyle::new(LABEL);
            let labels = axis.ticks.iter().filter_map(|t| t.label.as_deref());
            labels.map(|l| style.width(l)).fold(0.0, f64::max)
        };
        let beyond = if strip == Strip::Top {
            TextStyle::new(LABEL).width(TIMEOUT)
        } else {
            0.0
        };
        let labels = widest(&y).max(beyond);
        let title_room = if y.title.is_empty() { 0.0 } else { LABEL + 9.0 };
        let strip_room = |side| if strip == side { STRIP } else { 0.0 };
        let plot = Rect {
            left: outer.left + labels + title_room + 10.0,
            right: outer.right - 18.0 - strip_room(Strip::Right),
            top: outer.top + 26.0 + strip_room(Strip::Top),
            bottom: outer.bottom - if x.title.is_empty() { 26.0 } else { 46.0 },
        };
        Self {
            title: title.into(),
            plot,
            strip,
            x,
            y,
        }
    }

    /// Where a point lies on the canvas; an infinite coordinate lies in the strip.
    pub(crate) fn at(&self, x: f64, y: f64) -> At {
        let Rect {
            left,
            right,
            top,
            bottom,
        } = self.plot;
        let across = if x.is_infinite() {
            right + STRIP / 2.0
        } else {
            left + self.x.share(x) * self.plot.width()
        };
        let up = if y.is_infinite() {
            top - STRIP / 2.0
        } else {
            bottom - self.y.share(y) * self.plot.height()
        };
        (across, up)
    }

    /// Draws everything but the data.
    pub(crate) fn frame(&self, scene: &mut Scene) {
        let Rect {
            left,
            right,
            top,
            bottom,
        } = self.plot;
        self.strip(scene);
        let fitting = self.x_labels_that_fit();
        for (tick, fits) in self.x.ticks.iter().zip(fitting) {
            let x = self.at(tick.value, 0.0).0;
            let Some(label) = &tick.label else {
                scene.line(vec![(x, bottom), (x, bottom + 3.0)], 0.8, Rgb::AXIS);
                continue;
            };
            scene.line(vec![(x, top), (x, bottom)], 0.8, Rgb::GRID);
            scene.line(vec![(x, bottom), (x, bottom + 5.0)], 1.0, Rgb::AXIS);
            if fits {
                let style = TextStyle::new(LABEL).align(Align::Centre);
                scene.text(label, (self.below(label, x), bottom + 15.0), style);
            }
        }
        for tick in &self.y.ticks {
            let y = self.at(0.0, tick.value).1;
            if !self.y.is_rows() {
                let reach = if tick.label.is_some() { 5.0 } else { 3.0 };
                scene.line(vec![(left - reach, y), (left, y)], 1.0, Rgb::AXIS);
                if tick.label.is_some() {
                    scene.line(vec![(left, y), (right, y)], 0.8, Rgb::GRID);
                }
            }
            if let Some(label) = &tick.label {
                scene.text(
                    label,
                    (left - 8.0, y),
                    TextStyle::new(LABEL).align(Align::Right),
                );
            }
        }
        let outline = vec![(left, top), (left, bottom), (right, bottom)];
        scene.line(outline, 1.0, Rgb::AXIS);
        self.titles(scene);
    }

    /// Where the label of a tick at `x` has its middle: below the tick, or so far to the left that it keeps out of the next panel.
    fn below(&self, label: &str, x: f64) -> f64 {
        const BEYOND: f64 = 14.0;
        let half = TextStyle::new(LABEL).width(label) / 2.0;
        x.min(self.plot.right + BEYOND - half)
    }

    /// For each tick below the plot whether its label has room; powers of ten are served first.
    fn x_labels_that_fit(&self) -> Vec<bool> {
        const APART: f64 = 6.0;
        let ticks = &self.x.ticks;
        let is_decade = |at: usize| (ticks[at].value.log10().fract()).abs() < 1e-9;
        let (decades, others): (Vec<usize>, Vec<usize>) =
            (0..ticks.len()).partition(|at| is_decade(*at));
        let mut taken: Vec<(f64, f64)> = Vec::new();
        let mut fits = vec![false; ticks.len()];
        for at in decades.into_iter().chain(others) {
            let Some(label) = &ticks[at].label else {
                continue;
            };
            let x = self.below(label, self.at(ticks[at].value, 0.0).0);
            let half = (TextStyle::new(LABEL).width(label) + APART) / 2.0;
            let (left, right) = (x - half, x + half);
            fits[at] = taken.iter().all(|(l, r)| right <= *l || left >= *r);
            if fits[at] {
                taken.push((left, right));
            }
        }
        fits
    }

    fn titles(&self, scene: &mut Scene) {
        let (middle_x, middle_y) = self.plot.centre();
        let top = self.plot.top - if self.strip == Strip::Top { STRIP } else { 0.0 };
        scene.text(
            &self.title,
            (self.plot.left, top - 13.0),
            TextStyle::new(14.0).bold(),
        );
        let style = TextStyle::new(LABEL)
            .align(Align::Centre)
            .colour(Rgb::MUTED);
        if !self.x.title.is_empty() {
            scene.text(&self.x.title, (middle_x, self.plot.bottom + 35.0), style);
        }
        if !self.y.title.is_empty() {
            let labels = self.y.ticks.iter().filter_map(|t| t.label.as_deref());
            let widest = labels.map(|l| style.width(l)).fold(0.0, f64::max);
            let x = self.plot.left - 10.0 - widest - LABEL / 2.0 - 3.0;
            scene.text(&self.y.title, (x, middle_y), style.upwards());
        }
    }

    fn strip(&self, scene: &mut Scene) {
        let Rect {
            left,
            right,
            top,
            bottom,
        } = self.plot;
        let style = TextStyle::new(LABEL).colour(Rgb::MUTED);
        match self.strip {
            Strip::None => {}
            Strip::Top => {
                scene.rect(
                    Rect {
                        left,
                        right,
                        top: top - STRIP,
                        bottom: top - 2.0,
                    },
                    Rgb::BAND,
                );
                if self.y.ticks.iter().any(|t| t.label.is_some()) {
                    let at = (left - 8.0, top - STRIP / 2.0);
                    scene.text(TIMEOUT, at, style.align(Align::Right));
                }
            }
            Strip::Right => {
                scene.rect(
                    Rect {
                        left: right + 2.0,
                        right: right + STRIP,
                        top,
                        bottom,
                    },
                    Rgb::BAND,
                );
                let at = (right + STRIP, top - 13.0);
                scene.text(TIMEOUT, at, style.align(Align::Right));
            }
        }
    }

    /// Writes why there is nothing to see into the empty plot.
    pub(crate) fn note(&self, scene: &mut Scene, lines: &[&str]) {
        let (x, y) = self.plot.centre();
        let style = TextStyle::new(LABEL)
            .align(Align::Centre)
            .colour(Rgb::MUTED);
        for (i, line) in lines.iter().enumerate() {
            let down = (i as f64 - (lines.len() - 1) as f64 / 2.0) * 18.0;
            scene.text(*line, (x, y + down), style);
        }
    }

    /// A vertical whisker at `x` from `low` to `high`, with caps.
    pub(crate) fn whisker(&self, scene: &mut Scene, centre: At, low: At, high: At, colour: Rgb) {
        let vertical = (low.0 - high.0).abs() < (low.1 - high.1).abs();
        let cap = if vertical { (3.5, 0.0) } else { (0.0, 3.5) };
        if (low.0 - high.0).hypot(low.1 - high.1) < 1.0 {
            return;
        }
        scene.line(vec![low, centre, high], 1.2, colour);
        for end in [low, high] {
            let ends = vec![
                (end.0 - cap.0, end.1 - cap.1),
                (end.0 + cap.0, end.1 + cap.1),
            ];
            scene.line(ends, 1.2, colour);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The labels below a plot of this outer width, px.
    fn labels(width: f64) -> Vec<String> {
        let outer = Rect {
            left: 0.0,
            right: width,
            top: 0.0,
            bottom: 200.0,
        };
        let x = Axis::log("", 0.05, 5.0);
        let y = Axis::linear("", 0.0, 1.0, 2);
        let panel = Panel::new(outer, "", x, y, Strip::None);
        let shown = panel.x.ticks.iter().zip(panel.x_labels_that_fit());
        shown
            .filter(|(_, fits)| *fits)
            .filter_map(|(tick, _)| tick.label.clone())
            .collect()
    }

    #[test]
    fn labels_without_room_give_way_to_powers_of_ten() {
        let all = ["0.05", "0.1", "0.2", "0.5", "1", "2", "5"];
        assert_eq!(labels(900.0), all);
        let few = labels(220.0);
        assert!(few.len() < all.len(), "{few:?}");
        assert!(few.contains(&"0.1".to_owned()) && few.contains(&"1".to_owned()));
    }
}
