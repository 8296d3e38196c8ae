//! The times of a trial, CLOCK_MONOTONIC ns.

/// When each phase of a trial begins and ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Phases {
    /// The zero of the schedule; warmup begins.
    pub(crate) start_ns: u64,
    /// Length of the warmup.
    pub(crate) warmup_ns: u64,
    /// Length of the measure phase.
    pub(crate) measure_ns: u64,
    /// Late requests are sent up to this long after the measure phase.
    pub(crate) grace_ns: u64,
}

impl Phases {
    /// The first moment of the measure phase.
    pub(crate) const fn measure_start(&self) -> u64 {
        self.start_ns + self.warmup_ns
    }

    /// The first moment after the measure phase.
    pub(crate) const fn measure_end(&self) -> u64 {
        self.measure_start() + self.measure_ns
    }

    /// What is not sent by then is unsent.
    pub(crate) const fn deadline(&self) -> u64 {
        self.measure_end() + self.grace_ns
    }

    /// Requests meant for this time of the schedule or later belong to no phase.
    pub(crate) const fn scheduled_ns(&self) -> u64 {
        self.warmup_ns + self.measure_ns
    }

    /// How far into the measure phase a request of the schedule is meant to be sent.
    pub(crate) const fn offset_in_measure(&self, at_ns: u64) -> Option<u64> {
        if at_ns >= self.warmup_ns && at_ns < self.scheduled_ns() {
            Some(at_ns - self.warmup_ns)
        } else {
            None
        }
    }

    /// True from the start of the warmup to the end of the measure phase.
    pub(crate) const fn loading(&self, now_ns: u64) -> bool {
        now_ns >= self.start_ns && now_ns < self.measure_end()
    }

    /// True at a moment of the measure phase.
    pub(crate) const fn measuring(&self, now_ns: u64) -> bool {
        now_ns >= self.measure_start() && now_ns < self.measure_end()
    }

    /// The next edge of the measure phase after `now_ns`.
    pub(crate) fn next_edge(&self, now_ns: u64) -> Option<u64> {
        [self.measure_start(), self.measure_end()]
            .into_iter()
            .find(|edge| *edge > now_ns)
    }
}
