//! DejaVu Sans, embedded, so that a picture looks the same on every machine (its licence is
//! LICENSE-DEJAVU, beside this crate's manifest).
//!
//! plotters' own text goes through `fontconfig`, or through a rasteriser that ignores side
//! bearings and places the baseline too high beside the SVG; so glyphs are placed here.

use std::convert::Infallible;
use std::sync::LazyLock;

use ab_glyph::{Font, FontRef, PxScale, ScaleFont};
use plotters_backend::text_anchor::{HPos, Pos, VPos};
use plotters_backend::{BackendColor, BackendTextStyle, FontFamily, FontStyle, FontTransform};

use super::style::Rgb;

static REGULAR: LazyLock<FontRef<'static>> =
    LazyLock::new(|| FontRef::try_from_slice(dejavu::sans::regular()).expect("embedded font"));
static BOLD: LazyLock<FontRef<'static>> =
    LazyLock::new(|| FontRef::try_from_slice(dejavu::sans::bold()).expect("embedded font"));

/// What an SVG viewer should use: the same font, or one as wide.
const FAMILY: &str = "DejaVu Sans, Verdana, sans-serif";

/// Which side of the text its position is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Align {
    Left,
    Centre,
    Right,
}

/// How a text looks; `size` is the height of an em, in the unit of the picture.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct TextStyle {
    pub(crate) size: f64,
    pub(crate) bold: bool,
    pub(crate) colour: Rgb,
    pub(crate) align: Align,
    /// Reads upwards.
    pub(crate) upwards: bool,
}

impl TextStyle {
    /// Left-aligned ink of `size`.
    pub(crate) fn new(size: f64) -> Self {
        Self {
            size,
            bold: false,
            colour: Rgb::INK,
            align: Align::Left,
            upwards: false,
        }
    }

    pub(crate) fn bold(self) -> Self {
        Self { bold: true, ..self }
    }

    pub(crate) fn colour(self, colour: Rgb) -> Self {
        Self { colour, ..self }
    }

    pub(crate) fn align(self, align: Align) -> Self {
        Self { align, ..self }
    }

    pub(crate) fn upwards(self) -> Self {
        Self {
            upwards: true,
            ..self
        }
    }

    fn font(&self) -> &'static FontRef<'static> {
        if self.bold { &BOLD } else { &REGULAR }
    }

    /// `ab_glyph` scales by the font's height, not by its em.
    fn scale(&self) -> PxScale {
        let font = self.font();
        let em = font.units_per_em().unwrap_or(2048.0);
        PxScale::from(self.size as f32 * font.height_unscaled() / em)
    }

    /// The advance width of `text`, in the unit of `size`.
    pub(crate) fn width(&self, text: &str) -> f64 {
        let font = self.font().as_scaled(self.scale());
        f64::from(
            text.chars()
                .map(|c| font.h_advance(font.glyph_id(c)))
                .sum::<f32>(),
        )
    }
}

/// The SVG back end centres text by lowering the baseline by half the height of an x, which is
/// 0.547 em in DejaVu Sans; the raster does the same.
const HALF_X_HEIGHT: f64 = 0.547 / 2.0;

impl BackendTextStyle for TextStyle {
    type FontError = Infallible;

    fn color(&self) -> BackendColor {
        let Rgb(r, g, b) = self.colour;
        BackendColor {
            alpha: 1.0,
            rgb: (r, g, b),
        }
    }

    /// plotters divides by 1.24 to get the em.
    fn size(&self) -> f64 {
        self.size * 1.24
    }

    fn transform(&self) -> FontTransform {
        if self.upwards {
            FontTransform::Rotate270
        } else {
            FontTransform::None
        }
    }

    fn style(&self) -> FontStyle {
        if self.bold {
            FontStyle::Bold
        } else {
            FontStyle::Normal
        }
    }

    fn anchor(&self) -> Pos {
        let h = match self.align {
            Align::Left => HPos::Left,
            Align::Centre => HPos::Center,
            Align::Right => HPos::Right,
        };
        Pos::new(h, VPos::Center)
    }

    fn family(&self) -> FontFamily<'_> {
        FontFamily::Name(FAMILY)
    }

    fn layout_box(&self, text: &str) -> Result<((i32, i32), (i32, i32)), Infallible> {
        Ok((
            (0, 0),
            (self.width(text).round() as i32, self.size.round() as i32),
        ))
    }

    fn draw<E, D: FnMut(i32, i32, BackendColor) -> Result<(), E>>(
        &self,
        text: &str,
        (x, y): (i32, i32),
        mut draw: D,
    ) -> Result<Result<(), E>, Infallible> {
        let font = self.font().as_scaled(self.scale());
        let baseline = f64::from(y) + (self.size / 2.0).round() + HALF_X_HEIGHT * self.size;
        let mut cursor = x as f32;
        let mut failure = Ok(());
        for c in text.chars() {
            let id = font.glyph_id(c);
            let at = ab_glyph::point(cursor, baseline as f32);
            cursor += font.h_advance(id);
            let Some(outline) = font.outline_glyph(id.with_scale_and_position(self.scale(), at))
            else {
                continue;
            };
            let corner = outline.px_bounds().min;
            outline.draw(|dx, dy, coverage| {
                let colour = BackendColor {
                    alpha: f64::from(coverage.min(1.0)),
                    ..self.color()
                };
                if failure.is_ok() && coverage > 0.0 {
                    let px = corner.x as i32 + dx as i32;
                    failure = draw(px, corner.y as i32 + dy as i32, colour);
                }
            });
        }
        Ok(failure)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn widths_scale_and_add_up() {
        let small = TextStyle::new(10.0);
        let large = TextStyle::new(20.0);
        assert!(small.width("mm") > small.width("ii"));
        assert!((large.width("steer") - 2.0 * small.width("steer")).abs() < 0.01);
        // A digit of DejaVu Sans is 1303 of 2048 units wide.
        assert!(
            (small.width("0") - 6.362).abs() < 0.01,
            "{}",
            small.width("0")
        );
        assert!(small.bold().width("steer") > small.width("steer"));
    }
}
