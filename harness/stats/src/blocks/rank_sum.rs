//! The test of whether two samples of blocks differ that are not in pairs.
//!
//! Wilcoxon's rank sum (1945; Mann and Whitney 1947): if the samples come from one distribution,
//! every way to deal their common ranks to the two is equally likely. The distribution over all
//! deals is computed, ties included, as long as the samples are small; larger ones are normal
//! enough. Where a sample's blocks depend on each other, the normal form is used with the variance
//! of as many independent blocks as they are worth.

use statrs::distribution::{ContinuousCDF, Normal};

use super::signed_rank::Tested;
use crate::ranks::ranks;

/// Pairs of blocks up to which the exact distribution is computed.
const EXACT: usize = 1600;

/// Tests `a` against `b`, whose blocks are worth `effective` independent ones.
pub(crate) fn rank_sum(a: &[f64], b: &[f64], effective: [f64; 2]) -> Tested {
    let (n, m) = (a.len(), b.len());
    let all: Vec<f64> = a.iter().chain(b).copied().collect();
    let ranks = ranks(&all);
    let sum: f64 = ranks[..n].iter().sum();
    let expected = n as f64 * (n + m + 1) as f64 / 2.0;
    let independent = effective[0] >= n as f64 && effective[1] >= m as f64;
    let p_value = if independent && n * m <= EXACT {
        exact(&ranks, n, (sum - expected).abs())
    } else {
        let worth = (effective[0] / n as f64).min(effective[1] / m as f64);
        normal(&ranks, n, sum - expected, worth.min(1.0))
    };
    Tested {
        p_value: p_value.min(1.0),
        smallest_p: (2.0 / deals(effective)).min(1.0),
        above: sum > expected,
    }
}

/// The share of deals whose rank sum is at least `distance` from the expected one.
fn exact(ranks: &[f64], n: usize, distance: f64) -> f64 {
    // Ranks are multiples of one half.
    let doubled: Vec<usize> = ranks.iter().map(|rank| (2.0 * rank) as usize).collect();
    let total: usize = doubled.iter().sum();
    // count[k][s]: deals of k ranks with doubled sum s.
    let mut count = vec![vec![0.0; total + 1]; n + 1];
    count[0][0] = 1.0;
    for (seen, &rank) in doubled.iter().enumerate() {
        for k in (1..=n.min(seen + 1)).rev() {
            let (fewer, these) = count.split_at_mut(k);
            let from = &fewer[k - 1];
            for (to, without) in these[0][rank..].iter_mut().zip(from) {
                *to += without;
            }
        }
    }
    let expected = total as f64 * n as f64 / ranks.len() as f64;
    let far = |sum: usize| (sum as f64 - expected).abs() >= 2.0 * distance - 1e-9;
    let extreme: f64 = (0..=total)
        .filter(|&sum| far(sum))
        .map(|sum| count[n][sum])
        .sum();
    extreme / count[n].iter().sum::<f64>()
}

/// The normal form with the variance divided by `worth`, the share of blocks that count.
fn normal(ranks: &[f64], n: usize, difference: f64, worth: f64) -> f64 {
    let all = ranks.len() as f64;
    let (n, m) = (n as f64, all - n as f64);
    let mean = (all + 1.0) / 2.0;
    // The variance of a sample without replacement, which takes ties as they are.
    let spread: f64 = ranks.iter().map(|rank| (rank - mean).powi(2)).sum();
    let variance = n * m * spread / (all * (all - 1.0)) / worth;
    if variance <= 0.0 {
        return 1.0;
    }
    2.0 * Normal::standard().sf((difference.abs() - 0.5).max(0.0) / variance.sqrt())
}

/// In how many ways so many blocks can be dealt to the two samples.
fn deals(effective: [f64; 2]) -> f64 {
    let [n, m] = effective.map(f64::floor);
    let mut ways = 1.0;
    let mut i = 1.0;
    while i <= n {
        ways *= (m + i) / i;
        i += 1.0;
    }
    ways
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Stream, autoregression};

    fn test(a: &[f64], b: &[f64]) -> Tested {
        rank_sum(a, b, [a.len() as f64, b.len() as f64])
    }

    #[test]
    fn small_cases_by_hand() {
        // All of a above all of b: 2 of the 20 deals of three in six.
        let t = test(&[4.0, 5.0, f64::INFINITY], &[1.0, 2.0, 3.0]);
        assert!((t.p_value - 0.1).abs() < 1e-12 && t.above, "{t:?}");
        assert!((t.smallest_p - 0.1).abs() < 1e-12);
        assert_eq!(test(&[1.0; 5], &[1.0; 5]).p_value, 1.0);
        // Ranks 1 + 2 of 4: two deals of six are as far out.
        assert!((test(&[1.0, 2.0], &[3.0, 4.0]).p_value - 2.0 / 6.0).abs() < 1e-12);
    }

    #[test]
    fn the_normal_form_is_close_to_the_exact_one() {
        let mut stream = Stream::new(2);
        let a: Vec<f64> = (0..20).map(|_| stream.normal() + 0.6).collect();
        let b: Vec<f64> = (0..20).map(|_| stream.normal()).collect();
        let all: Vec<f64> = a.iter().chain(&b).copied().collect();
        let ranks = ranks(&all);
        let difference = ranks[..20].iter().sum::<f64>() - 410.0;
        let (e, n) = (
            exact(&ranks, 20, difference.abs()),
            normal(&ranks, 20, difference, 1.0),
        );
        assert!((e / n - 1.0).abs() < 0.1, "{e} {n}");
    }

    #[test]
    fn false_differences_stay_within_the_level() {
        let mut stream = Stream::new(3);
        let mut rejected = [0; 2];
        for _ in 0..1000 {
            let mut draw = |r| -> Vec<f64> { autoregression(&mut stream, r, 12) };
            rejected[0] += u32::from(test(&draw(0.0), &draw(0.0)).p_value <= 0.05);
            // Each block worth half of an independent one.
            let t = rank_sum(&draw(1.0 / 3.0), &draw(1.0 / 3.0), [6.0, 6.0]);
            rejected[1] += u32::from(t.p_value <= 0.05);
        }
        assert!(rejected[0] <= 65 && rejected[1] <= 75, "{rejected:?}");
    }
}
