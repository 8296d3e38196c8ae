//! The end of a slice in the measure phase of a packet trial: what became of its frames, and what the other slices and the kernel
//! noticed of it (NetSlices, section 1).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What was seen when the process of a slice was killed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SliceFault {
    /// The slice, counted from 0.
    pub slice: u16,
    /// From the begin of the measure phase to the signal, ns.
    pub killed_ns: u64,
    /// From the signal until the process had ended and its sockets were closed, ns.
    pub gone_ns: u64,
    /// Each slice; index = its queue.
    pub slices: Vec<SliceFrames>,
    /// What was looked at in the kernel.
    pub kernel: KernelSeen,
}

/// Frames of a slice, by its queue. The router's programs count what comes, and the receiver what is delivered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SliceFrames {
    /// Came for it in the trial until the signal.
    pub arrived_before: u64,
    /// Came for it in the trial after that.
    pub arrived_after: u64,
    /// Were delivered in the trial.
    pub delivered: u64,
    /// Delivered a second of the measure phase, until the signal. Empty where no step of it lies there.
    pub before_fps: Option<f64>,
    /// Delivered a second of it, once the slice was gone. Empty likewise.
    pub after_fps: Option<f64>,
}

/// What a killed process could have done to the kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KernelSeen {
    /// `kernel.tainted` before the first frame.
    pub taint_before: u64,
    /// The same after the last one.
    pub taint_after: u64,
    /// Whether, after the last frame, the kernel gave the queue and its sockets to another process.
    pub queue_free: bool,
}

impl SliceFrames {
    /// Frames that came for it.
    #[must_use]
    pub const fn arrived(self) -> u64 {
        self.arrived_before + self.arrived_after
    }

    /// Frames that came for it and were not delivered.
    #[must_use]
    pub const fn lost(self) -> u64 {
        self.arrived().saturating_sub(self.delivered)
    }
}

impl SliceFault {
    /// The slice that was killed.
    #[must_use]
    pub fn dead(&self) -> Option<SliceFrames> {
        self.slices.get(usize::from(self.slice)).copied()
    }

    /// The slices that were not.
    pub fn survivors(&self) -> impl Iterator<Item = SliceFrames> {
        let slices = self.slices.iter().enumerate();
        let others = slices.filter(|(number, _)| *number != usize::from(self.slice));
        others.map(|(_, slice)| *slice)
    }

    /// Frames that came for the other slices.
    #[must_use]
    pub fn survivors_arrived(&self) -> u64 {
        self.survivors().map(SliceFrames::arrived).sum()
    }

    /// Of them, those that were not delivered.
    #[must_use]
    pub fn survivors_lost(&self) -> u64 {
        self.survivors().map(SliceFrames::lost).sum()
    }

    /// Of the frames that came for the other slices, the share that was delivered; `None` where none came.
    #[must_use]
    pub fn survivors_delivered_share(&self) -> Option<f64> {
        let arrived = self.survivors_arrived();
        let delivered = arrived - self.survivors_lost();
        (arrived > 0).then(|| delivered as f64 / arrived as f64)
    }

    /// What the other slices delivered a second once the slice was gone, over what they did until the signal.
    #[must_use]
    pub fn survivors_rate_kept(&self) -> Option<f64> {
        let mut rates = (0.0, 0.0);
        for slice in self.survivors() {
            rates.0 += slice.before_fps?;
            rates.1 += slice.after_fps?;
        }
        (rates.0 > 0.0).then(|| rates.1 / rates.0)
    }

    /// Whether the kernel is as it was: not tainted anew, the dead slice's queue still served by its NAPI thread, which is
    /// how frames came for it after the signal, and free for another process.
    #[must_use]
    pub fn kernel_unharmed(&self) -> bool {
        let KernelSeen {
            taint_before,
            taint_after,
            queue_free,
        } = self.kernel;
        let served = |dead: SliceFrames| dead.arrived_after > 0 || dead.arrived_before == 0;
        taint_before == taint_after && queue_free && self.dead().is_some_and(served)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slice(arrived: (u64, u64), delivered: u64, rates: (f64, f64)) -> SliceFrames {
        SliceFrames {
            arrived_before: arrived.0,
            arrived_after: arrived.1,
            delivered,
            before_fps: Some(rates.0),
            after_fps: Some(rates.1),
        }
    }

    fn fault() -> SliceFault {
        SliceFault {
            slice: 1,
            killed_ns: 100,
            gone_ns: 5,
            slices: vec![
                slice((100, 100), 199, (1000.0, 1010.0)),
                slice((90, 80), 88, (900.0, 0.0)),
                slice((50, 50), 100, (500.0, 490.0)),
            ],
            kernel: KernelSeen {
                taint_before: 1,
                taint_after: 1,
                queue_free: true,
            },
        }
    }

    #[test]
    fn what_the_others_lost_is_told_apart_from_what_the_dead_slice_did() {
        let fault = fault();
        assert_eq!(
            (fault.survivors_arrived(), fault.survivors_lost()),
            (300, 1)
        );
        assert_eq!(fault.survivors_delivered_share(), Some(299.0 / 300.0));
        assert_eq!(fault.survivors_rate_kept(), Some(1.0));
        assert_eq!(fault.dead().map(SliceFrames::lost), Some(82));
    }

    #[test]
    fn harm_of_the_kernel_is_a_new_taint_a_queue_that_is_stuck_or_one_that_is_not_served() {
        assert!(fault().kernel_unharmed());
        let harmed = |change: fn(&mut SliceFault)| {
            let mut fault = fault();
            change(&mut fault);
            !fault.kernel_unharmed()
        };
        assert!(harmed(|fault| fault.kernel.taint_after = 129));
        assert!(harmed(|fault| fault.kernel.queue_free = false));
        assert!(harmed(|fault| fault.slices[1].arrived_after = 0));
        let mut silent = fault();
        (
            silent.slices[1].arrived_before,
            silent.slices[1].arrived_after,
        ) = (0, 0);
        assert!(silent.kernel_unharmed(), "nothing was sent to it at all");
    }

    #[test]
    fn without_frames_there_are_no_shares() {
        let mut fault = fault();
        fault.slices = vec![SliceFrames::default(); 3];
        assert_eq!(fault.survivors_delivered_share(), None);
        assert_eq!(fault.survivors_rate_kept(), None);
    }
}
