//! The client against a fake transport, a server inside the test, and memcached.

mod closed;
mod conservation;
mod encoding;
mod fake;
mod loopback;
mod memcached;
mod rig;
mod scans;
mod scattered;
mod server;
mod veth;

use model::{Arrivals, Popularity, Size, WorkloadSpec};

/// A small workload.
pub(crate) fn workload(rate_rps: f64, seed: u64) -> WorkloadSpec {
    WorkloadSpec {
        keys: 500,
        key_size: Size::Uniform { min: 4, max: 40 },
        value_size: Size::Uniform { min: 0, max: 300 },
        popularity: Popularity::Zipf { theta: 0.9 },
        get_ratio: 0.8,
        keys_per_get: 1,
        consecutive: false,
        noreply_ratio: 0.0,
        arrivals: Arrivals::Poisson,
        pattern: None,
        rate_rps,
        flows: 16,
        seed,
    }
}
