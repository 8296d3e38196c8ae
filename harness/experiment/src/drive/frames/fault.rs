//! The end of a slice, from what router and receiver saw of it. Pure.

use record::{DeliveredStep, SliceFault, SliceFrames};

use crate::agents::fault::FaultSeen;
use crate::agents::in_kernel::count::arrived;
use crate::agents::serving::Counts;

/// What became of each slice. `receiver` is the whole trial's, `steps` are those of the measure phase.
pub(super) fn fault(seen: &FaultSeen, receiver: &Counts, steps: &[DeliveredStep]) -> SliceFault {
    let delivered = arrived(receiver);
    let gone_at_ns = seen.killed_ns + seen.gone_ns;
    let came = seen.before.iter().zip(&seen.after).zip(0..);
    let slices = came.map(|((before, after), queue)| SliceFrames {
        arrived_before: *before,
        arrived_after: *after,
        delivered: delivered.get(usize::from(queue)).copied().unwrap_or(0),
        before_fps: rate(steps, queue, |step| {
            step.start_ns + step.length_ns <= seen.killed_ns
        }),
        after_fps: rate(steps, queue, |step| step.start_ns >= gone_at_ns),
    });
    SliceFault {
        slice: seen.slice,
        killed_ns: seen.killed_ns,
        gone_ns: seen.gone_ns,
        slices: slices.collect(),
        kernel: seen.kernel,
    }
}

/// Frames a second of a queue in the steps that are meant; `None` where there is none.
fn rate(
    steps: &[DeliveredStep],
    queue: u16,
    meant: impl Fn(&DeliveredStep) -> bool,
) -> Option<f64> {
    let steps = steps.iter().filter(|step| step.queue == queue);
    let (frames, length_ns) = steps
        .filter(|step| meant(step))
        .fold((0, 0), |(frames, length_ns), step| {
            (frames + step.frames, length_ns + step.length_ns)
        });
    (length_ns > 0).then(|| frames as f64 * 1e9 / length_ns as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use record::KernelSeen;

    #[test]
    fn rates_are_of_whole_steps_before_the_signal_and_after_the_end() {
        let seen = FaultSeen {
            slice: 0,
            killed_ns: 45,
            gone_ns: 20,
            before: vec![100, 200],
            after: vec![90, 190],
            kernel: KernelSeen {
                taint_before: 0,
                taint_after: 0,
                queue_free: true,
            },
        };
        let step = |start_ns, queue, frames| DeliveredStep {
            start_ns,
            length_ns: 20,
            queue,
            frames,
        };
        // The third and the fourth step hold the signal and what came of it.
        let steps: Vec<DeliveredStep> = [(0, 4), (20, 6), (40, 99), (60, 99), (80, 2)]
            .into_iter()
            .flat_map(|(start_ns, frames)| [step(start_ns, 0, 0), step(start_ns, 1, frames)])
            .collect();
        let receiver = Counts {
            related: vec![
                ("arrived_queue_0".to_owned(), 95),
                ("arrived_queue_1".to_owned(), 390),
                ("payload_bytes".to_owned(), 7),
            ],
            ..Counts::default()
        };
        let fault = fault(&seen, &receiver, &steps);
        assert_eq!(fault.slices[1].before_fps, Some(10.0 * 1e9 / 40.0));
        assert_eq!(fault.slices[1].after_fps, Some(2.0 * 1e9 / 20.0));
        assert_eq!(fault.slices[0].after_fps, Some(0.0));
        assert_eq!(
            (fault.slices[0].delivered, fault.slices[0].lost()),
            (95, 95)
        );
        assert_eq!(fault.survivors_lost(), 0);
        let late = FaultSeen {
            killed_ns: 95,
            ..seen
        };
        assert_eq!(
            self::fault(&late, &receiver, &steps).slices[1].after_fps,
            None
        );
    }
}
