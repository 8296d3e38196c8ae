//! How much the blocks of a series know of each other.
//!
//! A machine drifts: blocks that follow each other may be alike, and then n blocks say less than
//! n independent ones. The lag-1 autocorrelation is measured over the blocks' ranks, which an
//! infinite percentile or one wild block cannot dominate. Where it is more than chance would give,
//! the series is taken as a first-order autoregression, whose two consequences are known: how
//! many independent blocks it is worth, n (1 - r) / (1 + r), and the block length at which a
//! block bootstrap's error is smallest (Carlstein, "The use of subseries values for estimating
//! the variance of a general statistic from a stationary sequence", 1986).

use crate::ranks::ranks;
use crate::series::autocorrelation;

/// The dependence between consecutive blocks, as it was measured and as it is accounted for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Dependence {
    /// Rank autocorrelation of each block with the next, -1 to 1; 0 where blocks do not differ.
    pub(crate) lag1: f64,
    /// Consecutive blocks that are resampled together; 1 where nothing speaks against independence.
    pub(crate) length: usize,
    /// How many independent blocks the series is worth; at most the number of blocks.
    pub(crate) effective: f64,
}

impl Dependence {
    /// Measures `values`, one a block in the order in which they were run.
    pub(crate) fn of(values: &[f64]) -> Self {
        let n = values.len();
        let lag1 = autocorrelation(&ranks(values), 1).unwrap_or(0.0);
        if n < 4 || lag1 <= critical(n) {
            return Self {
                lag1,
                length: 1,
                effective: n as f64,
            };
        }
        // The sample value is low by about (1 + 4 r) / n (Kendall 1954).
        let r = (lag1 + (1.0 + 4.0 * lag1) / n as f64).min(0.95);
        let best = (6.0_f64.sqrt() * r / (1.0 - r * r)).powf(2.0 / 3.0) * (n as f64).cbrt();
        Self {
            lag1,
            length: (best.ceil() as usize).clamp(2, n / 2),
            effective: (n as f64 * (1.0 - r) / (1.0 + r)).max(1.0),
        }
    }
}

/// The lag-1 autocorrelation that independent values exceed in 2.5 of 100 cases (Anderson,
/// "Distribution of the serial correlation coefficient", 1942).
fn critical(n: usize) -> f64 {
    const UPPER_2_5_PERCENT: f64 = 1.96;
    let n = n as f64;
    (UPPER_2_5_PERCENT * (n - 2.0).sqrt() - 1.0) / (n - 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{self, Stream};

    #[test]
    fn independent_blocks_count_in_full() {
        let alternating = [1.0, 2.0, 1.5, 3.0, 0.5, 2.5, 1.2, 2.2, 0.9, 2.8];
        let d = Dependence::of(&alternating);
        assert_eq!((d.length, d.effective), (1, 10.0));
        assert!(d.lag1 < 0.0);
        assert_eq!(Dependence::of(&[4.0; 12]).effective, 12.0);
        assert_eq!(Dependence::of(&[]).effective, 0.0);
    }

    #[test]
    fn a_drift_costs_blocks() {
        let drift: Vec<f64> = (0..20).map(f64::from).collect();
        let d = Dependence::of(&drift);
        assert!(d.length >= 4 && d.effective < 3.0, "{d:?}");
    }

    /// For a first-order autoregression the worth of n values is known in closed form.
    #[test]
    fn an_autoregression_is_worth_what_theory_says() {
        let mut stream = Stream::new(3);
        let series = random::autoregression(&mut stream, 0.5, 3000);
        let d = Dependence::of(&series);
        assert!((d.effective / 1000.0 - 1.0).abs() < 0.12, "{d:?}");
    }

    #[test]
    fn chance_rarely_looks_like_dependence() {
        let mut stream = Stream::new(9);
        let flagged = (0..1000)
            .filter(|_| {
                let values: Vec<f64> = (0..10).map(|_| stream.normal()).collect();
                Dependence::of(&values).length > 1
            })
            .count();
        assert!((5..=50).contains(&flagged), "{flagged} of 1000");
    }
}
