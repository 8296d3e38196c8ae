//! Who set the pace: whether the server kept up with what it was sent, and whether the client had the
//! chance to send.

use super::{Seen, competition};

/// Share of the requests sent in the phase that a server which keeps up answers in it. What is under
/// way at the edges is far less; a queue that grows is soon more.
const KEPT_UP: f64 = 0.98;
/// Share of the phase that the client waited for its CPU from which on it was starved.
const STARVED: f64 = 0.20;

/// Who set the pace of a measure phase.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pace {
    /// The server answered as fast as it was sent to, so that what went wrong is not its overload.
    pub(super) server_kept_up: bool,
    /// The client waited for a CPU that it shares with roles of the server, and nobody else was
    /// there: on a machine of few CPUs the overload of a server looks like that.
    pub(super) starved_by_server: bool,
}

impl Pace {
    pub(super) fn of(seen: &Seen<'_>) -> Self {
        let measured = &seen.report.measured;
        let placement = &seen.plan.placement;
        let mut servers = placement.owners.iter().chain(&placement.server_napi);
        let shares = servers.any(|cpu| placement.clients.contains(cpu));
        let wait = measured.used.sched.wait_ns as f64 / measured.length_ns.max(1) as f64;
        Self {
            server_kept_up: kept_up(measured.sends, measured.replies),
            starved_by_server: shares
                && starved(wait / placement.clients.len().max(1) as f64)
                && competition::competing_load(seen.machine).is_none(),
        }
    }

    /// The pace of a generator of frames of which the system lost this share, which waited for its CPU for this share of
    /// the phase, and `shares` it with the system and nobody else.
    pub(super) fn judged(lost: f64, wait: f64, shares: bool) -> Self {
        Self {
            server_kept_up: 1.0 - lost >= KEPT_UP,
            starved_by_server: shares && starved(wait),
        }
    }

    /// Whether what the generator did wrong is its own doing.
    pub(super) const fn generators_own(self) -> bool {
        self.server_kept_up && !self.starved_by_server
    }
}

fn kept_up(sends: u64, replies: u64) -> bool {
    replies as f64 >= sends as f64 * KEPT_UP
}

fn starved(wait_share: f64) -> bool {
    wait_share > STARVED
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_growing_queue_is_falling_behind() {
        assert!(kept_up(10_000, 9_800));
        assert!(!kept_up(10_000, 9_799));
        assert!(kept_up(0, 0));
    }

    #[test]
    fn some_waiting_is_what_sharing_means() {
        assert!(!starved(0.20));
        assert!(starved(0.21));
    }
}
