//! The ratio of two systems that have one value a block: the Hodges-Lehmann estimate.
//!
//! The median of the geometric means of all pairs of blocks' ratios, each block also with itself: the
//! Walsh averages of their logarithms (Hodges and Lehmann, "Estimates of location based on rank tests",
//! 1963). It is the ratio against which the signed rank test would find nothing, so that test and
//! interval speak of one quantity. The quotient of the two medians, which suggests itself, lets only
//! that part of a machine's drift cancel that falls on the same blocks: in an A/A campaign its intervals
//! of CPU time at ten blocks were 1.4 times as wide (docs/validation.md).

/// The geometric means of all pairs, ascending: two blocks and their mean.
#[derive(Debug)]
pub(crate) struct Walsh(Vec<(usize, usize, f64)>);

impl Walsh {
    /// Of the blocks' ratios, 0 to infinity. What is not defined (NaN, or 0 with infinity) is 1, no
    /// difference.
    pub(crate) fn of(ratios: &[f64]) -> Self {
        let mut pairs: Vec<_> = (0..ratios.len())
            .flat_map(|i| (i..ratios.len()).map(move |j| (i, j)))
            .map(|(i, j)| {
                let mean = (ratios[i] * ratios[j]).sqrt();
                (i, j, if mean.is_nan() { 1.0 } else { mean })
            })
            .collect();
        pairs.sort_by(|a, b| a.2.total_cmp(&b.2));
        Self(pairs)
    }

    /// The estimate in which each block occurs `weights` times; NaN where none does.
    pub(crate) fn at(&self, weights: &[u32]) -> f64 {
        let blocks: u64 = weights.iter().copied().map(u64::from).sum();
        let pairs = blocks * (blocks + 1) / 2;
        if pairs == 0 {
            return f64::NAN;
        }
        let (lower, upper) = (pairs.div_ceil(2), pairs / 2 + 1);
        let mut seen = 0;
        let mut below = None;
        for &(i, j, mean) in &self.0 {
            let (a, b) = (u64::from(weights[i]), u64::from(weights[j]));
            // Copies of one block also meet each other.
            seen += if i == j { a * (a + 1) / 2 } else { a * b };
            if below.is_none() && seen >= lower {
                below = Some(mean);
            }
            if let Some(below) = below
                && seen >= upper
            {
                // Equal values are not averaged: inf - inf is NaN.
                return if below == mean {
                    mean
                } else {
                    below + (mean - below) / 2.0
                };
            }
        }
        f64::NAN
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::median;

    /// The definition, over the repeated blocks.
    fn by_hand(ratios: &[f64], weights: &[u32]) -> f64 {
        let repeated: Vec<f64> = ratios
            .iter()
            .zip(weights)
            .flat_map(|(&ratio, &weight)| std::iter::repeat_n(ratio, weight as usize))
            .collect();
        let means: Vec<f64> = (0..repeated.len())
            .flat_map(|i| (i..repeated.len()).map(move |j| (i, j)))
            .map(|(i, j)| (repeated[i].ln().midpoint(repeated[j].ln())).exp())
            .collect();
        median(&means).unwrap()
    }

    #[test]
    fn is_the_median_over_all_pairs() {
        let ratios = [1.1, 0.9, 1.4, 1.02];
        let walsh = Walsh::of(&ratios);
        for weights in [[1, 1, 1, 1], [0, 3, 1, 2], [2, 0, 2, 0], [0, 0, 4, 0]] {
            let (fast, slow) = (walsh.at(&weights), by_hand(&ratios, &weights));
            assert!((fast - slow).abs() < 1e-12, "{fast} {slow} {weights:?}");
        }
        assert!(walsh.at(&[0; 4]).is_nan());
    }

    #[test]
    fn equal_ratios_are_exact_and_the_undefined_speak_for_neither() {
        assert_eq!(Walsh::of(&[2.0; 7]).at(&[1; 7]), 2.0);
        assert_eq!(Walsh::of(&[f64::INFINITY; 3]).at(&[1; 3]), f64::INFINITY);
        assert_eq!(Walsh::of(&[0.0, f64::INFINITY]).at(&[1; 2]), 1.0);
        assert_eq!(Walsh::of(&[f64::NAN, 1.0, 1.0]).at(&[1; 3]), 1.0);
    }
}
