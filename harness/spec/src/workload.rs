//! What is asked of the systems: the `workload` section.

use garde::Validate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::service::Service;
use crate::units::{Bytes, Count, Duration};

/// How often each key is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Popularity {
    /// Every key equally.
    Uniform,
    /// The key of rank r in proportion to 1 / r^theta, with ranks shuffled over the keys.
    Zipf(f64),
}

impl Popularity {
    /// The exponent; 0 for uniform, which is the same distribution.
    #[must_use]
    pub const fn theta(self) -> f64 {
        match self {
            Self::Uniform => 0.0,
            Self::Zipf(theta) => theta,
        }
    }
}

/// A size in bytes: one number, or a distribution over the keys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum SizeSpec {
    /// Always this size.
    Fixed(Bytes),
    /// Every size from `min` to `max`, equally often.
    Uniform {
        /// The smallest size.
        min: Bytes,
        /// The largest size.
        max: Bytes,
    },
    /// Listed sizes, each in proportion to its weight.
    Mix(Vec<WeightedSize>),
}

/// One size of a [`SizeSpec::Mix`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WeightedSize {
    /// The size.
    pub size: Bytes,
    /// Its weight, relative to the others'.
    pub weight: u32,
}

impl SizeSpec {
    /// The smallest and largest size that occur; `None` for an empty mix.
    #[must_use]
    pub fn bounds(&self) -> Option<(Bytes, Bytes)> {
        match self {
            Self::Fixed(size) => Some((*size, *size)),
            Self::Uniform { min, max } => Some((*min, *max)),
            Self::Mix(sizes) => {
                let sizes = || sizes.iter().map(|weighted| weighted.size);
                Some((sizes().min()?, sizes().max()?))
            }
        }
    }
}

/// When requests are due.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Arrivals {
    /// Independent of each other: exponential gaps.
    Poisson,
    /// Evenly spaced.
    Fixed,
    /// Poisson within `on`, nothing within `off`, alternating; the mean over both is the load.
    Bursty {
        /// How long requests come.
        on: Duration,
        /// How long none comes.
        off: Duration,
    },
    /// As fast as one CPU for each queue can make frames: no `load`, no latencies; over `veth` and
    /// `af_xdp`.
    Saturate,
}

/// The wire protocol of the requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WireProtocol {
    /// `get`, `set`.
    Ascii,
    /// `mg`, `ms`.
    Meta,
    /// The binary protocol.
    Binary,
    /// Calls of functions by a small protocol of its own (docs/rpc.md).
    Rpc,
}

impl WireProtocol {
    /// The name that the spec uses.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ascii => "ascii",
            Self::Meta => "meta",
            Self::Binary => "binary",
            Self::Rpc => "rpc",
        }
    }
}

/// Which functions are called for a get and for a set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Calls {
    /// `get` and `set`.
    Store,
    /// `add` of 0 and of 1.
    Count,
    /// `echo` and `spin`.
    Compute,
    /// `scan` of `multi_get` keys, neighbours in the order of all keys, and `set`.
    Scan,
}

/// The `workload` section as it is written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Validate, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WorkloadSpec {
    /// Number of distinct keys, all of them preloaded.
    #[garde(custom(crate::rules::keys))]
    pub keys: Count,
    /// Size of a key, 1 B to 250 B: `16 B`, or a distribution.
    #[garde(custom(crate::rules::key_size))]
    #[serde(with = "crate::size")]
    #[schemars(with = "crate::size::SizeSchema")]
    pub key_size: SizeSpec,
    /// Size of a value, up to 1 MiB: `64 B`, or a distribution.
    #[garde(custom(crate::rules::value_size))]
    #[serde(with = "crate::size")]
    #[schemars(with = "crate::size::SizeSchema")]
    pub value_size: SizeSpec,
    /// How often each key is asked for.
    #[garde(custom(crate::rules::popularity))]
    pub popularity: Popularity,
    /// Share of requests that are gets; the others are sets.
    #[garde(range(min = 0.0, max = 1.0))]
    pub get_ratio: f64,
    /// When requests are due. Default: `poisson`.
    #[garde(inner(custom(crate::rules::arrivals)))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arrivals: Option<Arrivals>,
    /// Client flows (source ports), chosen independently of the key. Default: 1024.
    #[garde(inner(range(min = 1, max = 28_000)))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flows: Option<u16>,
    /// The wire protocol. Default: `ascii`.
    #[garde(skip)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protocol: Option<WireProtocol>,
    /// Functions that are called with `protocol: rpc`. Default: `store`.
    #[garde(skip)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calls: Option<Calls>,
    /// Keys per get request, or of a scan. Default: 1.
    #[garde(inner(range(min = 1, max = 100)))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub multi_get: Option<u16>,
    /// Injected service time of a key, burnt by the thread that executes it: `{fixed: 20 us}`,
    /// `{exponential: 20 us}` or `{bimodal: {short: 10 us, long: 1 ms, long_share: 0.5%}}`.
    /// Default: none. A system's own `service` replaces it.
    #[garde(inner(custom(crate::rules::service)))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<Service>,
    /// Seed of the schedules. Default: the spec's `seed`.
    #[garde(inner(custom(crate::rules::seed)))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
}

/// A workload with nothing left to choose.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Workload {
    /// Number of distinct keys.
    pub keys: Count,
    /// Size of a key.
    #[serde(with = "crate::size")]
    #[schemars(with = "crate::size::SizeSchema")]
    pub key_size: SizeSpec,
    /// Size of a value.
    #[serde(with = "crate::size")]
    #[schemars(with = "crate::size::SizeSchema")]
    pub value_size: SizeSpec,
    /// How often each key is asked for.
    pub popularity: Popularity,
    /// Share of requests that are gets.
    pub get_ratio: f64,
    /// When requests are due.
    pub arrivals: Arrivals,
    /// Client flows (source ports).
    pub flows: u16,
    /// The wire protocol.
    pub protocol: WireProtocol,
    /// Functions that are called, where the protocol has such.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calls: Option<Calls>,
    /// Keys per get request, or of a scan.
    pub multi_get: u16,
}

impl Workload {
    /// Whether gets are scans.
    #[must_use]
    pub fn scans(&self) -> bool {
        self.calls == Some(Calls::Scan)
    }
}

impl WorkloadSpec {
    /// The workload with its defaults filled in.
    #[must_use]
    pub fn resolve(&self) -> Workload {
        Workload {
            keys: self.keys,
            key_size: self.key_size.clone(),
            value_size: self.value_size.clone(),
            popularity: self.popularity,
            get_ratio: self.get_ratio,
            arrivals: self.arrivals.unwrap_or(Arrivals::Poisson),
            flows: self.flows.unwrap_or(1024),
            protocol: self.protocol.unwrap_or(WireProtocol::Ascii),
            calls: match self.protocol {
                Some(WireProtocol::Rpc) => self.calls.or(Some(Calls::Store)),
                None | Some(WireProtocol::Ascii | WireProtocol::Meta | WireProtocol::Binary) => {
                    None
                }
            },
            multi_get: self.multi_get.unwrap_or(1),
        }
    }
}
