//! What NetSlices (Marian, Lee, Weatherspoon, ANCS 2012) writes of a sweep's end: Figure 6, IPsec over the number of slices.

use analysis::netslices::{IPSEC_IN_KERNEL, IPSEC_OF_SLICES, Published};
use spec::ProcessorKind;

use super::Row;
use crate::canvas::axis::Axis;
use crate::canvas::panel::{Panel, Strip};
use crate::canvas::scene::{Rect, Scene};
use crate::canvas::style::{Marker, Rgb};
use crate::plot::FULL_FRAME;
use crate::run::Trials;

/// What a caption says where there are such.
pub(super) const LEAD: &str = " Where NetSlices'12 tops off with all CPUs of its machine (Figure 6), full-size frames, stands in a \
                               panel of its own.";

/// What is drawn beside a row of this sweep: names and throughput.
pub(super) fn beside(trials: &Trials, row: &Row<'_>) -> Vec<(&'static str, Published)> {
    let alike = |setting: usize| {
        let traffic = trials.settings[setting].traffic.as_ref();
        traffic.is_some_and(|it| {
            it.processor == ProcessorKind::Ipsec.name() && it.frame_bytes >= FULL_FRAME
        })
    };
    if row.axis == "queues" && row.cells.iter().all(|(_, cell)| alike(cell.setting)) {
        vec![
            ("RouteBricks", IPSEC_IN_KERNEL),
            ("NetSlice", IPSEC_OF_SLICES),
        ]
    } else {
        Vec::new()
    }
}

/// Draws them on an axis of their own.
pub(super) fn panel(scene: &mut Scene, place: Rect, published: &[(&str, Published)]) {
    let most = published.iter().map(|(_, it)| it.value).fold(0.0, f64::max);
    let names = Axis::rows(published.iter().map(|(name, _)| (*name).to_owned()));
    let x = Axis::linear("Gb/s", 0.0, most * 1.08, 3);
    let panel = Panel::new(place, "NetSlices'12, Figure 6", x, names, Strip::None);
    panel.frame(scene);
    for (at, (_, of)) in published.iter().enumerate() {
        let end = panel.at(of.value, at as f64);
        scene.line(vec![panel.at(0.0, at as f64), end], 1.2, Rgb::REFERENCE);
        scene.marker(end, Marker::Diamond, 5.0, Rgb::REFERENCE, false);
    }
}

#[cfg(test)]
mod tests {
    use super::super::{draw, rows};
    use super::*;
    use crate::figure::Drawing;
    use crate::packets::Packets;
    use crate::run::Run;
    use crate::tests::assert_legible;

    #[test]
    fn full_size_frames_over_queues_stand_beside_the_paper() {
        let folder = tempfile::tempdir().unwrap();
        let shape = |processor| Packets {
            processor,
            ..Packets::SATURATED
        };
        shape(("ipsec", "pair")).write(folder.path());
        let run = Run::read(folder.path()).unwrap();
        let Drawing::Picture(picture) = draw(&run).unwrap() else {
            panic!("there is a sweep to draw");
        };
        assert_legible("over_sweep with the paper's", &picture.scene);
        let trials = run.forwarded.as_ref().unwrap();
        let cells = trials.cells(&[]).unwrap();
        let rows = rows(trials, &cells);
        // A row over frame sizes for each number of queues, and one over queues for each size.
        assert_eq!(rows.len(), 4);
        for row in rows {
            let expected = row.axis == "queues" && row.heading.contains("frames of 1514 B");
            let values: Vec<f64> = beside(trials, &row)
                .iter()
                .map(|(_, it)| it.value)
                .collect();
            let told: &[f64] = if expected { &[9.157, 8.513] } else { &[] };
            assert_eq!(values, told, "{}", row.heading);
        }
        let routed = tempfile::tempdir().unwrap();
        shape(("router", "chain")).write(routed.path());
        let run = Run::read(routed.path()).unwrap();
        let Drawing::Picture(picture) = draw(&run).unwrap() else {
            panic!("there is a sweep to draw");
        };
        let texts = picture.scene.text_boxes();
        assert!(!texts.iter().any(|(text, _)| text.contains("NetSlices'12")));
    }
}
