//! Resampling blocks: the bounds of a 95% interval for any statistic of them.
//!
//! Circular moving-block bootstrap (Politis and Romano, "A circular block-resampling procedure for
//! stationary data", 1992): runs of `length` consecutive blocks are drawn, so that dependence
//! inside a run survives; with length 1 it is the ordinary bootstrap (Efron 1979).
//!
//! With ten blocks the ordinary percentile interval is too short: the bootstrap's variance is
//! (n - 1) / n of the true one, and its tails are normal where the estimate's are Student's. The
//! interval is therefore taken at wider percentiles, Phi(-sqrt(n / (n - 1)) t(0.975, n - 1)): the
//! expanded percentile interval (Hesterberg, "What Teachers Should Know about the Bootstrap",
//! 2015). It was preferred to bias correction (BCa), whose acceleration is noise at ten blocks,
//! and to studentised intervals, which need a variance that does not exist once a percentile lies
//! beyond the timeout; it uses order statistics alone, so an infinite resample is an ordinary one.

use statrs::distribution::{ContinuousCDF, Normal, StudentsT};

use super::dependence::Dependence;
use crate::random::Stream;

/// Enough that the expanded tails (0.85% of resamples with ten blocks) hold some thirty of them.
const RESAMPLES: usize = 4_000;

/// The bounds of the 95% interval of `statistic`, a function of how often each block of each group
/// occurs in a resample. Groups are resampled on their own; blocks that belong together in pairs
/// are one group.
///
/// A resample in which the statistic is not defined (NaN: beyond the timeout over beyond the
/// timeout) could be anything, so it counts towards both tails and can only widen the interval.
pub(crate) fn bounds<const GROUPS: usize>(
    groups: [Group; GROUPS],
    seed: u64,
    statistic: impl Fn(&[Vec<u32>; GROUPS]) -> f64,
) -> (f64, f64) {
    let mut stream = Stream::new(seed);
    let mut weights = groups.map(|group| vec![0; group.blocks]);
    let mut lows = Vec::with_capacity(RESAMPLES);
    for _ in 0..RESAMPLES {
        for (weights, group) in weights.iter_mut().zip(groups) {
            draw(&mut stream, group.dependence.length, weights);
        }
        lows.push(statistic(&weights));
    }
    let mut highs = lows.clone();
    replace_undefined(&mut lows, f64::NEG_INFINITY);
    replace_undefined(&mut highs, f64::INFINITY);
    let effective = groups.iter().map(|group| group.dependence.effective);
    let tail = (tail(effective.fold(f64::INFINITY, f64::min)) * RESAMPLES as f64) as usize;
    lows.sort_by(f64::total_cmp);
    highs.sort_by(f64::total_cmp);
    (lows[tail], highs[RESAMPLES - 1 - tail])
}

/// Blocks that are resampled together.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Group {
    blocks: usize,
    dependence: Dependence,
}

impl Group {
    /// The blocks whose own values are `each`, in the order of the run.
    pub(crate) fn of(each: &[f64]) -> Self {
        Self {
            blocks: each.len(),
            dependence: Dependence::of(each),
        }
    }
}

fn replace_undefined(values: &mut [f64], by: f64) {
    values
        .iter_mut()
        .filter(|value| value.is_nan())
        .for_each(|value| *value = by);
}

/// Counts how often each block occurs in one resample of as many blocks.
fn draw(stream: &mut Stream, length: usize, weights: &mut [u32]) {
    let n = weights.len();
    weights.fill(0);
    let mut left = n;
    while left > 0 {
        let start = stream.below(n);
        let taken = length.min(left);
        for step in 0..taken {
            weights[(start + step) % n] += 1;
        }
        left -= taken;
    }
}

/// The share of resamples beyond each bound, for so many independent blocks.
fn tail(effective: f64) -> f64 {
    let freedom = (effective - 1.0).max(1.0);
    let t = StudentsT::new(0.0, 1.0, freedom)
        .expect("at least one degree of freedom")
        .inverse_cdf(0.975);
    Normal::standard().cdf(-t * ((freedom + 1.0) / freedom).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tails_by_the_published_table() {
        // Hesterberg 2015, table 5: the nominal 2.5% becomes 0.9% at n = 10 and 1.6% at n = 20.
        assert!((tail(10.0) - 0.0085).abs() < 5e-4, "{}", tail(10.0));
        assert!((tail(20.0) - 0.0159).abs() < 5e-4, "{}", tail(20.0));
        assert!((tail(1e6) - 0.025).abs() < 1e-4);
    }

    #[test]
    fn a_resample_is_as_long_as_the_original_and_keeps_neighbours() {
        let mut stream = Stream::new(1);
        let mut weights = vec![0; 9];
        for _ in 0..100 {
            draw(&mut stream, 3, &mut weights);
            assert_eq!(weights.iter().sum::<u32>(), 9);
            let touched = |i: usize| weights[i % 9] > 0;
            assert!((0..9).all(|i| !touched(i + 1) || touched(i) || touched(i + 2)));
        }
    }

    #[test]
    fn what_is_not_defined_widens_both_ends() {
        let group = Group::of(&[1.0, 3.0, 2.0, 4.0, 1.0, 5.0]);
        let (low, high) = bounds(
            [group],
            1,
            |[weights]| {
                if weights[0] > 0 { 1.0 } else { f64::NAN }
            },
        );
        assert_eq!((low, high), (f64::NEG_INFINITY, f64::INFINITY));
    }
}
