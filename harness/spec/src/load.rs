//! How much and how long: the `load`, `phases` and `sweep` sections.

use std::fmt;

use garde::Validate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::capacity::Capacity;
use crate::pattern::Pattern;
use crate::system::PeerPlacement;
use crate::units::{Bytes, Count, Duration, Rate, Share};

/// The `load` section: every system sees each of its load points.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, Validate, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Load {
    /// Open loop: requests are due at this mean rate, whatever the server does, such as `50 kreq/s`; with `traffic`, frames,
    /// such as `50 kframes/s`.
    #[garde(inner(custom(crate::rules::rate)))]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rates: Vec<Rate>,
    /// Frames in place of `rates`: so often is a burst due, of `traffic.burst` frames or as many as `sweep.burst` says; the rate
    /// is what follows from both.
    #[garde(inner(custom(crate::rules::phase)))]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub every: Vec<Duration>,
    /// How the rates change in the course of the measure phase; each stays the mean there.
    /// Default: they do not change.
    #[garde(inner(custom(crate::rules::pattern)))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pattern: Option<Pattern>,
    /// Closed loop: so many requests are under way at any time over all flows, and the reply (or
    /// timeout) of each sends the next. Latency counts from the actual send: it is no open loop's
    /// latency, and the columns `offered_rps` and `send_lag_p99_ns` are empty.
    #[garde(inner(range(min = 1, max = 65_536)))]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub closed: Vec<u32>,
    /// Drain: so many requests wait in the server's sockets before its threads may begin, at most
    /// 131072. Of `phases` only `timeout` counts: how long replies may stay out when all is done.
    #[garde(inner(custom(crate::rules::drain)))]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub drain: Vec<Count>,
    /// Search: the highest rate at which a service level holds; with `traffic`, at which no more than a share of the frames
    /// is lost. Stands alone.
    #[garde(dive)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capacity: Option<Capacity>,
}

impl Load {
    /// The load points that are known beforehand, in the order in which a block goes through them, of requests or of frames
    /// that come one at a time.
    pub fn points(&self) -> impl Iterator<Item = LoadPoint> {
        self.points_of_bursts(1)
    }

    /// The same of bursts of so many frames.
    pub fn points_of_bursts(&self, burst: u16) -> impl Iterator<Item = LoadPoint> {
        let every = self.every.iter().map(move |every| frames(burst, *every));
        let rates = self.rates.iter().copied().chain(every);
        let rates = rates.map(LoadPoint::Open);
        let closed = self.closed.iter().map(|depth| LoadPoint::Closed(*depth));
        let drain = self
            .drain
            .iter()
            .map(|requests| LoadPoint::Drain(*requests));
        rates.chain(closed).chain(drain)
    }
}

/// The rate of bursts of so many frames that are due so often; frames a second that are no whole number are refused when the
/// spec is read ([`whole`]).
fn frames(burst: u16, every: Duration) -> Rate {
    Rate::frames(u64::from(burst) * SECOND_NS / every.as_nanos().max(1))
}

/// Whether bursts of so many frames that are due so often come to a whole number of frames a second.
pub(crate) fn whole(burst: u16, every: Duration) -> bool {
    let frames = u64::from(burst) * SECOND_NS;
    frames >= every.as_nanos() && frames.is_multiple_of(every.as_nanos().max(1))
}

const SECOND_NS: u64 = 1_000_000_000;

/// How one trial is loaded.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum LoadPoint {
    /// Open loop at this mean rate.
    Open(Rate),
    /// Closed loop with this many requests under way.
    Closed(u32),
    /// This many requests wait in the server's sockets before its workers begin.
    Drain(Count),
    /// As many as the generator can make.
    Saturate,
}

impl LoadPoint {
    /// Whether requests have latencies; else they are counted alone.
    #[must_use]
    pub const fn has_latency(self) -> bool {
        match self {
            Self::Open(_) | Self::Closed(_) => true,
            Self::Drain(_) | Self::Saturate => false,
        }
    }

    /// The offered rate; none where the server's own speed decides it.
    #[must_use]
    pub const fn rate(self) -> Option<Rate> {
        match self {
            Self::Open(rate) => Some(rate),
            Self::Closed(_) | Self::Drain(_) | Self::Saturate => None,
        }
    }
}

impl fmt::Display for LoadPoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Self::Open(rate) => rate.to_string(),
            Self::Closed(depth) => format!("closed {depth}"),
            Self::Drain(requests) => format!("drain {}", requests.get()),
            Self::Saturate => "saturate".to_owned(),
        };
        f.pad(&text)
    }
}

/// The `phases` section: the times of one trial.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Validate, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Phases {
    /// Load that is applied but not measured.
    #[garde(skip)]
    pub warmup: Duration,
    /// Requests due in this phase are measured.
    #[garde(custom(crate::rules::phase))]
    pub measure: Duration,
    /// A request without a reply for this long counts as timed out.
    #[garde(custom(crate::rules::phase))]
    pub timeout: Duration,
}

/// The `sweep` section: values that replace the workload's, the traffic's or the systems', all
/// combinations of them.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, Validate, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Sweep {
    /// Zipf exponents, in place of `workload.popularity`; 0 is uniform.
    #[garde(inner(length(min = 1), inner(custom(crate::rules::theta))))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub theta: Option<Vec<f64>>,
    /// In place of `workload.get_ratio`.
    #[garde(inner(length(min = 1), inner(range(min = 0.0, max = 1.0))))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub get_ratio: Option<Vec<f64>>,
    /// In place of `workload.keys`.
    #[garde(inner(length(min = 1), inner(custom(crate::rules::keys))))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keys: Option<Vec<Count>>,
    /// In place of `workload.key_size`.
    #[garde(inner(length(min = 1), inner(custom(crate::rules::key_bytes))))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_size: Option<Vec<Bytes>>,
    /// In place of `workload.value_size`.
    #[garde(inner(length(min = 1), inner(custom(crate::rules::value_bytes))))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value_size: Option<Vec<Bytes>>,
    /// Shares of keys that have the larger size of a `workload.value_size` that is a mix of two.
    #[garde(inner(length(min = 1), inner(custom(crate::rules::part))))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub large_share: Option<Vec<Share>>,
    /// In place of `workload.flows` or `traffic.flows`.
    #[garde(inner(length(min = 1), inner(range(min = 1, max = 28_000))))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flows: Option<Vec<u16>>,
    /// In place of `workload.multi_get`.
    #[garde(inner(length(min = 1), inner(range(min = 1, max = 100))))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub multi_get: Option<Vec<u16>>,
    /// In place of `traffic.frame_size`.
    #[garde(inner(length(min = 1)))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frame_size: Option<Vec<Bytes>>,
    /// In place of `traffic.burst`.
    #[garde(inner(length(min = 1), inner(range(min = 1, max = 256))))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub burst: Option<Vec<u16>>,
    /// Shares of frames that the link between two proxies loses, in place of `loss` of `maelstrom`.
    #[garde(inner(length(min = 1), inner(custom(crate::rules::loss))))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loss: Option<Vec<Share>>,
    /// How many frames that link loses together, on average, in place of `burst` of `maelstrom`; 1: each by itself.
    #[garde(inner(length(min = 1), inner(range(min = 1, max = 1024))))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loss_burst: Option<Vec<u16>>,
    /// In place of `topology.queues`; servers keep their owners, packet systems have as many as queues unless told
    /// otherwise.
    #[garde(inner(length(min = 1), inner(range(min = 1, max = 64))))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queues: Option<Vec<u16>>,
    /// In place of every system's `xdp.cost`.
    #[garde(inner(length(min = 1), inner(custom(crate::rules::steering_cost))))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub steering_cost: Option<Vec<Duration>>,
    /// In place of every system's `owners`.
    #[garde(inner(length(min = 1), inner(range(min = 1, max = 64))))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owners: Option<Vec<u16>>,
    /// In place of `cache_entries` of every system that has a cache.
    #[garde(inner(length(min = 1), inner(custom(crate::rules::cache_entries))))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_entries: Option<Vec<u32>>,
    /// In place of `batch` of every `netslice`.
    #[garde(inner(length(min = 1), inner(range(min = 1, max = 256))))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch: Option<Vec<u16>>,
    /// In place of `placement` of every `netslice`.
    #[garde(inner(length(min = 1)))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub placement: Option<Vec<PeerPlacement>>,
}
