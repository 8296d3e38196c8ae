//! What a stalled server must do to the latency of an open loop.
//!
//! The server stands still for a time L. A request that is due x after the stall began waits for
//! the rest of it, L - x, and then for those queued before it, load * x of work: L - (1 - load) x
//! in all. After the stall the queue drains by the same law, so waits fall evenly from L to 0 over
//! L / (1 - load). No request is left out because an earlier one had no answer yet; a client that
//! waits for its reply would see one long latency and omit the rest (Tene's "coordinated
//! omission", "How NOT to Measure Latency", 2013).

/// A stall inside a window of requests that are due evenly. Times are in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stall {
    /// How long the server stands still.
    pub length_ns: f64,
    /// The time over which requests are counted; for a stall that recurs, its period.
    pub window_ns: f64,
    /// From the stall's beginning to the end of the window; for a stall that recurs, its period.
    pub before_end_ns: f64,
    /// Arrival rate times service time over servers, 0 to below 1.
    pub load: f64,
}

impl Stall {
    /// How long after its beginning requests still wait, in nanoseconds.
    pub fn affected_ns(&self) -> f64 {
        (self.length_ns / (1.0 - self.load)).min(self.before_end_ns)
    }

    /// The extra wait, in nanoseconds, that a share `q` (0 to 1) of the window's requests does not
    /// exceed; 0 where the stall does not reach so deep.
    pub fn wait_quantile_ns(&self, q: f64) -> f64 {
        let beyond_ns = (1.0 - q) * self.window_ns;
        if beyond_ns >= self.affected_ns() {
            0.0
        } else {
            self.length_ns - (1.0 - self.load) * beyond_ns
        }
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;

    use super::*;
    use crate::queue::FifoQueue;

    const MS: f64 = 1e6;

    #[test]
    fn by_hand() {
        // 100 ms in 1 s, an idle server: a tenth of the requests wait, evenly from 100 ms to 0.
        let stall = Stall {
            length_ns: 100.0 * MS,
            window_ns: 1000.0 * MS,
            before_end_ns: 700.0 * MS,
            load: 0.0,
        };
        let near = |q: f64, ms: f64| {
            let got = stall.wait_quantile_ns(q) / MS;
            assert!((got - ms).abs() < 1e-6, "{q}: {got}");
        };
        near(0.999, 99.0);
        near(0.99, 90.0);
        near(0.95, 50.0);
        near(0.5, 0.0);
        near(1.0, 100.0);
    }

    /// The formula against a queue that is stopped and counts every request.
    #[test]
    fn agrees_with_a_stopped_queue() {
        for (load, from_ms) in [(0.1, 300), (0.5, 300), (0.8, 700)] {
            let (window_ns, length_ns) = (1_000_000_000_u64, 100_000_000_u64);
            let begin_ns = from_ms * 1_000_000;
            let gap_ns = 20_000;
            let service_ns = (load * gap_ns as f64) as u64;
            let mut queue = FifoQueue::new(NonZeroUsize::MIN);
            let mut stopped = false;
            let mut waits: Vec<u64> = (0..window_ns / gap_ns)
                .map(|i| {
                    let due = i * gap_ns;
                    if due >= begin_ns && !std::mem::replace(&mut stopped, true) {
                        queue.serve(begin_ns, length_ns);
                    }
                    queue.serve(due, service_ns) - due - service_ns
                })
                .collect();
            waits.sort_unstable();
            let stall = Stall {
                length_ns: length_ns as f64,
                window_ns: window_ns as f64,
                before_end_ns: (window_ns - begin_ns) as f64,
                load,
            };
            for q in [0.5, 0.9, 0.95, 0.99, 0.999] {
                let rank = (q * waits.len() as f64).ceil() as usize;
                let (got, want) = (waits[rank - 1] as f64, stall.wait_quantile_ns(q));
                assert!(
                    (got - want).abs() < 0.2 * MS,
                    "load {load}, {q}: {got} {want}"
                );
            }
        }
    }
}
