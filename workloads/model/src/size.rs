//! Distributions of key and value lengths.
//!
//! A length belongs to the key: it is a function of the key's id and the seed, so that preloading,
//! a set and the check of a get agree on it, and a hot large value stays large (as in Minos).

use rand::{Rng, RngExt};
use serde::{Deserialize, Serialize};

use crate::SpecError;
use crate::portable::pow;
use crate::stream::unit;

/// A distribution of lengths in bytes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Size {
    /// Always this many bytes.
    Fixed(u32),
    /// Every length from `min` to `max`, both included, equally often.
    Uniform {
        /// Shortest, bytes.
        min: u32,
        /// Longest, bytes.
        max: u32,
    },
    /// One of some lengths, by weight.
    Mix(Vec<Weighted>),
    /// Generalized Pareto by inversion, cut off at `max`: `location + scale * (u^-shape - 1) /
    /// shape`. Atikoglu et al. (SIGMETRICS 2012) fit it to the values of Facebook's ETC pool.
    GeneralizedPareto {
        /// Shortest, bytes.
        location: u32,
        /// Scale, bytes, > 0.
        scale: f64,
        /// Tail index, > 0.
        shape: f64,
        /// Longest, bytes; longer draws become this.
        max: u32,
    },
}

/// One length of a [`Size::Mix`].
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Weighted {
    /// Length, bytes.
    pub bytes: u32,
    /// Weight relative to the sum of all weights.
    pub weight: u32,
}

impl Size {
    /// Values like those of Facebook's ETC pool, cut off at `max` bytes.
    #[must_use]
    pub const fn etc_values(max: u32) -> Self {
        Self::GeneralizedPareto {
            location: 1,
            scale: 214.476,
            shape: 0.348_238,
            max,
        }
    }

    /// The shortest and longest length that can be drawn, bytes.
    #[must_use]
    pub fn bounds(&self) -> (u32, u32) {
        match self {
            Self::Fixed(bytes) => (*bytes, *bytes),
            Self::Uniform { min, max } => (*min, *max),
            Self::Mix(parts) => {
                let used = parts.iter().filter(|p| p.weight > 0).map(|p| p.bytes);
                (used.clone().min().unwrap_or(0), used.max().unwrap_or(0))
            }
            Self::GeneralizedPareto { location, max, .. } => (*location, *max),
        }
    }

    /// Checks the parameters.
    ///
    /// # Errors
    /// Names what is wrong; `field` says whose length it is.
    pub fn validate(&self, field: &'static str) -> Result<(), SpecError> {
        let wrong = |reason| Err(SpecError::Size { field, reason });
        match self {
            Self::Fixed(_) => Ok(()),
            Self::Uniform { min, max } if min > max => wrong("min is above max"),
            Self::Uniform { .. } => Ok(()),
            Self::Mix(parts) if parts.iter().all(|p| p.weight == 0) => {
                wrong("the weights sum to 0")
            }
            Self::Mix(_) => Ok(()),
            Self::GeneralizedPareto {
                scale,
                shape,
                location,
                max,
            } => {
                if !(scale.is_finite() && *scale > 0.0 && shape.is_finite() && *shape > 0.0) {
                    wrong("scale and shape must be above 0")
                } else if location > max {
                    wrong("location is above max")
                } else {
                    Ok(())
                }
            }
        }
    }

    /// Draws a length in bytes from validated parameters.
    pub fn draw(&self, rng: &mut impl Rng) -> u32 {
        match self {
            Self::Fixed(bytes) => *bytes,
            Self::Uniform { min, max } => rng.random_range(*min..=*max),
            Self::Mix(parts) => {
                let total: u64 = parts.iter().map(|p| u64::from(p.weight)).sum();
                let mut ticket = rng.random_range(0..total);
                for part in parts {
                    match ticket.checked_sub(u64::from(part.weight)) {
                        None => return part.bytes,
                        Some(rest) => ticket = rest,
                    }
                }
                unreachable!("the ticket is below the sum of the weights")
            }
            Self::GeneralizedPareto {
                location,
                scale,
                shape,
                max,
            } => {
                let u = 1.0 - unit(rng);
                let above = scale * (pow(u, -shape) - 1.0) / shape;
                // The cast saturates, so that a draw far in the tail becomes `max`.
                location.saturating_add(above as u32).min(*max)
            }
        }
    }
}
