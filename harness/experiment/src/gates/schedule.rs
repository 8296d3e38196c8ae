//! Whether requests left when they were due.
//!
//! Latency counts from the intended time, so a late request flatters nobody. But where the client
//! itself decides the tail, the result is about the client.

use loadgen::{ClientReport, Latency};
use record::Smell;

use super::pace::Pace;

/// Lag at the 99th percentile that is worth a word: ten times a quiet machine's response.
const MENTIONED_NS: u64 = 1_000_000;
/// Lag at the 99th percentile that passes in any case: a tick of the scheduler on a shared CPU.
const TOLERATED_NS: u64 = 4_000_000;
/// Beyond that, the share of the 99th percentile of latency that may be lag.
const SHARE_OF_LATENCY: f64 = 0.5;

/// Lateness of the sends.
pub(super) fn judge(report: &ClientReport, pace: Pace) -> Option<Smell> {
    let p99_ns = report.send_lag.quantile(0.99, 0)?;
    decide(p99_ns, report.quantile(0.99), pace)
}

/// Lateness of frames, which have no latencies to compare it with.
pub(super) fn judge_lag(lag: &Latency, pace: Pace) -> Option<Smell> {
    decide(lag.quantile(0.99, 0)?, None, pace)
}

fn decide(p99_ns: u64, latency_p99_ns: Option<u64>, pace: Pace) -> Option<Smell> {
    let of_latency = latency_p99_ns.map_or(0.0, |ns| ns as f64 * SHARE_OF_LATENCY);
    let limit_ns = TOLERATED_NS.max(of_latency as u64);
    if p99_ns > limit_ns && pace.generators_own() {
        return Some(Smell::OffSchedule { p99_ns, limit_ns });
    }
    (p99_ns > MENTIONED_NS).then_some(Smell::SendLag {
        p99_ns,
        limit_ns: MENTIONED_NS,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use record::Severity;

    const OWN: Pace = Pace {
        server_kept_up: true,
        starved_by_server: false,
    };

    fn severity(lag_ns: u64, latency_ns: Option<u64>, pace: Pace) -> Option<Severity> {
        decide(lag_ns, latency_ns, pace).map(|smell| smell.severity())
    }

    #[test]
    fn lag_is_mentioned_before_it_invalidates() {
        assert_eq!(severity(1_000_000, Some(1_200_000), OWN), None);
        let told = Some(Severity::Advice);
        assert_eq!(severity(1_000_001, Some(1_200_000), OWN), told);
        assert_eq!(severity(4_000_000, Some(4_200_000), OWN), told);
        assert_eq!(
            severity(4_000_001, Some(4_200_000), OWN),
            Some(Severity::Invalid)
        );
    }

    #[test]
    fn a_tail_that_is_the_servers_own_may_hide_some_lag() {
        let told = Some(Severity::Advice);
        assert_eq!(severity(9_000_000, Some(20_000_000), OWN), told);
        assert_eq!(
            severity(11_000_000, Some(20_000_000), OWN),
            Some(Severity::Invalid)
        );
    }

    #[test]
    fn an_overloaded_server_is_a_result() {
        let behind = Pace {
            server_kept_up: false,
            ..OWN
        };
        let starved = Pace {
            starved_by_server: true,
            ..OWN
        };
        for pace in [behind, starved] {
            assert_eq!(severity(90_000_000, None, pace), Some(Severity::Advice));
        }
        assert_eq!(severity(90_000_000, None, OWN), Some(Severity::Invalid));
    }
}
