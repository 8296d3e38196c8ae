//! What skewed popularity does to the loads of owners: the law of popularity, and how far the most
//! loaded owner lies above the mean.

/// The share of requests of each rank, the most popular first, where rank k (from 1) is asked for in
/// proportion to k^-`theta`. Sums to 1; empty without keys.
pub fn zipf_shares(theta: f64, keys: u32) -> impl Iterator<Item = f64> {
    let weight = move |rank: u32| f64::from(rank).powf(-theta);
    // The smallest first, so that they are not lost beside the sum.
    let whole: f64 = (1..=keys).rev().map(weight).sum();
    (1..=keys).map(move |rank| weight(rank) / whole)
}

/// The load of the most loaded owner, over the mean: 1 where all are alike. Nothing without load.
#[must_use]
pub fn imbalance(loads: &[f64]) -> Option<f64> {
    let whole: f64 = loads.iter().sum();
    let most = loads.iter().copied().fold(0.0, f64::max);
    (whole > 0.0).then(|| most * loads.len() as f64 / whole)
}

/// What no partitioning of whole keys gets below: the owner of the most popular key, whose share of
/// all requests is `hottest`, has at least those.
#[must_use]
pub fn imbalance_bound(owners: u16, hottest: f64) -> f64 {
    (f64::from(owners) * hottest).max(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_follow_the_law() {
        let shares: Vec<f64> = zipf_shares(1.0, 4).collect();
        let whole = 1.0 + 1.0 / 2.0 + 1.0 / 3.0 + 1.0 / 4.0;
        for (rank, share) in (1..).zip(&shares) {
            assert!((share - 1.0 / f64::from(rank) / whole).abs() < 1e-12);
        }
        let uniform: Vec<f64> = zipf_shares(0.0, 5).collect();
        assert!(uniform.iter().all(|share| (share - 0.2).abs() < 1e-12));
        let whole: f64 = zipf_shares(1.3, 100_000).sum();
        assert!((whole - 1.0).abs() < 1e-9);
        assert_eq!(zipf_shares(1.0, 0).count(), 0);
    }

    #[test]
    fn imbalance_is_the_largest_over_the_mean() {
        assert_eq!(imbalance(&[3.0, 1.0]), Some(1.5));
        assert_eq!(imbalance(&[2.0, 2.0, 2.0]), Some(1.0));
        assert_eq!(imbalance(&[7.0]), Some(1.0));
        assert_eq!(imbalance(&[0.0, 0.0]), None);
        assert_eq!(imbalance(&[]), None);
    }

    #[test]
    fn no_deal_of_whole_keys_beats_the_bound() {
        let shares: Vec<f64> = zipf_shares(1.2, 40).collect();
        for owners in 1..=8_u16 {
            let bound = imbalance_bound(owners, shares[0]);
            assert!(bound >= 1.0);
            // The best that a greedy deal finds, the most popular first.
            let mut loads = vec![0.0_f64; usize::from(owners)];
            for share in &shares {
                let least = loads.iter_mut().min_by(|a, b| a.total_cmp(b));
                *least.expect("an owner") += share;
            }
            let dealt = imbalance(&loads).expect("there is load");
            assert!(dealt >= bound - 1e-12, "{owners}: {dealt} below {bound}");
        }
    }
}
