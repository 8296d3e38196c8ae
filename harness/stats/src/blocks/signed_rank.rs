//! The exact test of whether two systems differ, over blocks in pairs.
//!
//! Within a block the systems run in an order that is drawn afresh, so if the label makes no
//! difference, the sign of a block's difference is a fair coin, tossed independently of all other
//! blocks, whatever the machine's drift and however skewed or tied the values are. The test
//! statistic is Wilcoxon's signed rank sum (1945), and its distribution over all 2^n sign patterns
//! is computed, not approximated: the share of false differences is at most the level for any n
//! and any distribution. That is why verdicts rest on it and not on an interval, which at ten
//! blocks holds only approximately. Ranks keep one wild block, or one beyond the timeout, from
//! deciding alone.
//!
//! Where differences of consecutive blocks are alike, their signs are not independent coins, so
//! runs of blocks share one sign (their dependence is measured first).

use crate::ranks::ranks;

/// The outcome of a rank test.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Tested {
    /// Two-sided p-value.
    pub(crate) p_value: f64,
    /// The smallest one possible.
    pub(crate) smallest_p: f64,
    /// Whether the first sample is the larger one, by ranks.
    pub(crate) above: bool,
}

/// Tests `differences`, one a block in the order of the run, against no difference. A difference
/// that is zero or not defined (NaN) speaks for neither side.
pub(crate) fn signed_rank(differences: &[f64], length: usize) -> Tested {
    let sizes: Vec<f64> = differences.iter().map(|d| d.abs()).collect();
    let signed: Vec<i64> = ranks(&sizes)
        .into_iter()
        .zip(differences)
        // Ranks are multiples of one half.
        .map(|(rank, d)| sign(*d) * (2.0 * rank) as i64)
        .collect();
    let units: Vec<i64> = signed
        .chunks(length.max(1))
        .map(|run| run.iter().sum())
        .collect();
    let sum: i64 = units.iter().sum();
    Tested {
        p_value: share_as_extreme(&units, sum),
        smallest_p: 0.5_f64.powf(units.len() as f64 - 1.0).min(1.0),
        above: sum > 0,
    }
}

fn sign(difference: f64) -> i64 {
    if difference > 0.0 {
        1
    } else if difference < 0.0 {
        -1
    } else {
        0
    }
}

/// The share of all sign patterns of `units` whose sum is at least as far from 0 as `sum`.
fn share_as_extreme(units: &[i64], sum: i64) -> f64 {
    let sizes: Vec<usize> = units
        .iter()
        .map(|unit| unit.unsigned_abs() as usize)
        .collect();
    let total: usize = sizes.iter().sum();
    // probability[k]: that the positive units sum to k.
    let mut probability = vec![0.0; total + 1];
    probability[0] = 1.0;
    let mut reach = 0;
    for size in sizes {
        reach += size;
        for k in (0..=reach).rev() {
            let with = if k >= size {
                probability[k - size]
            } else {
                0.0
            };
            probability[k] = (probability[k] + with) / 2.0;
        }
    }
    let share: f64 = probability
        .iter()
        .enumerate()
        // Positive sum k and negative sum total - k differ by 2 k - total.
        .filter(|(k, _)| (2 * *k as i64 - total as i64).abs() >= sum.abs())
        .map(|(_, p)| p)
        .sum();
    share.min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Stream;

    #[test]
    fn small_cases_by_hand() {
        // All ten of one sign: 2 of 1024 patterns.
        let all: Vec<f64> = (1..=10).map(f64::from).collect();
        assert_eq!(signed_rank(&all, 1).p_value, 2.0 / 1024.0);
        // Signs + + - of sizes 3, 2, 1: |sum| = 4; patterns with |sum| >= 4: 4 of 8.
        let three = signed_rank(&[3.0, 2.0, -1.0], 1);
        assert_eq!(
            (three.p_value, three.above, three.smallest_p),
            (0.5, true, 0.25)
        );
        assert_eq!(signed_rank(&[0.0; 12], 1).p_value, 1.0);
        assert_eq!(signed_rank(&[f64::NAN; 12], 1).p_value, 1.0);
        assert_eq!(signed_rank(&[], 1).p_value, 1.0);
    }

    /// The tables of the signed rank statistic: at n = 10, a smaller sum of at most 8 is
    /// significant at 5% two-sided (exactly 0.048828125); 9 is not.
    #[test]
    fn agrees_with_the_published_critical_value() {
        // Negative ranks 1 + 7 = 8, then 2 + 7 = 9.
        let with = |negative: [usize; 2]| -> f64 {
            let d: Vec<f64> = (1..=10)
                .map(|r| {
                    if negative.contains(&r) {
                        -(r as f64)
                    } else {
                        r as f64
                    }
                })
                .collect();
            signed_rank(&d, 1).p_value
        };
        assert_eq!(with([1, 7]), 0.048_828_125);
        assert!(with([2, 7]) > 0.05);
    }

    #[test]
    fn infinite_differences_are_the_largest() {
        let mut d = vec![1.0; 9];
        d.push(f64::INFINITY);
        assert_eq!(signed_rank(&d, 1).p_value, 2.0 / 1024.0);
    }

    #[test]
    fn runs_share_a_sign() {
        let d: Vec<f64> = (1..=10).map(f64::from).collect();
        let runs = signed_rank(&d, 4);
        assert_eq!((runs.smallest_p, runs.p_value), (2.0 / 8.0, 2.0 / 8.0));
    }

    /// Whatever the distribution, at most 5% of null experiments fall below 5%.
    #[test]
    fn false_differences_stay_within_the_level() {
        let mut stream = Stream::new(17);
        let trials = 4000;
        let mut rejected = 0;
        for _ in 0..trials {
            let differences: Vec<f64> = (0..10)
                .map(|_| {
                    // Heavy-tailed and with common outliers, but with exchangeable signs.
                    let size = stream.exponential().powi(4);
                    if stream.below(2) == 0 { size } else { -size }
                })
                .collect();
            rejected += usize::from(signed_rank(&differences, 1).p_value <= 0.05);
        }
        let share = f64::from(rejected as u32) / f64::from(trials);
        assert!((0.038..=0.060).contains(&share), "{share}");
    }
}
