//! Verdicts over a family of comparisons.
//!
//! Twenty comparisons at 5% each would show one difference by chance, so the p-values of a family
//! are corrected by Holm's step-down procedure ("A simple sequentially rejective multiple test
//! procedure", 1979): the chance of even one false difference in the family stays within 5%,
//! whatever the dependence between the comparisons.
//!
//! The exact test of n blocks has a smallest possible p-value, 2^(1 - n). A family so large that
//! even this would not survive the correction needs more blocks, and is told so: the verdict is
//! too few blocks, not "no difference".

use super::compare::Comparison;
use super::estimate::MIN_BLOCKS;

/// The level of a family: the chance of any false difference in it.
pub const LEVEL: f64 = 0.05;

/// Which direction of a metric is the better one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Better {
    /// Times and costs.
    Lower,
    /// Rates.
    Higher,
}

/// What a comparison shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Verdict {
    /// The system is better than the baseline.
    Faster,
    /// The system is worse than the baseline.
    Slower,
    /// Neither is shown; that does not show that they are equal.
    NoDifferenceShown,
    /// No verdict is possible: run more blocks.
    TooFewBlocks,
}

impl Verdict {
    /// In words.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Faster => "faster",
            Self::Slower => "slower",
            Self::NoDifferenceShown => "no difference shown",
            Self::TooFewBlocks => "too few blocks",
        }
    }

    /// Whether a difference is reported.
    pub const fn differs(self) -> bool {
        match self {
            Self::Faster | Self::Slower => true,
            Self::NoDifferenceShown | Self::TooFewBlocks => false,
        }
    }
}

/// A comparison with its place in a family.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Judged {
    /// The comparison.
    pub comparison: Comparison,
    /// The p-value corrected for the family; `None` with too few blocks.
    pub p_holm: Option<f64>,
    /// The verdict.
    pub verdict: Verdict,
}

/// Judges a family of comparisons. A difference is reported when the corrected p-value is at most
/// [`LEVEL`] and the interval of the ratio lies on the same side of 1. Comparisons of fewer than
/// [`MIN_BLOCKS`] blocks decide nothing and do not count towards the family.
pub fn judge(family: &[(Comparison, Better)]) -> Vec<Judged> {
    let decides = |c: &Comparison| c.ratio.n >= MIN_BLOCKS;
    let members: Vec<usize> = (0..family.len())
        .filter(|&i| decides(&family[i].0))
        .collect();
    let raw: Vec<f64> = members.iter().map(|&i| family[i].0.p_value).collect();
    let mut corrected = vec![None; family.len()];
    for (&index, p) in members.iter().zip(holm(&raw)) {
        corrected[index] = Some(p);
    }
    family
        .iter()
        .zip(corrected)
        .map(|(&(comparison, better), p_holm)| Judged {
            comparison,
            p_holm,
            verdict: verdict(&comparison, better, p_holm, members.len()),
        })
        .collect()
}

/// The verdict on one comparison as if it were the only one.
pub fn judge_alone(comparison: Comparison, better: Better) -> Verdict {
    let p = (comparison.ratio.n >= MIN_BLOCKS).then_some(comparison.p_value);
    verdict(&comparison, better, p, 1)
}

/// The fewest blocks, in pairs and independent, with which a family of this size can show a difference.
pub fn blocks_needed(family: usize) -> usize {
    let units = 1.0 + (family as f64 / LEVEL).log2();
    (units.ceil() as usize).max(MIN_BLOCKS)
}

fn verdict(c: &Comparison, better: Better, p_holm: Option<f64>, family: usize) -> Verdict {
    let Some(p) = p_holm else {
        return Verdict::TooFewBlocks;
    };
    if c.smallest_p * family as f64 > LEVEL {
        return Verdict::TooFewBlocks;
    }
    let agreed = c.ratio.excludes(1.0) && (c.ratio.value > 1.0) == c.above;
    if p > LEVEL || !agreed {
        return Verdict::NoDifferenceShown;
    }
    match (better, c.above) {
        (Better::Lower, false) | (Better::Higher, true) => Verdict::Faster,
        (Better::Lower, true) | (Better::Higher, false) => Verdict::Slower,
    }
}

/// Holm's corrected p-values, in the order of `p_values`.
pub fn holm(p_values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|&a, &b| p_values[a].total_cmp(&p_values[b]));
    let mut corrected = vec![0.0; p_values.len()];
    let mut largest: f64 = 0.0;
    for (step, &index) in order.iter().enumerate() {
        let left = (p_values.len() - step) as f64;
        largest = largest.max((left * p_values[index]).min(1.0));
        corrected[index] = largest;
    }
    corrected
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Sample, compare};

    #[test]
    fn holm_by_hand() {
        let corrected = holm(&[0.04, 0.01, 0.03, 0.5]);
        let expected = [0.09, 0.04, 0.09, 0.5];
        for (got, want) in corrected.iter().zip(expected) {
            assert!((got - want).abs() < 1e-12, "{corrected:?}");
        }
        assert!(holm(&[]).is_empty());
    }

    #[test]
    fn ten_blocks_carry_a_family_of_twenty_five() {
        assert_eq!(blocks_needed(1), 10);
        assert_eq!(blocks_needed(25), 10);
        assert_eq!(blocks_needed(26), 11);
        assert_eq!(blocks_needed(48), 11);
    }

    fn scaled(by: f64, n: usize) -> Comparison {
        // Blocks that drift without a pattern; the ratio is about `by` in each.
        let base: Vec<f64> = (0..n)
            .map(|i| 100.0 + ((i * 7) % 5) as f64 * 10.0)
            .collect();
        let other: Vec<f64> = base
            .iter()
            .enumerate()
            .map(|(i, v)| v * by * (1.0 + [0.001, -0.001, 0.002, -0.002, 0.0005][(i * 3) % 5]))
            .collect();
        compare(Sample::Median(&other), Sample::Median(&base), 1).unwrap()
    }

    #[test]
    fn clear_differences_have_their_direction() {
        let up = scaled(1.2, 10);
        let down = scaled(0.8, 10);
        assert_eq!(judge_alone(up, Better::Lower), Verdict::Slower);
        assert_eq!(judge_alone(up, Better::Higher), Verdict::Faster);
        assert_eq!(judge_alone(down, Better::Lower), Verdict::Faster);
        assert_eq!(judge_alone(down, Better::Higher), Verdict::Slower);
    }

    #[test]
    fn no_blocks_no_verdict() {
        let nine = scaled(2.0, 9);
        assert_eq!(judge_alone(nine, Better::Lower), Verdict::TooFewBlocks);
        let judged = judge(&[(nine, Better::Lower), (scaled(2.0, 10), Better::Lower)]);
        assert_eq!(judged[0].p_holm, None);
        // The undecided one does not count towards the family.
        assert_eq!(judged[1].p_holm, Some(2.0 / 1024.0));
        assert_eq!(judged[1].verdict, Verdict::Slower);
    }

    #[test]
    fn a_family_too_large_for_its_blocks_is_told_so() {
        let clear = (scaled(1.5, 10), Better::Lower);
        let verdicts = |n: usize| -> Vec<Verdict> {
            judge(&vec![clear; n]).iter().map(|j| j.verdict).collect()
        };
        assert!(verdicts(25).iter().all(|v| *v == Verdict::Slower));
        assert!(verdicts(26).iter().all(|v| *v == Verdict::TooFewBlocks));
    }
}
