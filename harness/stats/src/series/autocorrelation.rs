//! What a series of values knows of its own future.

/// The sample autocorrelation of `values` at `lag`, -1 to 1. `None` when there are no two values so
/// far apart, when one is not finite, or when they do not vary.
pub fn autocorrelation(values: &[f64], lag: usize) -> Option<f64> {
    if values.len() <= lag || values.iter().any(|value| !value.is_finite()) {
        return None;
    }
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    let variance: f64 = values.iter().map(|v| (v - mean).powi(2)).sum();
    let covariance: f64 = values
        .iter()
        .zip(&values[lag..])
        .map(|(a, b)| (a - mean) * (b - mean))
        .sum();
    (variance > 0.0).then(|| covariance / variance)
}

/// How many independent values the series is worth, from 1 to its length:
/// n / (1 + 2 sum of autocorrelations), summed while consecutive pairs of them stay positive
/// (Geyer, "Practical Markov Chain Monte Carlo", 1992: the initial positive sequence). A series
/// that does not vary, or has a value that is not finite, counts as its length.
pub fn effective_size(values: &[f64]) -> f64 {
    let n = values.len();
    let at = |lag| autocorrelation(values, lag);
    let Some(first) = at(1) else {
        return n as f64;
    };
    let mut twice_sum = 2.0 * first;
    for lag in (2..n / 2).step_by(2) {
        let pair = at(lag).unwrap_or(0.0) + at(lag + 1).unwrap_or(0.0);
        if pair <= 0.0 {
            break;
        }
        twice_sum += 2.0 * pair;
    }
    (n as f64 / (1.0 + twice_sum).max(f64::MIN_POSITIVE)).clamp(1.0, n as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Stream, autoregression};

    #[test]
    fn by_hand() {
        // Mean 2.5, deviations -1.5 -0.5 0.5 1.5: variance 5, lag-1 products 0.75 - 0.25 + 0.75.
        assert_eq!(autocorrelation(&[1.0, 2.0, 3.0, 4.0], 1), Some(0.25));
        assert_eq!(autocorrelation(&[1.0, 2.0, 3.0, 4.0], 0), Some(1.0));
        assert_eq!(autocorrelation(&[1.0, 2.0], 2), None);
        assert_eq!(autocorrelation(&[3.0; 5], 1), None);
        assert_eq!(autocorrelation(&[1.0, f64::INFINITY, 2.0], 1), None);
        assert_eq!(effective_size(&[3.0; 5]), 5.0);
    }

    #[test]
    fn an_autoregression_is_worth_what_theory_says() {
        let mut stream = Stream::new(5);
        for (r, worth) in [(0.0, 1.0), (0.5, 1.0 / 3.0), (0.8, 1.0 / 9.0)] {
            let series = autoregression(&mut stream, r, 4000);
            let share = effective_size(&series) / 4000.0;
            assert!((share / worth - 1.0).abs() < 0.3, "r {r}: {share}");
        }
    }
}
