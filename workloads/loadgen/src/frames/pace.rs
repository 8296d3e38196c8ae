//! Bursts at equal distances. What is late leaves late, together with what has become due meanwhile; nothing is skipped
//! before the deadline.
//!
//! A call costs its CPU some 25 us before it has made a frame, and some 140 us more in a kernel worker a second later:
//! each has a page pool of its own, which cannot be given up while a frame of it is on its way
//! (`page_pool_release_retry`). A router on the same CPU needs that time. So bursts that are closer together than
//! [`CALLS_EVERY_NS`] wait for the next multiple of it and leave together.

use sys::clock;

use crate::phases::Phases;
use crate::{ClientError, Recording};

/// Frames of one call at most: at a million a second a few milliseconds, after which time is looked at again.
const LONGEST_CALL: u64 = 4096;

/// From one call to the next at least, on schedule, ns: a quarter of what a sender may be late before it is told, and at
/// half a million frames a second half of veth's queue.
const CALLS_EVERY_NS: u64 = 250_000;

/// A sequence of bursts.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bursts {
    /// From one to the next, ns.
    pub(super) gap_ns: f64,
    /// When the first is due, ns after the start.
    pub(super) first_ns: f64,
    /// Frames of each.
    pub(super) frames: u32,
}

impl Bursts {
    /// When a burst is due, ns after the start.
    fn due_ns(self, burst: u64) -> u64 {
        (self.first_ns + self.gap_ns * burst as f64) as u64
    }

    /// When the call is to be made that a burst leaves by, ns after the start.
    fn call_ns(self, burst: u64) -> u64 {
        let due_ns = self.due_ns(burst);
        if self.gap_ns < CALLS_EVERY_NS as f64 {
            due_ns.next_multiple_of(CALLS_EVERY_NS)
        } else {
            due_ns
        }
    }

    /// Bursts that are due before so long after the start.
    pub(super) fn due_by(self, after_ns: u64) -> u64 {
        let mut bursts = ((after_ns as f64 - self.first_ns) / self.gap_ns).max(0.0) as u64;
        // The quotient may be off by one either way.
        bursts = bursts.saturating_sub(1);
        while self.due_ns(bursts) < after_ns {
            bursts += 1;
        }
        bursts
    }

    /// Sends every burst of the load by `make`, which is told how many frames to make; returns how late those of the
    /// measure phase were. What the deadline finds waiting is not sent.
    pub(super) fn send(
        self,
        phases: Phases,
        mut make: impl FnMut(u32) -> Result<(), ClientError>,
    ) -> Result<Recording, ClientError> {
        let mut lag = Recording::new();
        let all = self.due_by(phases.warmup_ns + phases.measure_ns);
        let at_once = (LONGEST_CALL / u64::from(self.frames)).max(1);
        let mut sent = 0;
        while sent < all {
            clock::sleep_until_ns(phases.start_ns + self.call_ns(sent));
            let now_ns = clock::now_ns();
            if now_ns >= phases.deadline() {
                break;
            }
            let since_ns = now_ns.saturating_sub(phases.start_ns);
            // What is due at this very moment is due.
            let until = self.due_by(since_ns + 1).min(all).max(sent + 1);
            let until = until.min(sent + at_once);
            make((until - sent) as u32 * self.frames)?;
            for burst in sent..until {
                let due_ns = self.due_ns(burst);
                if phases.offset_in_measure(due_ns).is_some() {
                    lag.record(since_ns.saturating_sub(due_ns));
                }
            }
            sent = until;
        }
        Ok(lag)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn phases(start_ns: u64, warmup_ns: u64, measure_ns: u64) -> Phases {
        Phases {
            start_ns,
            warmup_ns,
            measure_ns,
            grace_ns: 1_000_000_000,
        }
    }

    #[test]
    fn bursts_are_counted_by_when_they_are_due() {
        let bursts = Bursts {
            gap_ns: 100.0,
            first_ns: 50.0,
            frames: 10,
        };
        let counts = [0, 50, 51, 150, 151, 1_051].map(|after| bursts.due_by(after));
        assert_eq!(counts, [0, 0, 1, 1, 2, 11]);
    }

    #[test]
    fn every_burst_is_sent_and_the_measured_ones_are_timed() {
        let bursts = Bursts {
            gap_ns: 250_000.0,
            first_ns: 0.0,
            frames: 3,
        };
        let mut made = 0;
        let phases = phases(clock::now_ns(), 2_500_000, 5_000_000);
        let lag = bursts.send(phases, |frames| {
            made += frames;
            Ok(())
        });
        assert_eq!(made, 90);
        assert_eq!(lag.unwrap().latency().histogram().len(), 20);
        assert!(clock::now_ns() >= phases.start_ns + 7_250_000, "none early");
    }

    #[test]
    fn close_bursts_share_calls() {
        let bursts = Bursts {
            gap_ns: 10_000.0,
            first_ns: 5_000.0,
            frames: 2,
        };
        let mut calls = Vec::new();
        let phases = phases(clock::now_ns() + 1_000_000, 0, 1_000_000);
        let lag = bursts.send(phases, |frames| {
            calls.push(frames);
            Ok(())
        });
        assert_eq!(calls.iter().sum::<u32>(), 200);
        assert!(calls.len() <= 4, "{calls:?}");
        let lag = lag.unwrap().latency();
        assert_eq!(lag.histogram().len(), 100);
        assert!(
            lag.histogram().max() >= 240_000,
            "they waited for each other"
        );
    }

    #[test]
    fn late_bursts_leave_together_and_none_after_the_deadline() {
        let bursts = Bursts {
            gap_ns: 1_000.0,
            first_ns: 0.0,
            frames: 1,
        };
        let mut calls = Vec::new();
        let began_ns = clock::now_ns() - 10_000_000;
        let lag = bursts.send(phases(began_ns, 0, 1_000_000), |frames| {
            calls.push(frames);
            Ok(())
        });
        assert_eq!(calls, [1_000]);
        let lag = lag.unwrap().latency();
        assert!(lag.histogram().min() >= 9_000_000);

        let gone_ns = clock::now_ns() - 2_000_000_000;
        let lag = bursts.send(phases(gone_ns, 0, 1_000_000), |_| panic!("too late"));
        assert_eq!(lag.unwrap().latency().histogram().len(), 0);
    }
}
