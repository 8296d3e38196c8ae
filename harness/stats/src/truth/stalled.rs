//! A server that stood still for a while.

use std::num::NonZeroUsize;
use std::ops::Range;

use super::{Seen, latencies, ranked};
use crate::queue::FifoQueue;

/// A traced trial in which the server was stopped, with two other accounts of the same trial: what
/// theory says its client must have seen, and what a client would report that waits for each reply
/// before it sends again and counts from there. All over the requests due in the measure phase.
#[derive(Debug, Clone)]
pub struct Stalled {
    measured: Vec<Option<u64>>,
    theory: Vec<Option<u64>>,
    waiting: Vec<Option<u64>>,
}

impl Stalled {
    /// The three accounts of `seen` (every request that was sent, in the order in which they were
    /// due), of which those due in `measure_ns` count; the server stood still over `stall_ns`, and
    /// has `servers` servers where its service times are known.
    ///
    /// Theory: what reaches a stopped server is taken when it goes on, what was to leave meanwhile
    /// leaves then, and the backlog drains by the queue's recursion. On top of it comes the way there
    /// and back, taken as the median of the requests that were answered before the stall.
    #[must_use]
    pub fn new(
        servers: NonZeroUsize,
        seen: &[Seen],
        measure_ns: &Range<u64>,
        stall_ns: &Range<u64>,
    ) -> Self {
        let mut queue = FifoQueue::new(servers);
        let departures: Vec<u64> = seen
            .iter()
            .map(|seen| {
                let taken_ns = after(seen.sent_ns, stall_ns);
                after(queue.serve(taken_ns, seen.service_ns), stall_ns)
            })
            .collect();
        let way_ns = way(seen, &departures, stall_ns);
        let counts = |seen: &Seen| measure_ns.contains(&seen.due_ns);
        let due = || seen.iter().filter(|seen| counts(seen));
        let theory = seen
            .iter()
            .zip(&departures)
            .filter(|(seen, _)| counts(seen))
            .map(|(seen, departs_ns)| (Some(departs_ns + way_ns), seen.due_ns));
        Self {
            measured: latencies(due().map(|seen| (seen.reply_ns, seen.due_ns))),
            theory: latencies(theory),
            waiting: waiting_client(due(), way_ns, stall_ns),
        }
    }

    /// Adds the requests of another block: percentiles are of all together, never averaged.
    pub fn merge(&mut self, other: Self) {
        for (mine, theirs) in [
            (&mut self.measured, other.measured),
            (&mut self.theory, other.theory),
            (&mut self.waiting, other.waiting),
        ] {
            mine.extend(theirs);
            mine.sort_unstable_by_key(|latency| latency.unwrap_or(u64::MAX));
        }
    }

    /// The measured latency at quantile `q` (0 to 1), ns from the intended send; `None` where it falls
    /// on an unanswered request.
    #[must_use]
    pub fn measured_ns(&self, q: f64) -> Option<u64> {
        ranked(&self.measured, q).flatten()
    }

    /// What theory says it must be, ns.
    #[must_use]
    pub fn theory_ns(&self, q: f64) -> Option<u64> {
        ranked(&self.theory, q).flatten()
    }

    /// What a client that waits would report, ns from its actual send: coordinated omission.
    #[must_use]
    pub fn waiting_ns(&self, q: f64) -> Option<u64> {
        ranked(&self.waiting, q).flatten()
    }

    /// Requests that count.
    #[must_use]
    pub fn n(&self) -> usize {
        self.measured.len()
    }
}

/// A moment, or the end of the stall that it falls into.
fn after(at_ns: u64, stall_ns: &Range<u64>) -> u64 {
    if stall_ns.contains(&at_ns) {
        stall_ns.end
    } else {
        at_ns
    }
}

/// The median of what replies took beyond their departure before the stall, ns.
fn way(seen: &[Seen], departures: &[u64], stall_ns: &Range<u64>) -> u64 {
    let mut ways: Vec<u64> = seen
        .iter()
        .zip(departures)
        .filter_map(|(seen, departs_ns)| {
            let before = |reply: &u64| *reply < stall_ns.start;
            Some(seen.reply_ns.filter(before)?.saturating_sub(*departs_ns))
        })
        .collect();
    ways.sort_unstable();
    ranked(&ways, 0.5).unwrap_or(0)
}

/// The same requests, each sent when it is due or its predecessor has been answered, whichever is
/// later: no two are under way, so that none waits for another in the server.
fn waiting_client<'a>(
    due: impl Iterator<Item = &'a Seen>,
    way_ns: u64,
    stall_ns: &Range<u64>,
) -> Vec<Option<u64>> {
    let mut free_ns = 0;
    latencies(due.map(|seen| {
        let sent_ns = seen.due_ns.max(free_ns);
        let departs_ns = after(after(sent_ns, stall_ns) + seen.service_ns, stall_ns);
        free_ns = departs_ns + way_ns;
        (Some(free_ns), sent_ns)
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::queue::Stall;

    const MS: u64 = 1_000_000;
    const WAY_NS: u64 = 30_000;
    const STALL: Range<u64> = 300 * MS..400 * MS;

    /// An open loop at 10 kreq/s for a second, measured without error.
    fn trace(service_ns: u64) -> Vec<Seen> {
        let mut queue = FifoQueue::new(NonZeroUsize::MIN);
        (0..10_000u64)
            .map(|index| {
                let due_ns = index * 100_000;
                let departs = after(queue.serve(after(due_ns, &STALL), service_ns), &STALL);
                Seen {
                    due_ns,
                    sent_ns: due_ns,
                    reply_ns: Some(departs + WAY_NS),
                    service_ns,
                }
            })
            .collect()
    }

    fn near(found: Option<u64>, expected_ns: f64, what: &str) {
        let found = found.unwrap() as f64;
        assert!(
            (found - expected_ns).abs() < 0.3e6,
            "{what}: {found} {expected_ns}"
        );
    }

    #[test]
    fn a_perfect_measurement_agrees_with_theory_and_with_its_closed_form() {
        for service_ns in [0, 20_000, 60_000] {
            let stalled = Stalled::new(
                NonZeroUsize::MIN,
                &trace(service_ns),
                &(0..1000 * MS),
                &STALL,
            );
            let closed = Stall {
                length_ns: 100e6,
                window_ns: 1000e6,
                before_end_ns: 700e6,
                load: service_ns as f64 / 100_000.0,
            };
            assert_eq!(stalled.n(), 10_000);
            for q in [0.5, 0.9, 0.99, 0.999] {
                assert_eq!(stalled.measured_ns(q), stalled.theory_ns(q), "{q}");
                let base = (WAY_NS + service_ns) as f64;
                near(
                    stalled.theory_ns(q),
                    closed.wait_quantile_ns(q) + base,
                    "closed form",
                );
            }
        }
    }

    #[test]
    fn a_client_that_waits_sees_the_stall_once_and_omits_the_rest() {
        let stalled = Stalled::new(NonZeroUsize::MIN, &trace(20_000), &(0..1000 * MS), &STALL);
        near(
            stalled.waiting_ns(1.0),
            100e6,
            "the one request that was under way",
        );
        near(stalled.waiting_ns(0.999), 50e3, "all others");
        near(stalled.measured_ns(0.999), 99e6, "without omission");
    }

    #[test]
    fn a_lost_reply_ranks_above_all() {
        let mut trace = trace(0);
        trace[9_999].reply_ns = None;
        let stalled = Stalled::new(NonZeroUsize::MIN, &trace, &(0..1000 * MS), &STALL);
        assert_eq!(stalled.measured_ns(1.0), None);
        assert!(stalled.measured_ns(0.999).is_some());
    }
}
