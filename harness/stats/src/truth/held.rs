//! Replies that were held until virtual departure times.

use std::num::NonZeroUsize;
use std::ops::Range;

use super::{Seen, latencies, ranked};
use crate::queue::FifoQueue;

/// A traced trial of a server that holds replies, beside the recursion's prediction.
#[derive(Debug, Clone)]
pub struct HeldReplies {
    /// Of the measure phase, with the predicted departure in ns since the window began.
    measured: Vec<(Seen, u64)>,
}

/// How much later replies came than the recursion says, over the answered requests of the measure
/// phase: the way there and back, and the instrument's error.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bias {
    /// Requests.
    pub n: usize,
    /// The smallest, ns.
    pub least_ns: i64,
    /// Median, ns.
    pub median_ns: i64,
    /// 5th percentile, ns.
    pub p5_ns: i64,
    /// 95th percentile, ns.
    pub p95_ns: i64,
    /// 99th percentile, ns.
    pub p99_ns: i64,
    /// Share of requests whose bias lies within 50 us on either side of 0.
    pub within_50us: f64,
}

/// Within this of the prediction a reply is on time, ns.
const NEAR_NS: u64 = 50_000;

impl HeldReplies {
    /// Predicts every request of `seen`, all that were sent from the window's start on, at `servers`
    /// servers (Lindley; Kiefer and Wolfowitz), with the actual sends as arrivals. `measure_ns` is
    /// the measure phase: the queue remembers the requests before it, but they are not judged.
    #[must_use]
    pub fn new(servers: NonZeroUsize, seen: &[Seen], measure_ns: &Range<u64>) -> Self {
        let mut order: Vec<&Seen> = seen.iter().collect();
        // Threads of a client send side by side; the queue takes what comes first.
        order.sort_by_key(|seen| seen.sent_ns);
        let mut queue = FifoQueue::new(servers);
        let measured = order
            .into_iter()
            .map(|seen| (*seen, queue.serve(seen.sent_ns, seen.service_ns)))
            .filter(|(seen, _)| measure_ns.contains(&seen.due_ns))
            .collect();
        Self { measured }
    }

    /// Adds the requests of another block: percentiles are of all together, never averaged.
    pub fn merge(&mut self, other: Self) {
        self.measured.extend(other.measured);
    }

    /// How far measurement and prediction are apart; `None` when nothing was answered.
    #[must_use]
    pub fn bias(&self) -> Option<Bias> {
        let mut bias_ns: Vec<i64> = self
            .measured
            .iter()
            .filter_map(|(seen, departs_ns)| {
                Some(seen.reply_ns?.cast_signed() - departs_ns.cast_signed())
            })
            .collect();
        bias_ns.sort_unstable();
        let near = bias_ns.iter().filter(|bias| bias.unsigned_abs() <= NEAR_NS);
        let within_50us = near.count() as f64 / bias_ns.len().max(1) as f64;
        Some(Bias {
            n: bias_ns.len(),
            least_ns: *bias_ns.first()?,
            median_ns: ranked(&bias_ns, 0.5)?,
            p5_ns: ranked(&bias_ns, 0.05)?,
            p95_ns: ranked(&bias_ns, 0.95)?,
            p99_ns: ranked(&bias_ns, 0.99)?,
            within_50us,
        })
    }

    /// The measured latency from the intended send at quantile `q` (0 to 1), ns; `None` where it
    /// falls on an unanswered request.
    #[must_use]
    pub fn measured_ns(&self, q: f64) -> Option<u64> {
        let replies = self
            .measured
            .iter()
            .map(|(seen, _)| (seen.reply_ns, seen.due_ns));
        ranked(&latencies(replies), q).flatten()
    }

    /// What it would be if every reply had arrived the moment it was due to depart, ns.
    #[must_use]
    pub fn predicted_ns(&self, q: f64) -> Option<u64> {
        let departures = self
            .measured
            .iter()
            .map(|(seen, at)| (Some(*at), seen.due_ns));
        ranked(&latencies(departures), q).flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: NonZeroUsize = NonZeroUsize::MIN;

    fn seen(due_ns: u64, lag_ns: u64, service_ns: u64, reply_ns: u64) -> Seen {
        Seen {
            due_ns,
            sent_ns: due_ns + lag_ns,
            reply_ns: Some(reply_ns),
            service_ns,
        }
    }

    #[test]
    fn by_hand() {
        // In service from 1000 to 1100, 1100 to 1200 (it came at 1050), and 2000 to 2100.
        let trace = [
            seen(990, 10, 100, 1107),
            seen(1040, 10, 100, 1209),
            seen(2000, 0, 100, 2111),
        ];
        let all = HeldReplies::new(ONE, &trace, &(0..10_000));
        let bias = all.bias().unwrap();
        assert_eq!(
            (bias.n, bias.least_ns, bias.median_ns, bias.p5_ns),
            (3, 7, 9, 7)
        );
        assert!((bias.within_50us - 1.0).abs() < f64::EPSILON);
        assert_eq!(all.measured_ns(1.0), Some(169));
        assert_eq!(all.predicted_ns(1.0), Some(160));
        // The warmup is predicted, but not judged.
        let last = HeldReplies::new(ONE, &trace, &(1040..1041));
        assert_eq!(last.bias().unwrap().median_ns, 9);
        assert_eq!(last.predicted_ns(0.5), Some(160));
    }

    #[test]
    fn an_unanswered_request_has_no_bias_and_ranks_last() {
        let mut trace = [seen(0, 0, 10, 12), seen(100, 0, 10, 113)];
        trace[1].reply_ns = None;
        let all = HeldReplies::new(ONE, &trace, &(0..1000));
        assert_eq!(all.bias().unwrap().n, 1);
        assert_eq!(
            (all.measured_ns(0.5), all.measured_ns(1.0)),
            (Some(12), None)
        );
        assert_eq!(HeldReplies::new(ONE, &[], &(0..1000)).bias(), None);
    }

    #[test]
    fn a_second_server_takes_the_second_request() {
        let trace = [seen(0, 0, 100, 100), seen(10, 0, 100, 110)];
        let two = HeldReplies::new(NonZeroUsize::new(2).unwrap(), &trace, &(0..1000));
        assert_eq!(two.bias().unwrap().p99_ns, 0);
        let one = HeldReplies::new(ONE, &trace, &(0..1000));
        assert_eq!(one.bias().unwrap().p5_ns, -90);
    }
}
