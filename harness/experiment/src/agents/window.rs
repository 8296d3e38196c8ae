//! The clock of a trial, in times that every process of this machine shares.

use serde::{Deserialize, Serialize};

/// When a trial's phases begin and end, in CLOCK_MONOTONIC nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Window {
    /// First intended send.
    pub(crate) start_ns: u64,
    /// Load without measurement.
    pub(crate) warmup_ns: u64,
    /// The measured load.
    pub(crate) measure_ns: u64,
}

impl Window {
    /// Begin of the measure phase.
    pub(crate) fn measure_from_ns(self) -> u64 {
        self.start_ns + self.warmup_ns
    }

    /// End of the measure phase.
    pub(crate) fn measure_until_ns(self) -> u64 {
        self.measure_from_ns() + self.measure_ns
    }

    /// The whole schedule's length.
    pub(crate) fn load_ns(self) -> u64 {
        self.warmup_ns + self.measure_ns
    }
}
