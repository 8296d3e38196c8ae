//! What a workload is made of.

use serde::{Deserialize, Serialize};

use crate::{Arrivals, KeySpace, Pattern, Picker, Popularity, Size};

/// A workload. Rates and times are in requests per second and nanoseconds, lengths in bytes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorkloadSpec {
    /// Number of distinct keys, >= 1.
    pub keys: u32,
    /// Lengths of keys, at most 250 bytes.
    pub key_size: Size,
    /// Lengths of values.
    pub value_size: Size,
    /// How often each key is asked for.
    pub popularity: Popularity,
    /// Share of gets among requests; the others are sets.
    pub get_ratio: f64,
    /// Keys per get, >= 1; above 1 gets are multi-gets.
    #[serde(default = "one")]
    pub keys_per_get: u16,
    /// The keys of a get are neighbours in the order of their ids, as a scan reads them: the first is drawn,
    /// one so near the last key that some would be missing being replaced by one farther away.
    #[serde(default)]
    pub consecutive: bool,
    /// Share of sets that want no reply.
    #[serde(default)]
    pub noreply_ratio: f64,
    /// The arrival process.
    pub arrivals: Arrivals,
    /// How the rate changes; absent means that it does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pattern: Option<Pattern>,
    /// Mean offered rate, requests per second, > 0. A multi-get is one request.
    pub rate_rps: f64,
    /// Number of flows (source ports), >= 1; emulating RSS wants >= 1024 of them.
    pub flows: u16,
    /// Seed of every random choice.
    pub seed: u64,
}

const fn one() -> u16 {
    1
}

/// Why a workload cannot be generated.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SpecError {
    /// `keys` is 0.
    #[error("keys: there must be at least one key")]
    NoKeys,
    /// `flows` is 0.
    #[error("flows: there must be at least one flow")]
    NoFlows,
    /// `keys_per_get` is 0.
    #[error("keys_per_get: a get asks for at least one key")]
    NoKeysPerGet,
    /// More neighbours than there are keys.
    #[error("keys_per_get: {asked} keys in a row, and there are {keys}")]
    TooFewInARow {
        /// Keys of a get.
        asked: u16,
        /// Number of keys.
        keys: u32,
    },
    /// Theta out of range.
    #[error("popularity: theta must be >= 0 and finite, not {0}")]
    Theta(f64),
    /// A share outside [0, 1].
    #[error("{field}: a share lies between 0 and 1, not {value}")]
    Share {
        /// The field of the spec.
        field: &'static str,
        /// Its value.
        value: f64,
    },
    /// The rate is not a positive number.
    #[error("rate_rps: the rate must be above 0 and finite, not {0}")]
    Rate(f64),
    /// Wrong parameters of bursts.
    #[error("arrivals: a burst needs a length above 0 and a finite factor >= 1")]
    Burst,
    /// A group without requests.
    #[error("arrivals: a group has at least one request")]
    Group,
    /// A wrong pattern of rates.
    #[error("pattern: {0}")]
    Pattern(&'static str),
    /// A pattern over arrivals that have one of their own.
    #[error("pattern: bursty arrivals have a pattern of their own; use poisson or fixed")]
    PatternOfBursts,
    /// Wrong service times.
    #[error("service: {0}")]
    Service(&'static str),
    /// A wrong size distribution.
    #[error("{field}: {reason}")]
    Size {
        /// The field of the spec.
        field: &'static str,
        /// What is wrong.
        reason: &'static str,
    },
    /// Keys cannot be told apart.
    #[error(
        "key_size: {shortest} bytes are too short for {keys} distinct keys, which need {digits}"
    )]
    KeysTooShort {
        /// Shortest key, bytes.
        shortest: u32,
        /// Number of keys.
        keys: u32,
        /// Bytes needed.
        digits: u32,
    },
    /// Longer than memcached accepts.
    #[error("key_size: memcached's keys have at most 250 bytes, not {0}")]
    KeysTooLong(u32),
    /// More requests than a schedule can hold.
    #[error("rate_rps: {0} requests are more than one schedule holds (2^31)")]
    TooManyRequests(f64),
}

impl WorkloadSpec {
    /// Checks every field.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn validate(&self) -> Result<(), SpecError> {
        KeySpace::new(self)?;
        // The sampler checks theta; one key is enough for that.
        Picker::new(self.popularity, 1, self.seed)?;
        self.arrivals.validate()?;
        match (&self.pattern, self.arrivals) {
            (None, _) => {}
            (Some(_), Arrivals::Bursty { .. }) => return Err(SpecError::PatternOfBursts),
            (Some(pattern), Arrivals::Poisson | Arrivals::Fixed | Arrivals::Together { .. }) => {
                pattern.shape.validate()?;
            }
        }
        for (field, value) in [
            ("get_ratio", self.get_ratio),
            ("noreply_ratio", self.noreply_ratio),
        ] {
            if !(0.0..=1.0).contains(&value) {
                return Err(SpecError::Share { field, value });
            }
        }
        if !(self.rate_rps.is_finite() && self.rate_rps > 0.0) {
            return Err(SpecError::Rate(self.rate_rps));
        }
        if self.flows == 0 {
            return Err(SpecError::NoFlows);
        }
        if self.keys_per_get == 0 {
            return Err(SpecError::NoKeysPerGet);
        }
        if self.consecutive && u32::from(self.keys_per_get) > self.keys {
            return Err(SpecError::TooFewInARow {
                asked: self.keys_per_get,
                keys: self.keys,
            });
        }
        Ok(())
    }
}
