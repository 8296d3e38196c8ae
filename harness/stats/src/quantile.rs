//! Quantiles as exact fractions.

/// A quantile in parts of 100 000, so that ranks are computed in integers: `0.999 * 1000.0` is
/// not 999 in floating point, and one rank decides whether a tail value is a number or a timeout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Quantile(u32);

impl Quantile {
    const WHOLE: u32 = 100_000;
    /// The median.
    pub const P50: Self = Self(50_000);
    /// The 90th percentile.
    pub const P90: Self = Self(90_000);
    /// The 99th percentile.
    pub const P99: Self = Self(99_000);
    /// The 99.9th percentile.
    pub const P99_9: Self = Self(99_900);
    /// The 99.99th percentile.
    pub const P99_99: Self = Self(99_990);

    /// A quantile of `parts` in 100 000; `None` beyond the whole.
    pub const fn from_parts(parts: u32) -> Option<Self> {
        if parts <= Self::WHOLE {
            Some(Self(parts))
        } else {
            None
        }
    }

    /// The nearest rank, from 1 to `count`: the smallest rank that covers this share of `count`
    /// values. `None` when there are none.
    pub fn rank(self, count: u64) -> Option<u64> {
        if count == 0 {
            return None;
        }
        let exact = u128::from(self.0) * u128::from(count);
        let rank = exact.div_ceil(u128::from(Self::WHOLE));
        // At most `count`, since the quantile is at most the whole.
        Some((rank as u64).max(1))
    }

    /// The share of values at or below, from 0 to 1.
    pub fn fraction(self) -> f64 {
        f64::from(self.0) / f64::from(Self::WHOLE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_by_hand() {
        assert_eq!(Quantile::P50.rank(5), Some(3));
        assert_eq!(Quantile::P50.rank(4), Some(2));
        assert_eq!(Quantile::P99_9.rank(1000), Some(999));
        assert_eq!(Quantile::P99_9.rank(1001), Some(1000));
        assert_eq!(Quantile::P99.rank(1), Some(1));
        assert_eq!(Quantile::P99.rank(0), None);
        assert_eq!(Quantile::from_parts(0).unwrap().rank(7), Some(1));
        assert_eq!(
            Quantile::from_parts(100_000).unwrap().rank(u64::MAX),
            Some(u64::MAX)
        );
        assert_eq!(Quantile::from_parts(100_001), None);
    }
}
