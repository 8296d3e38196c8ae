//! Rates that change within a trial: `load.pattern`.
//!
//! The rates of `load.rates` stay the means over the measure phase: only the factors' proportions
//! count (`model::Pattern`). The warmup runs at the mean rate.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::units::Duration;

/// How the rate of an open loop changes in the course of the measure phase.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Pattern {
    /// One factor after the other, over and over.
    Steps {
        /// Rates relative to each other.
        factors: Vec<f64>,
        /// How long each lasts.
        each: Duration,
    },
    /// 1 + amplitude * sin(2 pi t / period).
    Sine {
        /// Length of a period.
        period: Duration,
        /// 0 (flat) to 1 (down to nothing).
        amplitude: f64,
    },
    /// A burst at regular intervals.
    Burst {
        /// From the start of one burst to the start of the next.
        every: Duration,
        /// How long a burst lasts.
        length: Duration,
        /// Its rate relative to the rate between bursts.
        factor: f64,
    },
    /// Evenly spaced factors over the whole measure phase, each equally long, in an order shuffled by
    /// the schedule's seed: a ramp in which rate and time are not confounded.
    ShuffledRamp {
        /// The smallest factor.
        from: f64,
        /// The largest factor.
        to: f64,
        /// How many.
        steps: u32,
    },
}

/// Larger factors would only be typing errors.
const LARGEST_FACTOR: f64 = 1e6;
/// Shorter periods would put less than a nanosecond into a piece of the sine.
const SHORTEST_PERIOD: Duration = Duration(256);
const MOST_STEPS: u32 = 10_000;

fn bad_factor(factor: f64) -> Option<String> {
    (!(0.0..=LARGEST_FACTOR).contains(&factor))
        .then(|| format!("a factor of {factor}: it must lie between 0 and a million"))
}

impl Pattern {
    /// What is wrong with it, if anything is.
    pub(crate) fn fault(&self) -> Option<String> {
        let says = |fails: bool, text: &str| fails.then(|| text.to_owned());
        match self {
            Self::Steps { factors, each } => factors
                .iter()
                .find_map(|factor| bad_factor(*factor))
                .or_else(|| {
                    says(
                        factors.iter().sum::<f64>() <= 0.0,
                        "the factors sum to 0: at least one must be above it",
                    )
                })
                .or_else(|| says(each.get() == 0, "`each` must last longer than 0")),
            Self::Sine { period, amplitude } => {
                if *period < SHORTEST_PERIOD {
                    Some(format!("a period of {period}: at least 256 ns"))
                } else {
                    (!(0.0..=1.0).contains(amplitude)).then(|| {
                        format!("an amplitude of {amplitude}: it must lie between 0 and 1")
                    })
                }
            }
            Self::Burst {
                every,
                length,
                factor,
            } => bad_factor(*factor).or_else(|| {
                (length.get() == 0 || length >= every).then(|| {
                    format!(
                        "a burst of {length} every {every}: it must last longer than 0 and end \
                         before the next"
                    )
                })
            }),
            Self::ShuffledRamp { from, to, steps } => bad_factor(*from)
                .or_else(|| bad_factor(*to))
                .or_else(|| {
                    (from >= to).then(|| format!("`from` ({from}) must lie below `to` ({to})"))
                })
                .or_else(|| {
                    (!(2..=MOST_STEPS).contains(steps))
                        .then(|| format!("{steps} steps: a ramp has 2 to {MOST_STEPS}"))
                }),
        }
    }

    /// How long the rate is 0 at the pattern's start: a shorter measure phase would measure nothing.
    pub(crate) fn silence(&self) -> Duration {
        match self {
            Self::Steps { factors, each } => {
                let zeros = factors.iter().take_while(|factor| **factor == 0.0).count();
                Duration(each.get().saturating_mul(zeros as u64))
            }
            Self::Burst { length, factor, .. } if *factor == 0.0 => *length,
            Self::Sine { .. } | Self::Burst { .. } | Self::ShuffledRamp { .. } => Duration(0),
        }
    }
}
