//! When requests are meant to be sent.

use rand_xoshiro::Xoshiro256PlusPlus;
use serde::{Deserialize, Serialize};

use crate::SpecError;
use crate::portable::ln;
use crate::stream::{self, Purpose, unit};

/// The arrival process. All have the spec's `rate_rps` as their mean rate.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Arrivals {
    /// Independent, exponentially distributed gaps.
    Poisson,
    /// Equal gaps, the first request at 0.
    Fixed,
    /// Equal gaps between groups of requests that are due at the same time, the first group at 0.
    Together {
        /// Requests of a group, > 0.
        requests: u16,
    },
    /// On and off by turns: for `burst_ns` Poisson at `factor` times the rate, then nothing for
    /// `(factor - 1) * burst_ns`, beginning with a burst.
    Bursty {
        /// Length of a burst, ns, > 0.
        burst_ns: u64,
        /// Rate within a burst over the mean rate, >= 1.
        factor: f64,
    },
}

impl Arrivals {
    /// Checks the parameters.
    ///
    /// # Errors
    /// When a burst has no length, or its factor is below 1 or not finite; when a group has no requests.
    pub fn validate(self) -> Result<(), SpecError> {
        match self {
            Self::Poisson | Self::Fixed => Ok(()),
            Self::Together { requests } if requests > 0 => Ok(()),
            Self::Together { .. } => Err(SpecError::Group),
            Self::Bursty { burst_ns, factor } => {
                if burst_ns == 0 || !factor.is_finite() || factor < 1.0 {
                    Err(SpecError::Burst)
                } else {
                    Ok(())
                }
            }
        }
    }
}

/// Iterates over the times of an arrival process at a constant mean rate, ns since the start;
/// endless.
#[derive(Debug, Clone)]
pub struct Clockwork {
    arrivals: Arrivals,
    gap_ns: f64,
    /// Poisson: the time so far. Bursty: the time so far without the pauses. Fixed and together: a count.
    elapsed: f64,
    rng: Xoshiro256PlusPlus,
}

impl Clockwork {
    /// The send times at a mean of `rate_rps` requests per second, > 0.
    #[must_use]
    pub fn new(arrivals: Arrivals, rate_rps: f64, seed: u64) -> Self {
        let gap_ns = match arrivals {
            Arrivals::Poisson | Arrivals::Fixed | Arrivals::Together { .. } => 1e9 / rate_rps,
            Arrivals::Bursty { factor, .. } => 1e9 / (rate_rps * factor),
        };
        Self {
            arrivals,
            gap_ns,
            elapsed: 0.0,
            rng: stream::of(seed, Purpose::Arrival),
        }
    }

    fn exponential(&mut self) -> f64 {
        // 1 - u lies in (0, 1], where the logarithm is finite.
        -ln(1.0 - unit(&mut self.rng)) * self.gap_ns
    }
}

impl Iterator for Clockwork {
    type Item = f64;

    fn next(&mut self) -> Option<f64> {
        Some(match self.arrivals {
            Arrivals::Fixed => {
                let at = self.elapsed * self.gap_ns;
                self.elapsed += 1.0;
                at
            }
            Arrivals::Together { requests } => {
                let group = (self.elapsed / f64::from(requests)).floor();
                self.elapsed += 1.0;
                group * f64::from(requests) * self.gap_ns
            }
            Arrivals::Poisson => {
                self.elapsed += self.exponential();
                self.elapsed
            }
            Arrivals::Bursty { burst_ns, factor } => {
                self.elapsed += self.exponential();
                let pauses = (self.elapsed / burst_ns as f64).floor();
                self.elapsed + pauses * (factor - 1.0) * burst_ns as f64
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_due_together_and_keep_the_rate() {
        let arrivals = Arrivals::Together { requests: 10 };
        let times: Vec<f64> = Clockwork::new(arrivals, 100_000.0, 7).take(25).collect();
        assert_eq!(times[..10], [0.0; 10]);
        assert_eq!(times[10..20], [100_000.0; 10]);
        assert_eq!(times[20..], [200_000.0; 5]);
        assert_eq!(
            Arrivals::Together { requests: 0 }.validate(),
            Err(SpecError::Group)
        );
    }
}
