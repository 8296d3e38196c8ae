//! How often each key is asked for.

use rand::{Rng, RngExt};
use rand_distr::{Distribution, Zipf};
use serde::{Deserialize, Serialize};

use crate::portable::Portable;
use crate::{Permutation, SpecError};

/// The distribution of key popularity.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Popularity {
    /// Every key equally.
    Uniform,
    /// The key of rank k (from 1) with probability proportional to k^-theta.
    Zipf {
        /// Skew, >= 0 and finite. 0 is uniform; 0.99 is YCSB's default.
        theta: f64,
    },
}

/// Draws key ids by popularity.
#[derive(Debug, Clone)]
pub struct Picker {
    kind: Kind,
    permutation: Permutation,
}

#[derive(Debug, Clone)]
enum Kind {
    Uniform(u32),
    Zipf(Zipf<Portable>),
}

impl Picker {
    /// A picker over `keys` ids, shuffled by `seed`.
    ///
    /// # Errors
    /// When theta is negative or not finite, or there are no keys.
    pub fn new(popularity: Popularity, keys: u32, seed: u64) -> Result<Self, SpecError> {
        if keys == 0 {
            return Err(SpecError::NoKeys);
        }
        let kind = match popularity {
            Popularity::Uniform => Kind::Uniform(keys),
            Popularity::Zipf { theta } if !theta.is_finite() => {
                return Err(SpecError::Theta(theta));
            }
            Popularity::Zipf { theta } => Kind::Zipf(
                Zipf::new(Portable(f64::from(keys)), Portable(theta))
                    .map_err(|_| SpecError::Theta(theta))?,
            ),
        };
        Ok(Self {
            kind,
            permutation: Permutation::new(seed, keys),
        })
    }

    /// Draws the rank of a key; 0 is the most popular.
    pub fn rank(&self, rng: &mut impl Rng) -> u32 {
        match &self.kind {
            Kind::Uniform(keys) => rng.random_range(0..*keys),
            // rand_distr counts ranks from 1, up to the number of keys.
            Kind::Zipf(zipf) => zipf.sample(rng).0 as u32 - 1,
        }
    }

    /// Draws a key id.
    pub fn pick(&self, rng: &mut impl Rng) -> u32 {
        self.permutation.id_of(self.rank(rng))
    }
}
