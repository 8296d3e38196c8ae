//! What arrives by each queue in the course of the measure phase: the receiver's counters, read again and again.

use anyhow::Result;
use record::DeliveredStep;
use sys::clock;

use super::count::arrived;
use crate::agents::serving::Counts;
use crate::agents::timeline::instants;
use crate::agents::window::Window;

/// The frames that had arrived by each queue at a moment (CLOCK_MONOTONIC, ns).
pub(super) type Look = (u64, Vec<u64>);

/// Looks until the measure phase ends.
pub(super) fn looks(window: Window, counts: impl Fn() -> Result<Counts>) -> Result<Vec<Look>> {
    let look = |at_ns| {
        clock::sleep_until_ns(at_ns);
        Ok((clock::now_ns(), arrived(&counts()?)))
    };
    instants(window).map(look).collect()
}

/// What arrived between two looks each, by queue.
pub(super) fn steps(looks: &[Look], window: Window) -> Vec<DeliveredStep> {
    let from_ns = window.measure_from_ns();
    let between = looks.windows(2).flat_map(|pair| {
        let [(began_ns, before), (ended_ns, after)] = [&pair[0], &pair[1]];
        let queues = before.iter().zip(after).zip(0..);
        queues.map(move |((before, after), queue)| DeliveredStep {
            start_ns: began_ns.saturating_sub(from_ns),
            length_ns: ended_ns - began_ns,
            queue,
            frames: after.saturating_sub(*before),
        })
    });
    between.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_what_arrived_between_two_looks_by_each_queue() {
        let window = Window {
            start_ns: 1_000,
            warmup_ns: 500,
            measure_ns: 40,
        };
        let looks = [
            (1_500, vec![10, 20]),
            (1_520, vec![12, 20]),
            (1_541, vec![12, 25]),
        ];
        let step = |start_ns, length_ns, queue, frames| DeliveredStep {
            start_ns,
            length_ns,
            queue,
            frames,
        };
        let expected = [
            step(0, 20, 0, 2),
            step(0, 20, 1, 0),
            step(20, 21, 0, 0),
            step(20, 21, 1, 5),
        ];
        assert_eq!(steps(&looks, window), expected);
        assert_eq!(steps(&looks[..1], window), []);
    }
}
