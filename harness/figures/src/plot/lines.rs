//! Estimates against a load: the range of their axis, and a series' line with its whiskers.

use stats::Estimate;

use crate::canvas::panel::Panel;
use crate::canvas::scene::Scene;
use crate::facets::Look;

/// What a logarithmic axis of the estimates spans, and whether any of them lies beyond the timeout.
pub(super) fn range(estimates: impl Iterator<Item = Estimate>) -> (f64, f64, bool) {
    let (mut low, mut high, mut beyond) = (f64::INFINITY, 0.0f64, false);
    for value in estimates.flat_map(|e| [e.low, e.value, e.high]) {
        if value.is_infinite() {
            beyond = true;
        } else if value > 0.0 {
            (low, high) = (low.min(value), high.max(value));
        }
    }
    if low.is_finite() {
        (low, high, beyond)
    } else {
        (1.0, 1000.0, beyond)
    }
}

/// Draws a series' (load, estimate) points, moved `aside` by so many pixels: series of one load would
/// hide each other.
pub(super) fn line(
    panel: &Panel,
    scene: &mut Scene,
    points: &[(f64, Estimate)],
    aside: f64,
    look: Look,
) {
    let at = |load: f64, value: f64| {
        let (x, y) = panel.at(load, value);
        (x + aside, y)
    };
    let middles: Vec<_> = points.iter().map(|(load, e)| at(*load, e.value)).collect();
    scene.dashed(&middles, look.dash, 2.0, look.colour);
    for (load, e) in points {
        let (middle, low, high) = (at(*load, e.value), at(*load, e.low), at(*load, e.high));
        panel.whisker(scene, middle, low, high, look.colour);
        scene.marker(middle, look.marker, 4.5, look.colour, look.filled);
    }
}

/// How far series number `series` of `of` is moved aside.
pub(super) fn aside(series: usize, of: usize) -> f64 {
    (series as f64 - (of - 1) as f64 / 2.0) * 1.5
}
