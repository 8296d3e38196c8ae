//! The capacity search: `load.capacity`.
//!
//! Of frames that go one way it is searched by loss alone. With a loss of 0 that is the throughput of RFC 1242 (section 3.17),
//! the highest rate at which no frame offered is dropped; trials are as long as `phases` says, and not RFC 2544's 60 s.
//!
//! Which rates are tried follows from outcomes, so a search has no trials beforehand: it has one
//! [`Search`] for each system and combination of swept values, which makes its trials one by one.

use std::fmt;

use garde::Validate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::load::{Load, LoadPoint};
use crate::order::{self, Shuffler};
use crate::spec::Spec;
use crate::trial::{Trial, expand};
use crate::units::{Duration, Rate, Share};

/// Searches the highest rate at which a service level holds, for each system by bisection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Validate, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Capacity {
    /// Lowest rate to try.
    #[garde(custom(crate::rules::rate))]
    pub from: Rate,
    /// Highest rate to try.
    #[garde(custom(crate::rules::rate))]
    pub to: Rate,
    /// Width of the bracket at which to stop, as a share of its lower end. Default: 5 %.
    #[garde(inner(custom(crate::rules::precision)))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub precision: Option<Share>,
    /// What must hold.
    #[garde(dive)]
    pub service_level: ServiceLevel,
    /// Valid repeats of each rate, at most; invalid ones are made up for as often again. Default: 5.
    #[garde(inner(range(min = 1, max = 100)))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repeats: Option<u32>,
    /// How many of them must pass. Default: four fifths, rounded up.
    #[garde(inner(range(min = 1, max = 100)))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub passes: Option<u32>,
}

/// A service level holds when each limit that it names does.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, Validate, JsonSchema,
)]
#[serde(deny_unknown_fields)]
pub struct ServiceLevel {
    /// Limit of the median latency.
    #[garde(inner(custom(crate::rules::phase)))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p50: Option<Duration>,
    /// Limit of the 90th percentile.
    #[garde(inner(custom(crate::rules::phase)))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p90: Option<Duration>,
    /// Limit of the 99th percentile.
    #[garde(inner(custom(crate::rules::phase)))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p99: Option<Duration>,
    /// Limit of the 99.9th percentile.
    #[garde(inner(custom(crate::rules::phase)))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p99_9: Option<Duration>,
    /// Limit of (unsent + timed out) / offered, over the whole trial; of frames, those that did not arrive.
    #[garde(inner(custom(crate::rules::share)))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loss: Option<Share>,
}

/// Its limits in words: `p99 <= 200 us and no loss`.
impl fmt::Display for ServiceLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let latencies = [
            ("p50", self.p50),
            ("p90", self.p90),
            ("p99", self.p99),
            ("p99.9", self.p99_9),
        ];
        let latencies = latencies
            .into_iter()
            .filter_map(|(name, limit)| Some(format!("{name} <= {}", limit?)));
        let loss = self.loss.map(|loss| match loss.get() {
            0 => "no loss".to_owned(),
            _ => format!("loss <= {loss}"),
        });
        let limits: Vec<String> = latencies.chain(loss).collect();
        f.write_str(&limits.join(" and "))
    }
}

impl Capacity {
    /// Width of the bracket at which to stop.
    #[must_use]
    pub fn precision(&self) -> Share {
        self.precision.unwrap_or(Share(50_000))
    }

    /// Valid repeats of each rate, at most.
    #[must_use]
    pub fn repeats(&self) -> u32 {
        self.repeats.unwrap_or(5)
    }

    /// How many of them must pass.
    #[must_use]
    pub fn passes(&self) -> u32 {
        self.passes
            .unwrap_or_else(|| (self.repeats() * 4).div_ceil(5))
    }

    /// The same search with every default written out.
    #[must_use]
    pub fn resolved(self) -> Self {
        Self {
            precision: Some(self.precision()),
            repeats: Some(self.repeats()),
            passes: Some(self.passes()),
            ..self
        }
    }

    /// What a setting rules out in another: the setting's name and the message.
    pub(crate) fn fault(&self) -> Option<(&'static str, String)> {
        let Self { from, to, .. } = self;
        let (repeats, passes) = (self.repeats(), self.passes());
        if from >= to {
            Some(("to", format!("`to` ({to}) must be above `from` ({from})")))
        } else if passes > repeats {
            let message = format!("`passes` ({passes}) cannot be above `repeats` ({repeats})");
            Some(("passes", message))
        } else if self.service_level == ServiceLevel::default() {
            let message = "names no limit: give at least one of p50, p90, p99, p99_9, loss";
            Some(("service_level", message.to_owned()))
        } else {
            None
        }
    }
}

/// The search for one system at one combination of swept values.
#[derive(Debug, Clone, PartialEq)]
pub struct Search {
    /// The trial at the lowest rate.
    first: Trial,
    /// Where the seeds of all its schedules come from.
    workload_seed: u64,
}

impl Search {
    /// The trial at the lowest rate: what the searched trials have in common, apart from the load.
    #[must_use]
    pub fn first(&self) -> &Trial {
        &self.first
    }

    /// The trial of `repeat`, counted from 1, at `rate`; the repeat is its block, so that systems
    /// face the same requests in the same repeat of the same rate.
    #[must_use]
    pub fn trial(&self, rate: Rate, repeat: u32) -> Trial {
        Trial {
            block: repeat,
            load: LoadPoint::Open(rate),
            schedule_seed: order::schedule_seed(self.workload_seed, repeat),
            ..self.first.clone()
        }
    }
}

/// The searches of a spec: for each combination of swept values, one for each system. Empty when the
/// spec does not ask for a capacity.
#[must_use]
pub fn searches(spec: &Spec) -> Vec<Search> {
    let Some(capacity) = spec.load.as_ref().and_then(|load| load.capacity) else {
        return Vec::new();
    };
    let workload = spec.workload.as_ref().and_then(|workload| workload.seed);
    let workload_seed = workload.unwrap_or(spec.seed());
    let lowest = Spec {
        load: Some(Load {
            rates: vec![capacity.from],
            ..Load::default()
        }),
        blocks: Some(1),
        floor: Some(false),
        ..spec.clone()
    };
    let search = |first| Search {
        first,
        workload_seed,
    };
    expand(&lowest).into_iter().map(search).collect()
}

/// In which order `count` searches take their turns in `round`: each round has a fresh one.
#[must_use]
pub fn turns(spec: &Spec, round: u32, count: usize) -> Vec<usize> {
    let mut turns: Vec<usize> = (0..count).collect();
    Shuffler::new(order::schedule_seed(spec.seed(), round)).shuffle(&mut turns);
    turns
}
