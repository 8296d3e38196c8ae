//! `synthetic`: no store, but replies that leave when a queue of known service times says so.
//!
//! Ground truth for the instrument: the same sockets or rings, the same worker loop and the same
//! client as the systems that are compared, while the sojourn time of each request is known beforehand
//! but for its arrival. A request that arrives at `a` and whose key draws the service time `s` departs
//! virtually at `max(a, earliest free server) + s`: Lindley's recursion for one server (Lindley 1952),
//! Kiefer and Wolfowitz's for several (1955). One thread keeps the order of arrivals; it spins, so
//! that a reply leaves within microseconds of its time, and counts how late it was.

use super::{Addressing, Design, EngineKind, Refusal, Steering, SystemChoice, choice};
use crate::handoff::mesh::SpinPerMessage;
use crate::server::dispatch::Here;
use crate::server::stores::OneForAll;

/// See the [module](self).
#[derive(Debug, Clone, Copy)]
pub struct Synthetic;

impl Design for Synthetic {
    type Polling = SpinPerMessage;
    type Dispatch = Here;
    type Stores = OneForAll;
    const SLEEPS: bool = false;
    const HOLDS_REPLIES: bool = true;
    const ADDRESSING: Addressing = Addressing::Flow;
    const STEERING: Steering = Steering::Queue;
    const ENGINES: &'static [EngineKind] = &[EngineKind::Slab];
    const NAME: &str = "synthetic";

    fn check(choice: &SystemChoice) -> Result<(), Refusal> {
        if choice.owners != 1 {
            return Err(Refusal::SyntheticHasOneOwner(choice.owners));
        }
        if choice.tcp {
            return Err(Refusal::SyntheticHasNoStore);
        }
        choice::polls(choice, Refusal::SyntheticPolls)
    }
}

/// First come, first served, by one or several virtual servers.
#[derive(Debug, Clone)]
pub struct VirtualQueue {
    /// When each server will be free, in the arrivals' clock.
    free_ns: Vec<u64>,
}

impl VirtualQueue {
    /// An empty queue before `servers` (at least one) idle servers.
    #[must_use]
    pub fn new(servers: u32) -> Self {
        Self {
            free_ns: vec![0; servers.max(1) as usize],
        }
    }

    /// When a request departs that arrives at `arrival_ns`, no earlier than those before it, and
    /// takes `service_ns`.
    pub fn departure(&mut self, arrival_ns: u64, service_ns: u64) -> u64 {
        let mut first = 0;
        for (server, free_ns) in self.free_ns.iter().enumerate() {
            if *free_ns < self.free_ns[first] {
                first = server;
            }
        }
        let departs_ns = arrival_ns.max(self.free_ns[first]) + service_ns;
        self.free_ns[first] = departs_ns;
        departs_ns
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Arrival, start of service, departure.
    fn served(servers: u32, requests: &[(u64, u64)]) -> Vec<[u64; 3]> {
        let mut queue = VirtualQueue::new(servers);
        let mut at_ns = 0;
        let serve = |&(gap, service): &(u64, u64)| {
            at_ns += gap;
            let departs = queue.departure(at_ns, service);
            [at_ns, departs - service, departs]
        };
        requests.iter().map(serve).collect()
    }

    fn requests() -> impl Strategy<Value = Vec<(u64, u64)>> {
        proptest::collection::vec((0..100u64, 1..150u64), 1..120)
    }

    proptest! {
        #[test]
        fn one_server_follows_lindley(requests in requests()) {
            let mut wait = 0u64;
            let mut before: Option<(u64, u64)> = None;
            for ([arrival, start, _], (gap, service)) in served(1, &requests).into_iter().zip(&requests) {
                if let Some((waited, took)) = before {
                    wait = (waited + took).saturating_sub(*gap);
                }
                prop_assert_eq!(start - arrival, wait);
                before = Some((wait, *service));
            }
        }

        #[test]
        fn servers_never_idle_while_requests_wait_and_never_serve_two(
            servers in 1u32..5, requests in requests()
        ) {
            let served = served(servers, &requests);
            let busy = |at: u64| {
                served.iter().filter(|[_, start, end]| *start <= at && at < *end).count()
            };
            let mut last = 0;
            for [arrival, start, _] in &served {
                prop_assert!(start >= arrival && *start >= last, "first come, first served");
                last = *start;
                prop_assert!(busy(*start) <= servers as usize);
                for at in *arrival..*start {
                    prop_assert_eq!(busy(at), servers as usize);
                }
            }
        }
    }
}
