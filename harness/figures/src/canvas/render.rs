//! Renders a scene with plotters' back ends: SVG for print, PNG at twice the size for screens.

use std::error::Error as StdError;

use plotters::prelude::{BitMapBackend, DrawingBackend, SVGBackend};
use plotters_backend::{BackendColor, BackendStyle};

use super::font::TextStyle;
use super::scene::{At, Scene, Shape};
use super::style::Rgb;

/// Back ends take whole coordinates, so both draw on a grid four times as fine as the canvas: an
/// SVG is scaled back by its view box, a PNG halved by averaging, which smooths its edges.
const FINE: f64 = 4.0;

/// Why a picture could not be rendered: a back end's own error.
pub(crate) type RenderError = Box<dyn StdError + Send + Sync>;

struct Ink {
    colour: Rgb,
    width: u32,
}

impl BackendStyle for Ink {
    fn color(&self) -> BackendColor {
        let Rgb(r, g, b) = self.colour;
        BackendColor {
            alpha: 1.0,
            rgb: (r, g, b),
        }
    }

    fn stroke_width(&self) -> u32 {
        self.width
    }
}

/// The scene as an SVG document, `scene.width` units wide.
pub(crate) fn svg(scene: &Scene) -> Result<String, RenderError> {
    let (width, height) = fine_size(scene);
    let mut document = String::new();
    {
        let mut backend = SVGBackend::with_string(&mut document, (width, height));
        draw(scene, &mut backend, |backend, points, ink| {
            backend.draw_path(points, ink)
        })?;
    }
    let fine = format!(r#"width="{width}" height="{height}""#);
    let real = format!(
        r#"width="{}" height="{}" stroke-linejoin="round" stroke-linecap="butt""#,
        scene.width, scene.height
    );
    Ok(document.replacen(&fine, &real, 1))
}

/// The scene as a PNG file, two pixels to the canvas unit.
pub(crate) fn png(scene: &Scene) -> Result<Vec<u8>, RenderError> {
    let (width, height) = fine_size(scene);
    let mut fine = vec![0xff; width as usize * height as usize * 3];
    {
        let mut backend = BitMapBackend::with_buffer(&mut fine, (width, height));
        draw(scene, &mut backend, |backend, points, ink| {
            stroke(backend, &points, ink)
        })?;
    }
    let pixels = halve(&fine, width as usize);
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, width / 2, height / 2);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.write_header()?.write_image_data(&pixels)?;
    Ok(file)
}

fn fine_size(scene: &Scene) -> (u32, u32) {
    // Even, so that halving leaves nothing over.
    let even = |v: f64| (v * FINE / 2.0).ceil() as u32 * 2;
    (even(scene.width), even(scene.height))
}

fn whole((x, y): At) -> (i32, i32) {
    ((x * FINE).round() as i32, (y * FINE).round() as i32)
}

type Drawn<B> = Result<(), plotters_backend::DrawingErrorKind<<B as DrawingBackend>::ErrorType>>;

fn draw<B>(
    scene: &Scene,
    backend: &mut B,
    mut path: impl FnMut(&mut B, Vec<(i32, i32)>, &Ink) -> Drawn<B>,
) -> Result<(), RenderError>
where
    B: DrawingBackend<ErrorType: 'static>,
{
    let (width, height) = backend.get_size();
    let paper = Ink {
        colour: Rgb::PAPER,
        width: 1,
    };
    backend.draw_rect((0, 0), (width as i32, height as i32), &paper, true)?;
    for shape in &scene.shapes {
        match shape {
            Shape::Line {
                points,
                width,
                colour,
            } => {
                let ink = Ink {
                    colour: *colour,
                    width: (width * FINE).round() as u32,
                };
                let mut points: Vec<_> = points.iter().copied().map(whole).collect();
                points.dedup();
                path(backend, points, &ink)?;
            }
            Shape::Area { corners, colour } => {
                let ink = Ink {
                    colour: *colour,
                    width: 1,
                };
                backend.fill_polygon(corners.iter().copied().map(whole), &ink)?;
            }
            Shape::Text { text, at, style } => {
                let style = TextStyle {
                    size: style.size * FINE,
                    ..*style
                };
                backend.draw_text(text, &style, whole(*at))?;
            }
        }
    }
    backend.present()?;
    Ok(())
}

/// Strokes a path as one quadrangle a segment with round joints: plotters' own outline of a wide
/// path folds over itself at the sharp corners of a distribution.
fn stroke<B: DrawingBackend>(backend: &mut B, points: &[(i32, i32)], ink: &Ink) -> Drawn<B> {
    let half = f64::from(ink.width) / 2.0;
    for pair in points.windows(2) {
        let ((x0, y0), (x1, y1)) = (pair[0], pair[1]);
        let (dx, dy) = (f64::from(x1 - x0), f64::from(y1 - y0));
        let length = dx.hypot(dy);
        let (nx, ny) = (-dy / length * half, dx / length * half);
        let corner = |x: i32, y: i32, side: f64| {
            (
                (f64::from(x) + side * nx).round() as i32,
                (f64::from(y) + side * ny).round() as i32,
            )
        };
        let quad = [
            corner(x0, y0, 1.0),
            corner(x1, y1, 1.0),
            corner(x1, y1, -1.0),
            corner(x0, y0, -1.0),
        ];
        backend.fill_polygon(quad, ink)?;
    }
    for &joint in points.iter().skip(1).take(points.len().saturating_sub(2)) {
        backend.draw_circle(joint, half as u32, ink, true)?;
    }
    Ok(())
}

/// Averages each square of four pixels into one.
fn halve(fine: &[u8], width: usize) -> Vec<u8> {
    let row = width * 3;
    let mut out = Vec::with_capacity(fine.len() / 4);
    for rows in fine.chunks_exact(2 * row) {
        let (upper, lower) = rows.split_at(row);
        for (a, b) in upper.chunks_exact(6).zip(lower.chunks_exact(6)) {
            for channel in 0..3 {
                let sum: u16 = [a[channel], a[channel + 3], b[channel], b[channel + 3]]
                    .iter()
                    .map(|&v| u16::from(v))
                    .sum();
                out.push((sum / 4) as u8);
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn small() -> Scene {
        let mut scene = Scene::new(40.0, 20.0);
        scene.line(vec![(0.0, 10.0), (40.0, 10.0)], 2.0, Rgb(200, 0, 0));
        scene.text("p99 > 1 & 2", (2.0, 4.0), TextStyle::new(8.0));
        scene
    }

    #[test]
    fn svg_keeps_the_canvas_size_and_escapes() {
        let svg = svg(&small()).unwrap();
        assert!(svg.contains(r#"width="40" height="20""#), "{svg}");
        assert!(svg.contains(r#"viewBox="0 0 160 80""#));
        assert!(svg.contains("p99 &gt; 1 &amp; 2"));
    }

    #[test]
    fn png_has_two_pixels_a_unit_and_the_line_where_it_belongs() {
        let file = png(&small()).unwrap();
        let mut reader = png::Decoder::new(std::io::Cursor::new(file))
            .read_info()
            .unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut pixels).unwrap();
        assert_eq!((info.width, info.height), (80, 40));
        let pixel = |x: usize, y: usize| &pixels[(y * 80 + x) * 3..][..3];
        assert_eq!(pixel(40, 20), [200, 0, 0]);
        assert_eq!(pixel(40, 30), [255, 255, 255]);
        let inked = (0..20).any(|y| (0..80).any(|x| pixel(x, y)[0] < 100));
        assert!(inked, "the text left ink above the line");
    }
}
