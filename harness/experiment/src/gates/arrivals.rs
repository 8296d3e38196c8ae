//! Whether the sends were the process that was asked for.
//!
//! Gaps between the sends of a Poisson process are exponential, and what is left of them beyond any
//! length is exponential again. So the gaps are tested beyond the median response: two requests closer
//! together than that are in the server at the same time anyhow, and whether a client that sleeps until
//! a request is due sends them 1 or 40 us apart says more about timers than about the load. What lies
//! beyond shows a client that sends in bursts, or waits for replies.
//!
//! The gaps of other processes, or of a rate that changes, have no law so simple; for them, and where
//! too few gaps are that long because requests overlap always, the schedule gate judges alone.

use loadgen::{ClientReport, Gaps};
use record::Smell;
use spec::Arrivals;
use stats::series::fit_exponential;

use super::pace::Pace;

/// Gaps beyond the median response that a test needs.
const FEWEST: usize = 100;
/// Significance: one trial in ten thousand may be a false alarm.
const LEVEL: f64 = 1e-4;
/// Largest distance between the distribution functions that passes. Lateness of a tenth of the mean
/// gap moves an exponential by a twentieth at most; a client that sends once a mean gap or more rarely
/// is off by a third.
const DISTANCE: f64 = 0.20;

/// The sends of a Poisson process.
pub(super) fn judge(report: &ClientReport, arrivals: Arrivals, pace: Pace) -> Option<Smell> {
    if !pace.generators_own() {
        return None;
    }
    match arrivals {
        Arrivals::Poisson => {
            let lag_ns = report.send_lag.quantile(0.5, 0)?;
            let beyond_ns = report.quantile(0.5)?.saturating_sub(lag_ns);
            let length_ns = report.measured.length_ns;
            let threads = report.gaps.iter();
            threads
                .filter_map(|gaps| off_by(gaps, length_ns, beyond_ns))
                .max_by(f64::total_cmp)
                .map(|distance| Smell::Arrivals {
                    process: "Poisson".to_owned(),
                    distance,
                    limit: DISTANCE,
                })
        }
        Arrivals::Fixed | Arrivals::Bursty { .. } | Arrivals::Saturate => None,
    }
}

/// The distance of one thread's gaps beyond `beyond_ns` from the asked distribution, if it is too far.
fn off_by(gaps: &Gaps, length_ns: u64, beyond_ns: u64) -> Option<f64> {
    let mean_ns = length_ns as f64 / gaps.requests.max(1) as f64;
    let excess: Vec<u64> = gaps
        .gaps_ns
        .iter()
        .filter_map(|gap_ns| u64::from(*gap_ns).checked_sub(beyond_ns))
        .collect();
    let fit = (excess.len() >= FEWEST).then(|| fit_exponential(&excess, mean_ns))??;
    (fit.p_value < LEVEL && fit.distance > DISTANCE).then_some(fit.distance)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Requests of a phase of a second at 10 k a second whose gaps the function gives for quantiles
    /// that are spread evenly.
    fn gaps(of_quantile: impl Fn(f64) -> f64) -> Gaps {
        const N: u64 = 10_000;
        let gap_ns = |n| of_quantile((n as f64 + 0.5) / N as f64) as u32;
        Gaps {
            requests: N,
            gaps_ns: (0..N).map(gap_ns).collect(),
        }
    }

    fn exponential(quantile: f64) -> f64 {
        -100_000.0 * (1.0 - quantile).ln()
    }

    fn off(gaps: &Gaps) -> Option<f64> {
        off_by(gaps, 1_000_000_000, 80_000)
    }

    #[test]
    fn exponential_gaps_pass_and_so_does_the_jitter_of_timers() {
        assert_eq!(off(&gaps(exponential)), None);
        assert_eq!(off(&gaps(|q| exponential(q) + 10_000.0)), None);
        // Half of the requests leave together with the one before: all of them closer than a reply.
        let merged = |q: f64| if q < 0.4 { 1_000.0 } else { exponential(q) };
        assert_eq!(off(&gaps(merged)), None);
    }

    #[test]
    fn regular_gaps_and_bursts_do_not() {
        assert!(off(&gaps(|_| 100_000.0)).is_some());
        let bursts = |q: f64| if q < 0.9 { 1_000.0 } else { 990_000.0 };
        assert!(off(&gaps(bursts)).unwrap() > 0.3);
    }

    #[test]
    fn where_every_request_overlaps_others_gaps_say_nothing() {
        let bursts = gaps(|q| if q < 0.9 { 1_000.0 } else { 990_000.0 });
        assert_eq!(off_by(&bursts, 1_000_000_000, 1_000_000), None);
    }
}
