//! Whether one system differs from another: the ratio, its interval, and the test.

use super::dependence::Dependence;
use super::estimate::{Estimate, estimate_ratio, estimate_ratio_unpaired, ratios};
use super::rank_sum::rank_sum;
use super::sample::Sample;
use super::signed_rank::signed_rank;

/// One system against a baseline in one metric, before any correction for other comparisons.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Comparison {
    /// The system's number over the baseline's.
    pub ratio: Estimate,
    /// Two-sided p-value of the exact rank test.
    pub p_value: f64,
    /// The smallest p-value that so many independent blocks can give.
    pub smallest_p: f64,
    /// Whether the system's values are the larger ones, by their ranks.
    pub above: bool,
    /// Rank autocorrelation of a block with the next, -1 to 1; of ratios where blocks are pairs,
    /// else of the sample where it is larger.
    pub lag1: f64,
    /// How many independent blocks there are.
    pub effective_blocks: f64,
}

/// Why two samples cannot be compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Incomparable {
    /// The numbers of blocks differ: index i of both must be one block.
    #[error("the two do not have the same blocks")]
    Unpaired,
    /// There is no block in which both were measured.
    #[error("no block measured both")]
    NoBlocks,
    /// A block has no value, or the ratio is 0 / 0 or beyond the timeout / beyond the timeout.
    #[error("the ratio is not defined: both are 0, or both lie beyond the timeout")]
    Undefined,
}

/// Compares `system` with `baseline`, index i of both being the same block. The same `seed` gives
/// the same interval.
///
/// The test is over the ratios within blocks; it and the interval answer the same question by
/// different assumptions, and a verdict ([`judge`](super::judge)) needs both.
///
/// # Errors
/// When the ratio is not defined.
pub fn compare(
    system: Sample<'_>,
    baseline: Sample<'_>,
    seed: u64,
) -> Result<Comparison, Incomparable> {
    if system.blocks() != baseline.blocks() {
        return Err(Incomparable::Unpaired);
    }
    if system.blocks() == 0 {
        return Err(Incomparable::NoBlocks);
    }
    let ratio = estimate_ratio(system, baseline, seed).ok_or(Incomparable::Undefined)?;
    let differences: Vec<f64> = ratios(&system.per_block(), &baseline.per_block())
        .into_iter()
        .map(|ratio| if ratio.is_nan() { 0.0 } else { ratio.ln() })
        .collect();
    let dependence = Dependence::of(&differences);
    let test = signed_rank(&differences, dependence.length);
    Ok(Comparison {
        ratio,
        p_value: test.p_value,
        smallest_p: test.smallest_p,
        above: test.above,
        lag1: dependence.lag1,
        effective_blocks: dependence.effective,
    })
}

/// Compares two samples whose blocks have nothing to do with each other, such as those of two
/// runs. What changed between the runs besides the system is part of the difference.
///
/// # Errors
/// When the ratio is not defined.
pub fn compare_unpaired(
    system: Sample<'_>,
    baseline: Sample<'_>,
    seed: u64,
) -> Result<Comparison, Incomparable> {
    if system.blocks() == 0 || baseline.blocks() == 0 {
        return Err(Incomparable::NoBlocks);
    }
    let ratio = estimate_ratio_unpaired(system, baseline, seed).ok_or(Incomparable::Undefined)?;
    let (a, b) = (system.per_block(), baseline.per_block());
    let dependence = [Dependence::of(&a), Dependence::of(&b)];
    let test = rank_sum(&a, &b, dependence.map(|d| d.effective));
    let [first, second] = dependence;
    Ok(Comparison {
        ratio,
        p_value: test.p_value,
        smallest_p: test.smallest_p,
        above: test.above,
        lag1: first.lag1.max(second.lag1),
        effective_blocks: first.effective.min(second.effective),
    })
}
