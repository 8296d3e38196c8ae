//! Does a series stand still, or does it drift?
//!
//! A latency that rises through the measure phase means that the phase measured a transition. The
//! Mann-Kendall test (Mann 1945, Kendall 1975) asks whether later values tend to be larger, by
//! order alone, so a wild interval or one beyond the timeout counts once. Neighbouring intervals
//! are alike, which would make a trend look surer than it is; the variance of the test is therefore
//! enlarged by how little the series is worth (Yue and Wang, "The Mann-Kendall test modified by
//! effective sample size", 2004), measured on what is left when the trend is taken away.
//!
//! In a long series a trifle is significant, so the size of the drift, last third over first third,
//! is given beside it, and [`Drift::exceeds`] wants both.

use statrs::distribution::{ContinuousCDF, Normal};

use super::effective_size;
use crate::median;
use crate::ranks::ranks;

/// The trend in a series.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Drift {
    /// Kendall's tau between value and time, -1 (always falling) to 1 (always rising).
    pub tau: f64,
    /// Two-sided p-value of no trend.
    pub p_value: f64,
    /// Median of the last third over the median of the first; NaN where that is not defined.
    pub ratio: f64,
    /// How many independent values the series is worth.
    pub effective: f64,
    /// Values in the series.
    pub n: usize,
}

impl Drift {
    /// Whether there is a trend at 5% that moved the series by more than the factor `limit` (above
    /// 1), in either direction.
    pub fn exceeds(&self, limit: f64) -> bool {
        const LEVEL: f64 = 0.05;
        self.p_value <= LEVEL && (self.ratio >= limit || self.ratio <= 1.0 / limit)
    }
}

/// Measures the drift of `values`, one an interval in the order of time. `None` below nine values
/// (three a third) or when one is NaN; an infinite value is larger than all others.
pub fn drift(values: &[f64]) -> Option<Drift> {
    let n = values.len();
    if n < 9 || values.iter().any(|value| value.is_nan()) {
        return None;
    }
    let mut score: i64 = 0;
    for (later, value) in values.iter().enumerate() {
        for earlier in &values[..later] {
            score += (value > earlier) as i64 - (value < earlier) as i64;
        }
    }
    let pairs = (n * (n - 1) / 2) as f64;
    let effective = effective_size(&without_trend(&ranks(values)));
    let deviation = (variance(values) * n as f64 / effective).sqrt();
    // Continuity: a score moves in steps of two.
    let z = ((score.abs() - 1).max(0)) as f64 / deviation;
    let p_value = if deviation > 0.0 {
        2.0 * Normal::standard().sf(z)
    } else {
        1.0
    };
    let third = n / 3;
    Some(Drift {
        tau: score as f64 / pairs,
        p_value: p_value.min(1.0),
        ratio: median(&values[n - third..])? / median(&values[..third])?,
        effective,
        n,
    })
}

/// The variance of the score of independent values; equal values lower it.
fn variance(values: &[f64]) -> f64 {
    let term = |t: usize| (t * (t - 1) * (2 * t + 5)) as f64;
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let ties: f64 = sorted
        .chunk_by(|a, b| a == b)
        .map(|run| term(run.len()))
        .sum();
    (term(values.len()) - ties) / 18.0
}

/// What is left of a series when its least-squares line is taken away.
fn without_trend(values: &[f64]) -> Vec<f64> {
    let n = values.len() as f64;
    let middle = (n - 1.0) / 2.0;
    let mean = values.iter().sum::<f64>() / n;
    let (mut above, mut below) = (0.0, 0.0);
    for (i, value) in values.iter().enumerate() {
        let x = i as f64 - middle;
        above += x * (value - mean);
        below += x * x;
    }
    let slope = above / below;
    let line = |i: usize| mean + slope * (i as f64 - middle);
    values
        .iter()
        .enumerate()
        .map(|(i, v)| v - line(i))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Stream, autoregression};

    #[test]
    fn a_rising_series_by_hand() {
        let d = drift(&(1..=9).map(f64::from).collect::<Vec<_>>()).unwrap();
        assert_eq!((d.tau, d.ratio, d.n), (1.0, 8.0 / 2.0, 9));
        // Score 36, variance 92: z = 35 / sqrt(92) = 3.649.
        assert!((d.p_value - 2.63e-4).abs() < 1e-5, "{d:?}");
        assert!(d.exceeds(1.2) && !d.exceeds(5.0));
    }

    #[test]
    fn what_has_no_trend() {
        let flat = drift(&[5.0; 20]).unwrap();
        assert_eq!((flat.tau, flat.p_value, flat.ratio), (0.0, 1.0, 1.0));
        assert_eq!(drift(&[1.0; 8]), None);
        assert_eq!(drift(&[f64::NAN; 20]), None);
    }

    #[test]
    fn a_collapse_is_a_drift() {
        let mut values = vec![100.0; 30];
        values[15..].fill(f64::INFINITY);
        let d = drift(&values).unwrap();
        assert!(d.exceeds(2.0) && d.ratio == f64::INFINITY, "{d:?}");
    }

    /// Significant, since there are many values, but of no consequence.
    #[test]
    fn a_trifle_does_not_count() {
        let mut stream = Stream::new(2);
        let values: Vec<f64> = (0..2000)
            .map(|i| 100.0 + f64::from(i) * 0.001 + stream.normal())
            .collect();
        let d = drift(&values).unwrap();
        assert!(d.p_value < 1e-3 && !d.exceeds(1.1), "{d:?}");
    }

    #[test]
    fn false_alarms_stay_rare_even_when_neighbours_are_alike() {
        let mut stream = Stream::new(12);
        for (r, limit) in [(0.0, 0.02), (0.5, 0.05)] {
            let alarms = (0..1000)
                .filter(|_| {
                    let series = autoregression(&mut stream, r, 60);
                    drift(&series).unwrap().p_value <= 0.01
                })
                .count();
            assert!(alarms as f64 / 1000.0 <= limit, "r {r}: {alarms}");
        }
    }
}
