//! Whether the measure phase measured one state.
//!
//! Percentiles of a phase whose latency moved are those of no load. The test is over the medians of
//! the client's intervals (100 ms): a level that lasts for half an interval moves its median, a spike
//! of a few milliseconds does not, and belongs in the tail. Beside a level that differs, a trend is
//! looked for (Mann-Kendall), which long phases show before any one interval differs much.
//!
//! A server whose queue grows is not stationary either, but it has fallen behind, which is a result.

use loadgen::Interval;
use record::Smell;
use spec::Arrivals;
use stats::series::drift;

use super::pace::Pace;

/// Requests that an interval needs for a median.
const FEWEST: u64 = 30;
/// Intervals that a phase needs before one can be called unusual.
const INTERVALS: usize = 4;
/// Factor between an interval's median and the typical one that passes: what roles that share a CPU
/// do to each other on a quiet machine stays within two.
const FACTOR: u64 = 5;

/// Factor between the last third of the intervals and the first that passes, however clear the trend.
const DRIFT: f64 = 2.0;

/// The interval that differs most, if it differs too much, or the end of a trend.
pub(super) fn judge(intervals: &[Interval], arrivals: Arrivals, pace: Pace) -> Option<Smell> {
    match arrivals {
        Arrivals::Poisson | Arrivals::Fixed => {}
        // Bursts may be as long as intervals.
        Arrivals::Bursty { .. } | Arrivals::Saturate => return None,
    }
    let medians: Vec<(u64, u64)> = intervals
        .iter()
        .filter(|interval| interval.requests >= FEWEST)
        .map(|interval| (interval.start_ns, median(interval)))
        .collect();
    if !pace.server_kept_up {
        return None;
    }
    level(&medians).or_else(|| trend(&medians))
}

/// Unanswered requests rank above all others.
fn median(interval: &Interval) -> u64 {
    let answered = interval.latency.histogram().len();
    let unanswered = interval.requests.saturating_sub(answered);
    interval
        .latency
        .quantile(0.5, unanswered)
        .unwrap_or(u64::MAX)
}

fn level(medians: &[(u64, u64)]) -> Option<Smell> {
    if medians.len() < INTERVALS {
        return None;
    }
    let mut sorted: Vec<u64> = medians.iter().map(|(_, p50_ns)| *p50_ns).collect();
    sorted.sort_unstable();
    let typical_p50_ns = sorted[(sorted.len() - 1) / 2];
    let (at_ns, interval_p50_ns) = medians.iter().copied().max_by_key(|(_, p50_ns)| *p50_ns)?;
    (interval_p50_ns > typical_p50_ns.saturating_mul(FACTOR)).then_some(Smell::Unsteady {
        interval_p50_ns,
        typical_p50_ns,
        at_ns,
    })
}

fn trend(medians: &[(u64, u64)]) -> Option<Smell> {
    let values: Vec<f64> = medians
        .iter()
        .map(|(_, p50_ns)| match *p50_ns {
            u64::MAX => f64::INFINITY,
            p50_ns => p50_ns as f64,
        })
        .collect();
    if !drift(&values)?.exceeds(DRIFT) {
        return None;
    }
    let (first, last) = (medians.first()?, medians.last()?);
    Some(Smell::Unsteady {
        interval_p50_ns: last.1,
        typical_p50_ns: first.1,
        at_ns: last.0,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(medians_us: &[u64]) -> Option<Smell> {
        let medians: Vec<(u64, u64)> = (0..)
            .zip(medians_us)
            .map(|(n, us)| (n * 100_000_000, us * 1_000))
            .collect();
        level(&medians)
    }

    #[test]
    fn a_level_that_lasts_an_interval_is_noticed_beyond_the_factor() {
        assert_eq!(of(&[100, 110, 90, 100, 500, 100, 100]), None);
        let smell = of(&[100, 110, 90, 100, 501, 100, 100]).unwrap();
        assert!(matches!(
            smell,
            Smell::Unsteady {
                at_ns: 400_000_000,
                typical_p50_ns: 100_000,
                ..
            }
        ));
    }

    #[test]
    fn unanswered_intervals_are_beyond_any_factor() {
        assert!(level(&[(0, 100), (1, 100), (2, u64::MAX), (3, 100)]).is_some());
        assert_eq!(
            level(&[(0, u64::MAX), (1, u64::MAX), (2, u64::MAX), (3, 1)]),
            None
        );
    }

    #[test]
    fn few_intervals_say_nothing() {
        assert_eq!(of(&[100, 100, 900]), None);
    }

    #[test]
    fn a_server_that_fell_behind_is_not_judged() {
        let behind = Pace {
            server_kept_up: false,
            starved_by_server: false,
        };
        let interval = |start_ns: u64, latency_ns: u64| {
            let mut recording = loadgen::Recording::new();
            (0..40).for_each(|_| recording.record(latency_ns));
            Interval {
                start_ns,
                requests: 40,
                latency: recording.latency(),
            }
        };
        let ramp: Vec<Interval> = (0..8).map(|n| interval(n, 1_000 << n)).collect();
        assert_eq!(judge(&ramp, Arrivals::Poisson, behind), None);
        let kept = Pace {
            server_kept_up: true,
            ..behind
        };
        assert!(judge(&ramp, Arrivals::Poisson, kept).is_some());
        let few: Vec<Interval> = ramp
            .into_iter()
            .map(|interval| Interval {
                requests: 29,
                ..interval
            })
            .collect();
        assert_eq!(judge(&few, Arrivals::Poisson, kept), None);
    }

    #[test]
    fn a_slow_rise_is_a_trend_and_a_small_one_passes() {
        let rising = |factor: f64| -> Vec<(u64, u64)> {
            (0..30)
                .map(|n| {
                    (
                        n,
                        (100_000.0 * (1.0 + (factor - 1.0) * n as f64 / 29.0)) as u64,
                    )
                })
                .collect()
        };
        assert!(level(&rising(4.0)).is_none() && trend(&rising(4.0)).is_some());
        assert_eq!(trend(&rising(1.8)), None);
    }
}
