//! One number held against limits at one place, and how it stands to them.

use stats::{Estimate, Sample, Spread, compare};

use crate::verdict::Limits;

/// One number that is held against limits, such as the ratio of two systems at one load.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Reading {
    /// Where it was read, such as `15 kreq/s`; empty where there is only one place.
    pub(crate) place: String,
    /// What the number must keep to.
    pub(crate) limits: Limits,
    /// The number; `None` where it is not defined in some block.
    pub(crate) estimate: Option<Estimate>,
    /// The same number block by block.
    pub(crate) per_block: Vec<f64>,
}

/// How one reading stands to its limits.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Standing {
    Within,
    /// Beyond a limit, with the p-value of being at the limit where the test is defined.
    Beyond(Option<f64>),
    /// The interval includes this limit.
    Open(f64),
    TooFewBlocks(usize),
    Undefined,
}

impl Reading {
    /// How the interval stands to the limits.
    pub(crate) fn standing(&self) -> Standing {
        let Some(estimate) = self.estimate else {
            return Standing::Undefined;
        };
        match estimate.spread {
            Spread::RangeOfTooFewBlocks => return Standing::TooFewBlocks(estimate.n),
            Spread::Interval95 => {}
        }
        let Limits { at_least, at_most } = self.limits;
        let beyond = at_least
            .filter(|least| estimate.high < *least)
            .or(at_most.filter(|most| estimate.low > *most));
        if let Some(limit) = beyond {
            return Standing::Beyond(self.p_value(limit));
        }
        let open = at_least
            .filter(|least| estimate.low < *least)
            .or(at_most.filter(|most| estimate.high > *most));
        open.map_or(Standing::Within, Standing::Open)
    }

    /// Two-sided p-value of the blocks' values lying around `limit`, by the signed rank test; the
    /// test is over ratios, so a limit of 0 has none, nor have differences of either sign.
    fn p_value(&self, limit: f64) -> Option<f64> {
        if self.per_block.iter().any(|value| *value < 0.0) {
            return None;
        }
        let limits = vec![limit; self.per_block.len()];
        let test = compare(Sample::Median(&self.per_block), Sample::Median(&limits), 0).ok();
        test.filter(|_| limit > 0.0).map(|test| test.p_value)
    }

    /// How near the interval is to breaking its limits, or how far beyond: less is worse. Relative
    /// to the limit, so that places of different size compare.
    pub(crate) fn margin(&self) -> f64 {
        let Some(estimate) = self.estimate else {
            return f64::NEG_INFINITY;
        };
        let scale = |limit: f64| if limit == 0.0 { 1.0 } else { limit.abs() };
        let least = self
            .limits
            .at_least
            .map(|least| (estimate.low - least) / scale(least));
        let most = self
            .limits
            .at_most
            .map(|most| (most - estimate.high) / scale(most));
        let margin = least
            .unwrap_or(f64::INFINITY)
            .min(most.unwrap_or(f64::INFINITY));
        if margin.is_nan() {
            f64::NEG_INFINITY
        } else {
            margin
        }
    }
}
