//! When a request must leave a first-come, first-served queue, given when each one arrived.
//!
//! With one server this is Lindley's recursion ("The theory of queues with a single server", 1952);
//! with k it is Kiefer and Wolfowitz's ("On the theory of queues with many servers", 1955): a
//! request starts when it has arrived and the earliest of the servers is free.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// A first-come, first-served queue with identical servers, all free at first.
#[derive(Debug, Clone)]
pub struct FifoQueue {
    /// When each server is free, in nanoseconds; the earliest on top.
    free_ns: BinaryHeap<Reverse<u64>>,
}

impl FifoQueue {
    /// A queue with `servers` servers, at least one.
    pub fn new(servers: std::num::NonZeroUsize) -> Self {
        Self {
            free_ns: vec![Reverse(0); servers.get()].into(),
        }
    }

    /// Takes a request that arrives at `arrival_ns` and needs `service_ns`; returns when it leaves,
    /// in nanoseconds. Requests are taken in the order of their arrival.
    pub fn serve(&mut self, arrival_ns: u64, service_ns: u64) -> u64 {
        let Some(mut earliest) = self.free_ns.peek_mut() else {
            return arrival_ns + service_ns;
        };
        let departure = arrival_ns.max(earliest.0) + service_ns;
        *earliest = Reverse(departure);
        departure
    }
}

/// The time in nanoseconds that each request spends in the queue and in service. `requests` are
/// arrival and service in nanoseconds, in the order of arrival.
pub fn sojourns_ns(
    servers: std::num::NonZeroUsize,
    requests: impl IntoIterator<Item = (u64, u64)>,
) -> Vec<u64> {
    let mut queue = FifoQueue::new(servers);
    requests
        .into_iter()
        .map(|(arrival, service)| queue.serve(arrival, service) - arrival)
        .collect()
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;

    use super::*;
    use crate::queue::{Mm, mg1_mean_wait};
    use crate::random::Stream;

    const SERVICE_NS: f64 = 10_000.0;

    fn servers(k: usize) -> NonZeroUsize {
        NonZeroUsize::new(k).unwrap()
    }

    #[test]
    fn by_hand() {
        let requests = [(0, 10), (5, 10), (6, 3), (40, 1)];
        assert_eq!(sojourns_ns(servers(1), requests), [10, 15, 17, 1]);
        assert_eq!(sojourns_ns(servers(2), requests), [10, 10, 7, 1]);
    }

    /// Waits in nanoseconds of `n` requests at `load` of `k` servers.
    fn waits(seed: u64, k: usize, load: f64, exponential: bool) -> Vec<u64> {
        let mut stream = Stream::new(seed);
        let gap = SERVICE_NS / (load * k as f64);
        let mut at = 0.0;
        let requests: Vec<(u64, u64)> = (0..400_000)
            .map(|_| {
                at += gap * stream.exponential();
                let draw = if exponential {
                    stream.exponential()
                } else {
                    1.0
                };
                (at as u64, (SERVICE_NS * draw) as u64)
            })
            .collect();
        let sojourns = sojourns_ns(servers(k), requests.iter().copied());
        sojourns
            .iter()
            .zip(requests)
            .map(|(s, (_, service))| s - service)
            .collect()
    }

    fn mean(values: &[u64]) -> f64 {
        values.iter().sum::<u64>() as f64 / values.len() as f64
    }

    fn close(measured: f64, theory: f64, what: &str) {
        assert!(
            (measured / theory - 1.0).abs() < 0.06,
            "{what}: {measured}, theory {theory}"
        );
    }

    #[test]
    fn one_server_agrees_with_theory() {
        for (seed, load) in [(1, 0.3), (2, 0.6), (3, 0.8)] {
            let deterministic = mean(&waits(seed, 1, load, false));
            let md1 = mg1_mean_wait(load / SERVICE_NS, SERVICE_NS, SERVICE_NS.powi(2)).unwrap();
            close(deterministic, md1, "M/D/1");
            let exponential = mean(&waits(seed, 1, load, true));
            let mm1 = mg1_mean_wait(load / SERVICE_NS, SERVICE_NS, 2.0 * SERVICE_NS.powi(2));
            close(exponential, mm1.unwrap(), "M/M/1");
        }
    }

    #[test]
    fn several_servers_agree_with_theory() {
        for (seed, k, load) in [(4, 1, 0.6), (5, 2, 0.6), (6, 4, 0.6)] {
            let theory = Mm::new(servers(k), load, SERVICE_NS).unwrap();
            let mut waits = waits(seed, k, load, true);
            close(mean(&waits), theory.mean_wait(), "M/M/k mean");
            waits.sort_unstable();
            for q in [0.9, 0.99] {
                let measured = waits[(q * waits.len() as f64) as usize] as f64;
                close(measured, theory.wait_quantile(q), "M/M/k quantile");
            }
        }
    }
}
