//! Which request comes next, and when: by the schedule's times, or by what was done before.
//!
//! In an open loop requests are due at times that nothing in the trial changes. In a closed loop a
//! request is due as soon as fewer than `depth` are under way, and the schedule says only what it
//! asks for; it starts over when it is used up. A closed loop's request has no intended time but
//! that of its actual send: a slow server slows the load down, so such latencies answer another
//! question than an open loop's and never share an axis with them.

use model::{Planned, Schedule};

use crate::Mode;
use crate::phases::Phases;

/// See the [module](self).
#[derive(Debug)]
pub(crate) struct Supply {
    /// Indices into the schedule of the requests of this thread, in order.
    part: Vec<u32>,
    next: usize,
    mode: Mode,
}

/// A request whose time has come.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Due {
    /// Its index in the schedule.
    pub(crate) index: u32,
    /// The request; its time is the intended one.
    pub(crate) planned: Planned,
}

impl Supply {
    /// The requests of `schedule` whose flow `mine` accepts, as many as belong to `phases`.
    pub(crate) fn new(
        schedule: &Schedule,
        mine: impl Fn(u16) -> bool,
        mode: Mode,
        phases: &Phases,
    ) -> Self {
        let ours = |planned: &Planned| match mode {
            Mode::Open => mine(planned.flow) && planned.at_ns < phases.scheduled_ns(),
            Mode::Closed { .. } | Mode::Held { .. } | Mode::Saturate => mine(planned.flow),
        };
        let requests = (0u32..).zip(&schedule.requests);
        let part = requests.filter(|(_, planned)| ours(planned));
        Self {
            part: part.map(|(index, _)| index).collect(),
            next: 0,
            mode,
        }
    }

    /// The requests that are offered before any is sent.
    pub(crate) fn offered<'a>(
        &'a self,
        schedule: &'a Schedule,
    ) -> impl Iterator<Item = &'a Planned> {
        let part = match self.mode {
            Mode::Open | Mode::Held { .. } | Mode::Saturate => self.part.as_slice(),
            Mode::Closed { .. } => &[],
        };
        part.iter().map(|index| &schedule.requests[*index as usize])
    }

    /// The next request, if it is due while `pending` are under way.
    pub(crate) fn due(
        &self,
        schedule: &Schedule,
        phases: &Phases,
        pending: u64,
        now_ns: u64,
    ) -> Option<Due> {
        let index = *self.part.get(self.next)?;
        let mut planned = schedule.requests[index as usize];
        match self.mode {
            Mode::Open | Mode::Held { .. } | Mode::Saturate => {
                if phases.start_ns + planned.at_ns > now_ns {
                    return None;
                }
            }
            Mode::Closed { depth } => {
                if pending >= u64::from(depth) || !phases.loading(now_ns) {
                    return None;
                }
                planned.at_ns = now_ns - phases.start_ns;
            }
        }
        Some(Due { index, planned })
    }

    /// The request that was due is sent.
    pub(crate) fn advance(&mut self) {
        self.next += 1;
        match self.mode {
            Mode::Open | Mode::Held { .. } | Mode::Saturate => {}
            Mode::Closed { .. } => {
                if self.next == self.part.len() {
                    self.next = 0;
                }
            }
        }
    }

    /// When a request of this schedule entry that was sent at `sent_ns` was meant to be sent, ns
    /// since the start.
    pub(crate) fn intended_ns(&self, planned: &Planned, phases: &Phases, sent_ns: u64) -> u64 {
        match self.mode {
            Mode::Open | Mode::Held { .. } | Mode::Saturate => planned.at_ns,
            Mode::Closed { .. } => sent_ns - phases.start_ns,
        }
    }

    /// From when on nothing more is sent.
    pub(crate) const fn deadline(&self, phases: &Phases) -> u64 {
        match self.mode {
            Mode::Open | Mode::Held { .. } | Mode::Saturate => phases.deadline(),
            Mode::Closed { .. } => phases.measure_end(),
        }
    }

    /// Stops; returns how many requests were offered and not sent, where the schedule decides that.
    pub(crate) fn stop(&mut self) -> u64 {
        let left = self.part.len() - self.next;
        self.next = self.part.len();
        match self.mode {
            Mode::Open | Mode::Held { .. } | Mode::Saturate => left as u64,
            Mode::Closed { .. } => 0,
        }
    }

    /// Whether there may be more to send.
    pub(crate) fn has_more(&self) -> bool {
        self.next < self.part.len()
    }

    /// When the next request is due, CLOCK_MONOTONIC ns; none while it waits for another's end, or
    /// when there is none.
    pub(crate) fn next_ns(
        &self,
        schedule: &Schedule,
        phases: &Phases,
        pending: u64,
    ) -> Option<u64> {
        let index = *self.part.get(self.next)?;
        match self.mode {
            Mode::Open | Mode::Held { .. } | Mode::Saturate => {
                Some(phases.start_ns + schedule.requests[index as usize].at_ns)
            }
            Mode::Closed { depth } => (pending < u64::from(depth)).then_some(phases.start_ns),
        }
    }

    /// Whether latency counts from a time fixed beforehand.
    pub(crate) const fn is_scheduled(&self) -> bool {
        match self.mode {
            Mode::Open | Mode::Held { .. } | Mode::Saturate => true,
            Mode::Closed { .. } => false,
        }
    }
}
