//! How often something happened among so many, and whether that is what it should be.

use statrs::distribution::{Beta, Binomial, ContinuousCDF, DiscreteCDF};

/// A share with its exact 95% interval (Clopper and Pearson, "The use of confidence or fiducial
/// limits illustrated in the case of the binomial", 1934).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Share {
    /// How often it happened.
    pub count: u64,
    /// Of how many.
    pub of: u64,
    /// Lower bound, 0 to 1.
    pub low: f64,
    /// Upper bound, 0 to 1.
    pub high: f64,
}

impl Share {
    /// `count` of `of`. `None` when there are none, or more than all.
    pub fn new(count: u64, of: u64) -> Option<Self> {
        (of > 0 && count <= of).then_some(())?;
        let quantile = |a: u64, b: u64, q: f64| {
            let beta = Beta::new(a as f64, b as f64).expect("both above 0");
            beta.inverse_cdf(q)
        };
        let missing = of - count;
        Some(Self {
            count,
            of,
            low: if count == 0 {
                0.0
            } else {
                quantile(count, missing + 1, 0.025)
            },
            high: if missing == 0 {
                1.0
            } else {
                quantile(count + 1, missing, 0.975)
            },
        })
    }

    /// The share, 0 to 1.
    pub fn value(&self) -> f64 {
        self.count as f64 / self.of as f64
    }

    /// How probable so many or more are, if each happens with probability `rate` (0 to 1): small
    /// where it happens more often than that.
    pub fn p_above(&self, rate: f64) -> f64 {
        let binomial = Binomial::new(rate.clamp(0.0, 1.0), self.of).expect("a probability");
        match self.count.checked_sub(1) {
            Some(fewer) => binomial.sf(fewer),
            None => 1.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(a: f64, b: f64) {
        assert!((a - b).abs() < 5e-4, "{a} {b}");
    }

    #[test]
    fn intervals_by_the_published_tables() {
        // 10 of 200: 2.4% to 9.0%; 0 of 30: 0 to 11.6% (the rule of three gives 10%).
        let share = Share::new(10, 200).unwrap();
        near(share.value(), 0.05);
        near(share.low, 0.0242);
        near(share.high, 0.0900);
        let none = Share::new(0, 30).unwrap();
        assert_eq!(none.low, 0.0);
        near(none.high, 0.1157);
        assert_eq!(Share::new(30, 30).unwrap().high, 1.0);
        assert_eq!(Share::new(0, 0), None);
        assert_eq!(Share::new(2, 1), None);
    }

    #[test]
    fn too_many_by_hand() {
        // Two or more of two at one half: 1/4; none or more: certain.
        near(Share::new(2, 2).unwrap().p_above(0.5), 0.25);
        assert_eq!(Share::new(0, 9).unwrap().p_above(0.05), 1.0);
        // 17 of 200 at 5%: 2.6%; 16 of 200: 4.4%.
        assert!(Share::new(17, 200).unwrap().p_above(0.05) < 0.05);
        assert!(Share::new(15, 200).unwrap().p_above(0.05) > 0.05);
    }
}
