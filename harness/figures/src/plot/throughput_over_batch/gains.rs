//! What batches and the u-peer's placement gain, here and in section 4.2 of NetSlices (Marian, Lee, Weatherspoon, ANCS 2012).

use analysis::netslices::{BATCHING, PLACEMENT_WITH_BATCHES, PLACEMENT_WITHOUT_BATCHES, Published};
use spec::PeerPlacement::{self, OsDefault, SameCpu};
use stats::Estimate;

use super::Point;
use crate::canvas::axis::Axis;
use crate::canvas::panel::{Panel, Strip};
use crate::canvas::scene::{Rect, Scene};
use crate::canvas::style::{Dash, Marker, Rgb};
use crate::plot::{FULL_FRAME, ratio};
use crate::run::Trials;

/// The batches of the paper's two ends.
const FEWEST: f64 = 1.0;
const MOST: f64 = 256.0;

/// The place and the batch of a point.
type At = (PeerPlacement, f64);

/// A gain that the paper gives: what it is called, of which point over which, and the paper's number. Over which other placement
/// the paper's is one it does not say: both readings stand here.
fn all() -> [(&'static str, At, At, Published); 5] {
    let placed = PeerPlacement::default();
    let over = |other, batch| ((placed, batch), (other, batch));
    let (of_single, single) = over(OsDefault, FEWEST);
    let (of_batched, batched) = over(OsDefault, MOST);
    let (_, single_on_one) = over(SameCpu, FEWEST);
    let (_, batched_on_one) = over(SameCpu, MOST);
    [
        ("256 over 1", of_batched, of_single, BATCHING),
        (
            "over os_default, 1",
            of_single,
            single,
            PLACEMENT_WITHOUT_BATCHES,
        ),
        (
            "over os_default, 256",
            of_batched,
            batched,
            PLACEMENT_WITH_BATCHES,
        ),
        (
            "over same_cpu, 1",
            of_single,
            single_on_one,
            PLACEMENT_WITHOUT_BATCHES,
        ),
        (
            "over same_cpu, 256",
            of_batched,
            batched_on_one,
            PLACEMENT_WITH_BATCHES,
        ),
    ]
}

/// A gain with what was measured of it.
pub(super) struct Gain<'a> {
    pub(super) name: &'static str,
    pub(super) of: &'a Point<'a>,
    pub(super) ours: Option<Estimate>,
    /// The paper's, which is of full-size frames.
    pub(super) paper: Option<f64>,
}

/// The gains that a panel's points have both sides of.
pub(super) fn of<'a>(trials: &Trials, points: &'a [Point<'a>]) -> Vec<Gain<'a>> {
    let found = |(placement, batch): At| {
        let mut points = points.iter();
        points.find(|it| it.placement == placement && it.batch == batch)
    };
    let gain = |(name, of, to, published): (&'static str, At, At, Published)| {
        let (of, to) = (found(of)?, found(to)?);
        let traffic = trials.settings[of.cell.setting].traffic.as_ref();
        let full = traffic.is_some_and(|it| it.frame_bytes >= FULL_FRAME);
        Some(Gain {
            name,
            of,
            ours: ratio(of.cell, to.cell),
            paper: full.then_some(published.value),
        })
    };
    all().into_iter().filter_map(gain).collect()
}

/// Draws them, the paper's below ours.
pub(super) fn panel(scene: &mut Scene, place: Rect, gains: &[Gain<'_>]) {
    let ours = gains.iter().filter_map(|gain| gain.ours);
    let ends = ours.flat_map(|it| [it.low, it.high]);
    let ends = ends.chain(gains.iter().filter_map(|gain| gain.paper));
    let ends = ends.filter(|end| end.is_finite() && *end > 0.0);
    let (low, high) = ends.fold((0.9, 1.1), |(low, high), end| {
        (f64::min(low, end), f64::max(high, end))
    });
    let names = Axis::rows(gains.iter().map(|gain| gain.name.to_owned()));
    let panel = Panel::new(
        place,
        "gained, with 1 or 256 frames a batch",
        Axis::log("ratio", low, high),
        names,
        Strip::None,
    );
    panel.frame(scene);
    if gains.is_empty() {
        panel.note(
            scene,
            &["neither 1 and 256 frames a batch", "nor two placements"],
        );
        return;
    }
    let one = [-0.5, gains.len() as f64 - 0.5].map(|row| panel.at(1.0, row));
    scene.dashed(&one, Dash::Dots, 1.2, Rgb::AXIS);
    for (at, gain) in gains.iter().enumerate() {
        if let Some(it) = gain.ours.filter(|it| it.value > 0.0) {
            let place = |value| panel.at(value, at as f64 - 0.14);
            let (middle, low, high) = (place(it.value), place(it.low), place(it.high));
            panel.whisker(scene, middle, low, high, Rgb::INK);
            scene.marker(middle, Marker::Circle, 4.5, Rgb::INK, true);
        }
        if let Some(ratio) = gain.paper {
            let place = panel.at(ratio, at as f64 + 0.22);
            scene.marker(place, Marker::Diamond, 5.0, Rgb::REFERENCE, false);
        }
    }
}
