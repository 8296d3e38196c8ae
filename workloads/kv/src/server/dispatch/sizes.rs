//! The distribution of the sizes that are asked for, and the limits that follow from it. Pure.

use hdrhistogram::Histogram;

/// Up to this share of the requests are small: Minos takes the 99th percentile of sizes.
const SMALL: f64 = 0.99;

/// Weight of what was counted before, after each epoch.
const AGE: f64 = 0.5;

/// Sizes are told apart by 1%.
const DIGITS: u8 = 2;

/// The largest size that is told from larger ones: memcached's largest item.
const LARGEST: u64 = 1 << 20;

/// Bytes of a reply that one datagram carries: what a request costs is counted in these.
const PACKET: u64 = 1400;

/// Sizes in bytes with their weights.
#[derive(Debug, Clone)]
pub(super) struct Sizes(Histogram<u64>);

impl Sizes {
    /// No sizes.
    pub(super) fn new() -> Self {
        // The bounds are constants within what the library takes.
        #[expect(clippy::expect_used, reason = "constant and valid bounds")]
        Self(Histogram::new_with_bounds(1, LARGEST, DIGITS).expect("bounds"))
    }

    /// Counts one request.
    #[inline]
    pub(super) fn count(&mut self, size: u32) {
        self.0.saturating_record(u64::from(size));
    }

    /// Counts all of `other`'s as well.
    pub(super) fn add(&mut self, other: &Self) {
        for step in other.0.iter_recorded() {
            let (size, count) = (step.value_iterated_to(), step.count_at_value());
            self.0.saturating_record_n(size, count);
        }
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        self.0.reset();
    }

    /// Halves the weight of everything; what weighs least is forgotten.
    pub(super) fn age(&mut self) {
        let aged: Vec<(u64, u64)> = (self.0.iter_recorded())
            .map(|step| {
                let weight = (step.count_at_value() as f64 * AGE) as u64;
                (step.value_iterated_to(), weight)
            })
            .collect();
        self.0.reset();
        for (size, weight) in aged {
            self.0.saturating_record_n(size, weight);
        }
    }

    /// The largest small size, then the largest size of each of `large` further ranges, which cost
    /// about as many packets each; the last takes everything. Without sizes everything is small.
    pub(super) fn limits(&self, large: usize) -> Vec<u32> {
        if self.0.is_empty() {
            return vec![u32::MAX; large + 1];
        }
        let small = self.0.value_at_quantile(SMALL);
        let above: Vec<(u64, u64)> = (self.0.iter_recorded())
            .map(|step| (step.value_iterated_to(), step.count_at_value()))
            .filter(|(size, _)| *size > small)
            .map(|(size, count)| (size, count * size.div_ceil(PACKET)))
            .collect();
        let total: u64 = above.iter().map(|(_, cost)| cost).sum();
        let mut limits = vec![to_u32(small)];
        let (mut spent, mut next) = (0, 1);
        for (size, cost) in above {
            spent += cost;
            while next < large && spent * large as u64 >= total * next as u64 {
                limits.push(to_u32(size));
                next += 1;
            }
        }
        limits.resize(large, to_u32(small));
        limits.push(u32::MAX);
        limits
    }
}

fn to_u32(size: u64) -> u32 {
    u32::try_from(size).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(sizes: &[(u32, usize)]) -> Sizes {
        let mut all = Sizes::new();
        for (size, times) in sizes {
            (0..*times).for_each(|_| all.count(*size));
        }
        all
    }

    #[test]
    fn everything_is_small_until_something_was_asked_for() {
        assert_eq!(Sizes::new().limits(2), [u32::MAX; 3]);
    }

    #[test]
    fn one_in_a_hundred_is_large() {
        let limits = of(&[(64, 995), (8192, 5)]).limits(1);
        assert_eq!(limits, [64, u32::MAX]);
        // Two in a hundred are not: they are within the 99th percentile.
        let limits = of(&[(64, 980), (8192, 20)]).limits(1);
        assert!(limits[0] >= 8192, "{limits:?}");
    }

    #[test]
    fn ranges_cost_alike() {
        // 10 packets each of 1400 B, 5 of 2 packets, 2 of 5: a third of the cost each.
        let sizes = of(&[(10, 2000), (1300, 10), (2700, 5), (6900, 2)]);
        let limits = sizes.limits(3);
        assert_eq!(limits.len(), 4);
        let near = |limit: u32, size: u32| (size..=size + size / 64).contains(&limit);
        assert!(near(limits[1], 1300) && near(limits[2], 2700), "{limits:?}");
        assert_eq!((limits[0], limits[3]), (10, u32::MAX));
    }

    #[test]
    fn what_is_no_longer_asked_for_loses_its_weight() {
        let mut sizes = of(&[(4096, 1000)]);
        assert!(sizes.limits(1)[0] >= 4096);
        for _ in 0..12 {
            sizes.age();
            sizes.add(&of(&[(64, 1000)]));
        }
        assert_eq!(sizes.limits(1)[0], 64);
    }
}
