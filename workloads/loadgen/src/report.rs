//! What a client reports.

use serde::{Deserialize, Serialize};

use sys::account::Usage;
use sys::cpu::Pinned;

use crate::{Gaps, Latency, Ledger, Trace};

/// The outcome of a trial as the client saw it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClientReport {
    /// Requests over the whole trial; closed.
    pub ledger: Ledger,
    /// The measure phase.
    pub measured: Measured,
    /// Latency from the intended send time over answered requests of the measure phase, ns.
    pub latency: Latency,
    /// The same by interval of intended send time.
    pub intervals: Vec<Interval>,
    /// Actual minus intended send time of requests of the measure phase that were sent, ns.
    pub send_lag: Latency,
    /// Times between the sends of each thread.
    pub gaps: Vec<Gaps>,
    /// Where each pinned thread was allowed to run at its end.
    pub pinned: Vec<Pinned>,
    /// What the client's side lost, and what else it counted.
    pub losses: Losses,
    /// Fingerprint of the schedule, as 16 hexadecimal digits.
    pub schedule: String,
    /// What carried the datagrams, as obtained.
    pub transport: String,
    /// Every request, where the configuration asks for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<Trace>,
}

/// Requests whose intended send time lies in the measure phase, unless a field says otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Measured {
    /// Length of the phase, ns.
    pub length_ns: u64,
    /// Requests that expect a reply.
    pub requests: u64,
    /// Of them, answered within the timeout: as many as `latency` holds.
    pub answered: u64,
    /// Of them, unsent or timed out: they rank at +inf.
    pub unanswered: u64,
    /// Complete replies that arrived in the phase, to whatever request: the achieved rate.
    pub replies: u64,
    /// Requests that were sent in the phase, whenever they were due.
    pub sends: u64,
    /// What the client's threads used in the phase.
    pub used: Usage,
}

impl Measured {
    /// Complete replies per second.
    #[must_use]
    pub fn achieved_rps(&self) -> f64 {
        self.replies as f64 * 1e9 / self.length_ns as f64
    }
}

/// Latency over one interval of intended send times.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// Start of the interval, ns since the start of the measure phase.
    pub start_ns: u64,
    /// Requests due in the interval that expect a reply.
    pub requests: u64,
    /// Latency over its answered requests, ns.
    pub latency: Latency,
}

/// What a transport counted since it was opened.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Losses {
    /// Datagrams lost, each under one name only.
    pub drops: Vec<NamedCount>,
    /// Other events, which may describe the same datagrams again.
    pub evidence: Vec<NamedCount>,
}

impl Losses {
    /// Adds the counts of a transport of the same kind.
    pub(crate) fn merge(&mut self, other: &Self) {
        for (mine, theirs) in [
            (&mut self.drops, &other.drops),
            (&mut self.evidence, &other.evidence),
        ] {
            for (sum, more) in mine.iter_mut().zip(theirs) {
                sum.count += more.count;
            }
        }
    }
}

/// A counter's reading.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NamedCount {
    /// What happened, as in `xsk_rx_ring_full`.
    pub name: String,
    /// The counter that it was read from.
    pub source: String,
    /// How many datagrams or events.
    pub count: u64,
}

impl NamedCount {
    pub(crate) fn new(name: &str, source: &str, count: u64) -> Self {
        Self {
            name: name.to_owned(),
            source: source.to_owned(),
            count,
        }
    }
}

impl ClientReport {
    /// The counts alone, of a load whose times mean nothing.
    pub(crate) fn without_times(self) -> Self {
        Self {
            latency: Latency::new(),
            intervals: Vec::new(),
            send_lag: Latency::new(),
            gaps: Vec::new(),
            ..self
        }
    }

    /// The latency at quantile `q` of the measure phase, ns; `None` when it lies beyond the timeout.
    #[must_use]
    pub fn quantile(&self, q: f64) -> Option<u64> {
        self.latency.quantile(q, self.measured.unanswered)
    }
}
