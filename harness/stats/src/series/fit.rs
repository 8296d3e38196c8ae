//! Does a series follow the distribution it was asked to follow?
//!
//! The Anderson-Darling statistic (1954) for a distribution that is fully specified: nothing is
//! estimated from the data, so its p-value is known for every sample size (Marsaglia and
//! Marsaglia, "Evaluating the Anderson-Darling Distribution", Journal of Statistical Software
//! 9(2), 2004). It weighs the tails, where a generator that falls behind shows first.
//!
//! With 100 000 values a deviation of no consequence is significant, so the largest distance
//! between the two distribution functions is given beside it: a gate wants both.

/// How a sample relates to the distribution that it should come from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Fit {
    /// The Anderson-Darling statistic A²; about 1 for a sample that fits, 2.49 at 5%.
    pub statistic: f64,
    /// How probable a statistic at least as large is for a sample that does come from it.
    pub p_value: f64,
    /// The largest difference between the sample's and the asked distribution function, 0 to 1
    /// (Kolmogorov's distance): the size of the effect.
    pub distance: f64,
    /// Values in the sample.
    pub n: usize,
}

/// Fits gaps of a Poisson process, in nanoseconds, to the exponential law with mean `mean_ns`.
/// `None` without gaps or with a mean that is not positive.
pub fn fit_exponential(gaps_ns: &[u64], mean_ns: f64) -> Option<Fit> {
    let valid = mean_ns.is_finite() && mean_ns > 0.0;
    valid.then_some(())?;
    // 1 - exp(-x), without losing what lies close to 0.
    fit(gaps_ns
        .iter()
        .map(|&gap| -(-(gap as f64) / mean_ns).exp_m1()))
}

/// Fits times of a Poisson process inside a window of nanoseconds, which are uniform given their
/// number, so that a change of the rate over the window shows. `None` without times or when one
/// lies outside of the window.
pub fn fit_uniform(times_ns: &[u64], window_ns: std::ops::Range<u64>) -> Option<Fit> {
    if times_ns.iter().any(|time| !window_ns.contains(time)) {
        return None;
    }
    let length = (window_ns.end - window_ns.start) as f64;
    fit(times_ns
        .iter()
        .map(|&time| (time - window_ns.start) as f64 / length))
}

/// The fit of values that were mapped through the asked distribution function.
fn fit(mapped: impl Iterator<Item = f64>) -> Option<Fit> {
    /// A gap of 0 ns is a rounded one; the logarithm wants more than 0.
    const EDGE: f64 = 1e-9;
    let mut u: Vec<f64> = mapped.map(|u| u.clamp(EDGE, 1.0 - EDGE)).collect();
    if u.is_empty() {
        return None;
    }
    u.sort_by(f64::total_cmp);
    let n = u.len() as f64;
    let mut sum = 0.0;
    let mut distance: f64 = 0.0;
    for (i, (&low, &high)) in u.iter().zip(u.iter().rev()).enumerate() {
        sum += (2 * i + 1) as f64 * (low.ln() + (-high).ln_1p());
        let (before, after) = (i as f64 / n, (i + 1) as f64 / n);
        distance = distance.max(low - before).max(after - low);
    }
    let statistic = -n - sum / n;
    Some(Fit {
        statistic,
        p_value: (1.0 - cumulative(u.len(), statistic)).clamp(0.0, 1.0),
        distance,
        n: u.len(),
    })
}

/// The polynomial with these coefficients, the constant first.
fn polynomial(x: f64, coefficients: &[f64]) -> f64 {
    coefficients.iter().rev().fold(0.0, |sum, c| sum * x + c)
}

/// The probability that the statistic of `n` values is at most `z`.
fn cumulative(n: usize, z: f64) -> f64 {
    let limit = limiting(z);
    limit + correction(n as f64, limit)
}

/// The same for infinitely many values (Marsaglia and Marsaglia 2004, function adinf); its error
/// is below 2e-6.
fn limiting(z: f64) -> f64 {
    if z <= 0.0 {
        0.0
    } else if z < 2.0 {
        let p = [
            2.00012, 0.247105, -0.0649821, 0.0347962, -0.011672, 0.00168691,
        ];
        (-1.2337141 / z).exp() / z.sqrt() * polynomial(z, &p)
    } else {
        let p = [1.0776, -2.30695, 0.43424, -0.082433, 0.008056, -0.0003146];
        (-polynomial(z, &p).exp()).exp()
    }
}

/// What finitely many values add (the same paper, function errfix).
fn correction(n: f64, x: f64) -> f64 {
    let turn = 0.01265 + 0.1757 / n;
    if x < turn {
        let t = x / turn;
        let shape = t.sqrt() * (1.0 - t) * (49.0 * t - 102.0);
        shape * (0.0037 / (n * n) + 0.00078 / n + 0.00006) / n
    } else if x < 0.8 {
        let t = (x - turn) / (0.8 - turn);
        let p = [-0.00022633, 6.54034, -14.6538, 14.458, -8.259, 1.91864];
        polynomial(t, &p) * (0.04213 + 0.01365 / n) / n
    } else {
        let p = [-130.2137, 745.2337, -1705.091, 1950.646, -1116.36, 255.7844];
        polynomial(x, &p) / n
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Stream;

    fn gaps(stream: &mut Stream, n: usize, mean_ns: f64) -> Vec<u64> {
        (0..n)
            .map(|_| (mean_ns * stream.exponential()) as u64)
            .collect()
    }

    /// The quantiles of A² for many values: 1.933 at 90%, 2.492 at 95%, 3.857 at 99% (Anderson and
    /// Darling 1954; Stephens 1974).
    #[test]
    fn quantiles_by_the_published_table() {
        for (z, p) in [(1.933, 0.90), (2.492, 0.95), (3.857, 0.99), (0.775, 0.5)] {
            assert!((limiting(z) - p).abs() < 1.5e-3, "{z}: {}", limiting(z));
        }
        assert!(limiting(0.01) < 1e-12);
        assert!(limiting(50.0) > 0.999_999);
    }

    #[test]
    fn one_value_by_hand() {
        // A² = -1 - (ln u + ln(1 - u)) at u = 1/2 is 2 ln 2 - 1.
        let fit = fit_uniform(&[50], 0..100).unwrap();
        assert!((fit.statistic - (2.0 * 2.0_f64.ln() - 1.0)).abs() < 1e-12);
        assert_eq!((fit.distance, fit.n), (0.5, 1));
        assert_eq!(fit_uniform(&[100], 0..100), None);
        assert_eq!(fit_uniform(&[], 0..100), None);
        assert_eq!(fit_exponential(&[1], 0.0), None);
    }

    #[test]
    fn p_values_of_true_samples_are_uniform() {
        let mut stream = Stream::new(4);
        let mut below = [0; 3];
        let levels = [0.05, 0.25, 0.5];
        for _ in 0..2000 {
            let fit = fit_exponential(&gaps(&mut stream, 50, 1e6), 1e6).unwrap();
            for (count, level) in below.iter_mut().zip(levels) {
                *count += usize::from(fit.p_value <= level);
            }
        }
        for (count, level) in below.into_iter().zip(levels) {
            let share = count as f64 / 2000.0;
            assert!((share - level).abs() < 0.035, "{level}: {share}");
        }
    }

    #[test]
    fn wrong_processes_are_found() {
        let mut stream = Stream::new(6);
        let poisson = gaps(&mut stream, 20_000, 10_000.0);
        assert!(fit_exponential(&poisson, 10_000.0).unwrap().p_value > 1e-3);
        // The rate is 10% off.
        let off = fit_exponential(&poisson, 11_000.0).unwrap();
        assert!(off.p_value < 1e-6 && off.distance > 0.02, "{off:?}");
        // A constant gap.
        let constant = fit_exponential(&[10_000; 1000], 10_000.0).unwrap();
        assert!(constant.p_value < 1e-6 && constant.distance > 0.5);
        // Requests sent in batches of four.
        let batched: Vec<u64> = poisson
            .chunks(4)
            .flat_map(|four| [four.iter().sum(), 0, 0, 0])
            .collect();
        assert!(fit_exponential(&batched, 10_000.0).unwrap().distance > 0.5);
    }

    #[test]
    fn a_rate_that_changes_is_not_uniform() {
        let mut stream = Stream::new(7);
        let times: Vec<u64> = (0..2000)
            .map(|_| (1e6 * stream.uniform().powf(1.2)) as u64)
            .collect();
        assert!(fit_uniform(&times, 0..1_000_000).unwrap().p_value < 1e-3);
    }
}
