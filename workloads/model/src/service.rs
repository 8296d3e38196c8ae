//! How long a server works on a key, beyond what its store costs: injected service times.
//!
//! The time is a function of the key's hash and the seed, so that the server (which sees keys and
//! no schedule) and an analysis of what the client recorded compute the same one, and so that the
//! same key takes as long wherever and whenever it is served. Keys draw independently of each
//! other; where few keys make up much of the load, its distribution over requests is that of
//! those keys.

use serde::{Deserialize, Serialize};

use crate::SpecError;
use crate::portable::ln;
use crate::stream::mix;

/// The longest injected time, ns: a request that takes longer has timed out anywhere.
const LONGEST_NS: u64 = 10_000_000_000;

/// Sets the draws apart from whatever else mixes the same hash and seed.
const SALT: u64 = 0x5e72_1ce5_ba11_a57e;

/// The distribution of service times over keys. Times in ns.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Service {
    /// Every key takes this long: the D of M/D/1.
    Fixed {
        /// The time, ns, > 0.
        time_ns: u64,
    },
    /// Exponential, cut off at 10 s: the second M of M/M/1.
    Exponential {
        /// The mean, ns, > 0.
        mean_ns: u64,
    },
    /// A share of the keys takes long, the others take short.
    Bimodal {
        /// Of most keys, ns, > 0.
        short_ns: u64,
        /// Of the others, ns, >= `short_ns`.
        long_ns: u64,
        /// The others' share of the keys, 0 to 1.
        long_share: f64,
    },
}

impl Service {
    /// Checks the parameters.
    ///
    /// # Errors
    /// Names what is wrong.
    pub fn validate(self) -> Result<(), SpecError> {
        let wrong = |reason| Err(SpecError::Service(reason));
        let legal = 1..=LONGEST_NS;
        match self {
            Self::Fixed { time_ns: ns } | Self::Exponential { mean_ns: ns } => {
                if legal.contains(&ns) {
                    Ok(())
                } else {
                    wrong("a time lies between 1 ns and 10 s")
                }
            }
            Self::Bimodal {
                short_ns,
                long_ns,
                long_share,
            } => {
                if !(legal.contains(&short_ns) && legal.contains(&long_ns)) {
                    wrong("a time lies between 1 ns and 10 s")
                } else if short_ns > long_ns {
                    wrong("the short time is above the long one")
                } else if !(0.0..=1.0).contains(&long_share) {
                    wrong("the long ones' share lies between 0 and 1")
                } else {
                    Ok(())
                }
            }
        }
    }

    /// The mean over keys, ns.
    #[must_use]
    pub fn mean_ns(self) -> f64 {
        match self {
            Self::Fixed { time_ns } => time_ns as f64,
            Self::Exponential { mean_ns } => mean_ns as f64,
            Self::Bimodal {
                short_ns,
                long_ns,
                long_share,
            } => long_share * long_ns as f64 + (1.0 - long_share) * short_ns as f64,
        }
    }
}

/// The service time of each key.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServiceTimes {
    service: Service,
    seed: u64,
}

impl ServiceTimes {
    /// The times of validated parameters; `seed` is the workload's ([`crate::WorkloadSpec::seed`]).
    #[must_use]
    pub const fn new(service: Service, seed: u64) -> Self {
        Self { service, seed }
    }

    /// The time of the key with this hash (`steering::hash_bytes` of its bytes), ns.
    #[inline]
    #[must_use]
    pub fn of_hash(&self, hash: u64) -> u64 {
        match self.service {
            Service::Fixed { time_ns } => time_ns,
            Service::Exponential { mean_ns } => {
                // 1 - u lies in (0, 1], where the logarithm is finite.
                let drawn = -ln(1.0 - self.unit(hash)) * mean_ns as f64;
                (drawn as u64).min(LONGEST_NS)
            }
            Service::Bimodal {
                short_ns,
                long_ns,
                long_share,
            } => {
                if self.unit(hash) < long_share {
                    long_ns
                } else {
                    short_ns
                }
            }
        }
    }

    /// Uniform in [0, 1) over hashes, with 53 bits.
    fn unit(&self, hash: u64) -> f64 {
        const STEP: f64 = 1.0 / (1u64 << 53) as f64;
        (mix(hash ^ mix(self.seed ^ SALT)) >> 11) as f64 * STEP
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEYS: u64 = 200_000;

    fn draws(service: Service, seed: u64) -> Vec<u64> {
        let times = ServiceTimes::new(service, seed);
        (0..KEYS).map(|key| times.of_hash(mix(key))).collect()
    }

    fn mean(draws: &[u64]) -> f64 {
        draws.iter().sum::<u64>() as f64 / draws.len() as f64
    }

    #[test]
    fn exponential_has_the_mean_and_the_spread_of_its_name() {
        let drawn = draws(Service::Exponential { mean_ns: 20_000 }, 1);
        let mean = mean(&drawn);
        // The standard error of the mean is 20000 / sqrt(200000) = 45.
        assert!((mean - 20_000.0).abs() < 200.0, "{mean}");
        let beyond = |ns| drawn.iter().filter(|draw| **draw > ns).count() as f64 / KEYS as f64;
        for times in 1u32..=4 {
            let expected = (-f64::from(times)).exp();
            let found = beyond(20_000 * u64::from(times));
            assert!((found - expected).abs() < 0.005, "{times}: {found}");
        }
    }

    #[test]
    fn bimodal_has_two_times_in_the_asked_shares() {
        let service = Service::Bimodal {
            short_ns: 10_000,
            long_ns: 1_000_000,
            long_share: 0.005,
        };
        let drawn = draws(service, 3);
        let long = drawn.iter().filter(|draw| **draw == 1_000_000).count();
        let short = drawn.iter().filter(|draw| **draw == 10_000).count();
        assert_eq!(long + short, drawn.len());
        // 1000 expected, with a standard deviation of 32.
        assert!((850..1150).contains(&long), "{long}");
        assert!((mean(&drawn) / service.mean_ns() - 1.0).abs() < 0.1);
    }

    #[test]
    fn a_key_keeps_its_time_and_another_seed_gives_others() {
        let service = Service::Exponential { mean_ns: 20_000 };
        assert_eq!(draws(service, 1), draws(service, 1));
        let alike = draws(service, 1)
            .iter()
            .zip(draws(service, 2))
            .filter(|(a, b)| **a == *b)
            .count();
        assert!(alike < KEYS as usize / 1000, "{alike}");
    }

    #[test]
    fn more_service_of_the_same_kind_lengthens_every_key_alike() {
        let base = draws(Service::Exponential { mean_ns: 20_000 }, 7);
        let more = draws(Service::Exponential { mean_ns: 21_000 }, 7);
        for (base, more) in base.iter().zip(&more) {
            let expected = *base as f64 * 1.05;
            assert!((*more as f64 - expected).abs() <= 2.0, "{base} {more}");
        }
    }

    #[test]
    fn impossible_times_are_refused() {
        let bimodal = |short_ns, long_ns, long_share| Service::Bimodal {
            short_ns,
            long_ns,
            long_share,
        };
        for service in [
            Service::Fixed { time_ns: 0 },
            Service::Exponential {
                mean_ns: LONGEST_NS + 1,
            },
            bimodal(0, 10, 0.5),
            bimodal(10, 5, 0.5),
            bimodal(5, 10, 1.5),
            bimodal(5, 10, f64::NAN),
        ] {
            assert!(service.validate().is_err(), "{service:?}");
        }
        assert!(bimodal(10, 10, 0.0).validate().is_ok());
    }
}
