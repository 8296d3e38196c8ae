//! The shapes of a picture, independent of how it is rendered.

#[cfg(test)]
use super::font::Align;
use super::font::TextStyle;
use super::style::{Dash, Marker, Rgb};

/// A position in canvas units, from the upper left.
pub(crate) type At = (f64, f64);

/// An upright rectangle in canvas units.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Rect {
    pub(crate) left: f64,
    pub(crate) top: f64,
    pub(crate) right: f64,
    pub(crate) bottom: f64,
}

impl Rect {
    pub(crate) fn width(&self) -> f64 {
        self.right - self.left
    }

    pub(crate) fn height(&self) -> f64 {
        self.bottom - self.top
    }

    pub(crate) fn centre(&self) -> At {
        (
            (self.left + self.right) / 2.0,
            (self.top + self.bottom) / 2.0,
        )
    }
}

/// One thing to draw.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Shape {
    Line {
        points: Vec<At>,
        width: f64,
        colour: Rgb,
    },
    Area {
        corners: Vec<At>,
        colour: Rgb,
    },
    Text {
        text: String,
        at: At,
        style: TextStyle,
    },
}

/// A picture: its size and its shapes, back to front.
#[derive(Debug, Clone)]
pub(crate) struct Scene {
    pub(crate) width: f64,
    pub(crate) height: f64,
    pub(crate) shapes: Vec<Shape>,
}

impl Scene {
    pub(crate) fn new(width: f64, height: f64) -> Self {
        Self {
            width,
            height,
            shapes: Vec::new(),
        }
    }

    pub(crate) fn line(&mut self, points: Vec<At>, width: f64, colour: Rgb) {
        self.shapes.push(Shape::Line {
            points,
            width,
            colour,
        });
    }

    pub(crate) fn dashed(&mut self, points: &[At], dash: Dash, width: f64, colour: Rgb) {
        for piece in cut(points, dash.pattern()) {
            self.line(piece, width, colour);
        }
    }

    pub(crate) fn rect(&mut self, r: Rect, colour: Rgb) {
        let corners = vec![
            (r.left, r.top),
            (r.right, r.top),
            (r.right, r.bottom),
            (r.left, r.bottom),
        ];
        self.shapes.push(Shape::Area { corners, colour });
    }

    /// A marker; a hollow one is a filled one with paper inside.
    pub(crate) fn marker(
        &mut self,
        at: At,
        marker: Marker,
        radius: f64,
        colour: Rgb,
        filled: bool,
    ) {
        let mut area = |radius: f64, colour| {
            let corners = marker
                .corners(radius)
                .into_iter()
                .map(|(x, y)| (at.0 + x, at.1 + y))
                .collect();
            self.shapes.push(Shape::Area { corners, colour });
        };
        area(radius, colour);
        if !filled {
            area(radius * 0.55, Rgb::PAPER);
        }
    }

    /// Writes `text`, centred vertically at `at`.
    pub(crate) fn text(&mut self, text: impl Into<String>, at: At, style: TextStyle) {
        self.shapes.push(Shape::Text {
            text: text.into(),
            at,
            style,
        });
    }

    /// The texts with the boxes they cover.
    #[cfg(test)]
    pub(crate) fn text_boxes(&self) -> Vec<(&str, Rect)> {
        let boxed = |shape| match shape {
            &Shape::Text {
                ref text,
                at,
                ref style,
            } => Some((text.as_str(), text_box(text, at, style))),
            Shape::Line { .. } | Shape::Area { .. } => None,
        };
        self.shapes.iter().filter_map(boxed).collect()
    }
}

/// The box that a text covers, by the height of its capitals and descenders.
#[cfg(test)]
pub(crate) fn text_box(text: &str, (x, y): At, style: &TextStyle) -> Rect {
    let width = style.width(text);
    let before = match style.align {
        Align::Left => 0.0,
        Align::Centre => width / 2.0,
        Align::Right => width,
    };
    let half = style.size / 2.0;
    if style.upwards {
        Rect {
            left: x - half,
            right: x + half,
            top: y + before - width,
            bottom: y + before,
        }
    } else {
        Rect {
            left: x - before,
            right: x - before + width,
            top: y - half,
            bottom: y + half,
        }
    }
}

/// Cuts a line into the pieces that a pattern of ink and gap lengths leaves; all of it for an
/// empty pattern.
fn cut(points: &[At], pattern: &[f64]) -> Vec<Vec<At>> {
    if pattern.is_empty() || points.len() < 2 {
        return vec![points.to_vec()];
    }
    let mut pieces = Vec::new();
    let mut piece = vec![points[0]];
    let (mut phase, mut left) = (0, pattern[0]);
    for pair in points.windows(2) {
        let (from, to) = (pair[0], pair[1]);
        let length = (to.0 - from.0).hypot(to.1 - from.1);
        let mut done = 0.0;
        while length - done > left {
            done += left;
            let share = done / length;
            let at = (
                from.0 + (to.0 - from.0) * share,
                from.1 + (to.1 - from.1) * share,
            );
            if phase % 2 == 0 {
                piece.push(at);
                pieces.push(std::mem::take(&mut piece));
            } else {
                piece = vec![at];
            }
            phase = (phase + 1) % pattern.len();
            left = pattern[phase];
        }
        left -= length - done;
        if phase % 2 == 0 {
            piece.push(to);
        }
    }
    if piece.len() > 1 {
        pieces.push(piece);
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dashed_line_keeps_its_corners() {
        let corner = [(0.0, 0.0), (10.0, 0.0), (10.0, 10.0)];
        let pieces = cut(&corner, &[12.0, 4.0]);
        let first = vec![(0.0, 0.0), (10.0, 0.0), (10.0, 2.0)];
        assert_eq!(pieces, vec![first, vec![(10.0, 6.0), (10.0, 10.0)]]);
        assert_eq!(cut(&corner, &[]), vec![corner.to_vec()]);
    }

    #[test]
    fn text_boxes_follow_alignment() {
        let style = TextStyle::new(10.0);
        let width = style.width("abc");
        let right = text_box("abc", (100.0, 50.0), &style.align(Align::Right));
        assert_eq!((right.left, right.right), (100.0 - width, 100.0));
        let up = text_box("abc", (100.0, 50.0), &style.upwards());
        assert_eq!((up.top, up.bottom), (50.0 - width, 50.0));
    }
}
