//! Closed forms for queues with Poisson arrivals. Times are in the unit of the service time.

use std::num::NonZeroUsize;

/// M/M/k: Poisson arrivals, exponential service, `k` servers, one queue (Erlang 1917; Kleinrock,
/// "Queueing Systems", volume 1, 1975, section 3.5).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Mm {
    /// Erlang's C: the share of requests that wait at all.
    waiting: f64,
    /// How fast a queue drains: k / service - arrival rate.
    drain: f64,
}

impl Mm {
    /// The queue of `servers` servers at `load` (arrival rate times service time over servers,
    /// 0 to below 1) with this mean `service` time. `None` where it has no steady state.
    pub fn new(servers: NonZeroUsize, load: f64, service: f64) -> Option<Self> {
        let steady = load > 0.0 && load < 1.0 && service > 0.0;
        steady.then_some(())?;
        let k = servers.get() as f64;
        let offered = load * k;
        // Erlang's B by its recursion, from which C follows.
        let blocked = (1..=servers.get()).fold(1.0, |b, i| offered * b / (i as f64 + offered * b));
        Some(Self {
            waiting: blocked / (1.0 - load * (1.0 - blocked)),
            drain: k * (1.0 - load) / service,
        })
    }

    /// The mean time in the queue, before service.
    pub fn mean_wait(&self) -> f64 {
        self.waiting / self.drain
    }

    /// The time in the queue that a share `q` (0 to below 1) of requests does not exceed.
    pub fn wait_quantile(&self, q: f64) -> f64 {
        (self.waiting / (1.0 - q)).ln().max(0.0) / self.drain
    }
}

/// M/G/1: the mean time in the queue, from the arrival rate and the first two moments of the service
/// time (Pollaczek 1930, Khinchine 1932). With a fixed service time, M/D/1. `None` where the
/// queue has no steady state.
pub fn mg1_mean_wait(arrival_rate: f64, service: f64, service_squared: f64) -> Option<f64> {
    let load = arrival_rate * service;
    (load < 1.0).then(|| arrival_rate * service_squared / (2.0 * (1.0 - load)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mm(k: usize, load: f64) -> Mm {
        Mm::new(NonZeroUsize::new(k).unwrap(), load, 1.0).unwrap()
    }

    fn near(a: f64, b: f64) {
        assert!((a - b).abs() < 1e-9 * b.abs().max(1.0), "{a} {b}");
    }

    #[test]
    fn one_server_is_the_textbook_formula() {
        // rho / (mu - lambda).
        near(mm(1, 0.8).mean_wait(), 0.8 / 0.2);
        near(
            mm(1, 0.8).mean_wait(),
            mg1_mean_wait(0.8, 1.0, 2.0).unwrap(),
        );
        // P(W > t) = rho exp(-(mu - lambda) t).
        let t = mm(1, 0.5).wait_quantile(0.9);
        near(0.5 * (-0.5 * t).exp(), 0.1);
        // Half of the requests find an empty server.
        assert_eq!(mm(1, 0.5).wait_quantile(0.4), 0.0);
    }

    #[test]
    fn two_servers_by_hand() {
        // For k = 2, C = 2 rho² / (1 + rho).
        let load: f64 = 0.75;
        let c = 2.0 * load * load / (1.0 + load);
        near(mm(2, load).mean_wait(), c / (2.0 * (1.0 - load)));
    }

    #[test]
    fn constant_service_waits_half_as_long() {
        near(
            mg1_mean_wait(0.6, 1.0, 1.0).unwrap() * 2.0,
            mm(1, 0.6).mean_wait(),
        );
    }

    #[test]
    fn without_a_steady_state_there_is_no_answer() {
        assert_eq!(mg1_mean_wait(1.0, 1.0, 1.0), None);
        assert_eq!(Mm::new(NonZeroUsize::MIN, 1.0, 1.0), None);
        assert_eq!(Mm::new(NonZeroUsize::MIN, 0.0, 1.0), None);
    }
}
