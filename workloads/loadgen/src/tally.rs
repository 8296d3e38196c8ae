//! What a client thread records: counts and histograms, merged over threads at the end. While it
//! records, each latency goes into its interval alone; the whole is their sum.

use sys::account::Usage;

use crate::gaps::Sampler;
use crate::phases::Phases;
use crate::{Interval, Latency, Ledger, Measured, Recording};

/// More intervals than this would cost more memory (about 200 kB each) than they tell.
const MOST_INTERVALS: u64 = 3000;

/// The records of one thread at work.
#[derive(Debug)]
pub(crate) struct Tally {
    pub(crate) ledger: Ledger,
    pub(crate) measured: Measured,
    intervals: Vec<Stretch>,
    send_lag: Recording,
    gaps: Sampler,
    interval_ns: u64,
}

/// An interval while it is recorded.
#[derive(Debug, Default)]
struct Stretch {
    requests: u64,
    latency: Recording,
}

/// The records of a thread that is done, or of several.
#[derive(Debug, Clone)]
pub(crate) struct Tallied {
    pub(crate) ledger: Ledger,
    pub(crate) measured: Measured,
    pub(crate) latency: Latency,
    pub(crate) intervals: Vec<Interval>,
    pub(crate) send_lag: Latency,
    pub(crate) gaps: Sampler,
}

impl Tally {
    /// Empty records for a measure phase; intervals widen where there would be too many.
    pub(crate) fn new(phases: &Phases, interval_ns: u64) -> Self {
        let interval_ns = interval_ns.max(phases.measure_ns / MOST_INTERVALS).max(1);
        let intervals = (0..phases.measure_ns.div_ceil(interval_ns))
            .map(|_| Stretch::default())
            .collect();
        Self {
            ledger: Ledger::default(),
            measured: Measured {
                length_ns: phases.measure_ns,
                ..Measured::default()
            },
            intervals,
            send_lag: Recording::new(),
            gaps: Sampler::default(),
            interval_ns,
        }
    }

    /// A request that is meant for `at_ns` of the schedule is offered.
    pub(crate) fn offered(&mut self, phases: &Phases, at_ns: u64, noreply: bool) {
        self.ledger.offered += 1;
        let Some(into) = phases.offset_in_measure(at_ns) else {
            return;
        };
        self.gaps.due();
        if !noreply {
            self.measured.requests += 1;
            self.interval(into).requests += 1;
        }
    }

    /// It was accepted by the transmit path at `now_ns`, in so many datagrams.
    pub(crate) fn sent(&mut self, phases: &Phases, noreply: bool, datagrams: u8, now_ns: u64) {
        self.ledger.sent += 1;
        self.ledger.datagrams += u64::from(datagrams);
        self.measured.sends += u64::from(phases.measuring(now_ns));
        self.ledger.noreply += u64::from(noreply);
    }

    /// A request that was meant for `at_ns` of the schedule was sent at `now_ns`.
    pub(crate) fn lagged(&mut self, phases: &Phases, at_ns: u64, now_ns: u64) {
        if phases.offset_in_measure(at_ns).is_some() {
            self.gaps.sent(now_ns);
            self.send_lag
                .record(now_ns.saturating_sub(phases.start_ns + at_ns));
        }
    }

    /// Its complete reply came at `now_ns`, within the timeout.
    pub(crate) fn answered(&mut self, phases: &Phases, at_ns: u64, now_ns: u64) {
        self.ledger.answered += 1;
        self.reply(phases, now_ns);
        let Some(into) = phases.offset_in_measure(at_ns) else {
            return;
        };
        let latency_ns = now_ns.saturating_sub(phases.start_ns + at_ns);
        self.measured.answered += 1;
        self.interval(into).latency.record(latency_ns);
    }

    /// The interval of an offset into the measure phase, ns.
    fn interval(&mut self, into: u64) -> &mut Stretch {
        &mut self.intervals[(into / self.interval_ns) as usize]
    }

    /// Its complete reply came at `now_ns`, after the timeout.
    pub(crate) fn late(&mut self, phases: &Phases, now_ns: u64) {
        self.ledger.late += 1;
        self.reply(phases, now_ns);
    }

    fn reply(&mut self, phases: &Phases, now_ns: u64) {
        self.measured.replies += u64::from(phases.measuring(now_ns));
    }

    /// No more requests or replies come. `used` is the thread's account of the
    /// measure phase.
    pub(crate) fn close(self, used: Usage) -> Tallied {
        let Self {
            ledger,
            mut measured,
            intervals,
            send_lag,
            gaps,
            interval_ns,
        } = self;
        measured.used = used;
        measured.unanswered = measured.requests - measured.answered;
        let intervals: Vec<_> = (0..)
            .zip(intervals)
            .map(|(n, Stretch { requests, latency })| Interval {
                start_ns: n * interval_ns,
                requests,
                latency: latency.latency(),
            })
            .collect();
        let mut latency = Latency::new();
        for interval in &intervals {
            latency.merge(&interval.latency);
        }
        Tallied {
            ledger,
            measured,
            latency,
            intervals,
            send_lag: send_lag.latency(),
            gaps,
        }
    }
}

impl Tallied {
    /// Adds the records of another thread.
    pub(crate) fn merge(&mut self, other: &Self) {
        self.ledger.merge(&other.ledger);
        self.latency.merge(&other.latency);
        self.send_lag.merge(&other.send_lag);
        for (mine, theirs) in self.intervals.iter_mut().zip(&other.intervals) {
            mine.requests += theirs.requests;
            mine.latency.merge(&theirs.latency);
        }
        let Measured {
            length_ns: _,
            requests,
            answered,
            unanswered,
            replies,
            sends,
            used,
        } = other.measured;
        self.measured.requests += requests;
        self.measured.answered += answered;
        self.measured.unanswered += unanswered;
        self.measured.replies += replies;
        self.measured.sends += sends;
        self.measured.used = self.measured.used + used;
    }
}
