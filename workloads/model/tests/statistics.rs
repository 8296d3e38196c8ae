//! What is drawn follows the distributions that the spec names.
//!
//! All seeds are fixed, so the tests are exact repetitions. A chi-square statistic with k degrees
//! of freedom has mean k and variance 2k; it must stay within five standard deviations.

use steerbench_model::stream::{self, Purpose};
use steerbench_model::{
    Arrivals, Clockwork, KeySpace, Op, Picker, Popularity, Schedule, Size, Weighted, WorkloadSpec,
};

fn spec() -> WorkloadSpec {
    WorkloadSpec {
        keys: 5000,
        key_size: Size::Fixed(16),
        value_size: Size::Fixed(64),
        popularity: Popularity::Uniform,
        get_ratio: 0.9,
        keys_per_get: 1,
        consecutive: false,
        noreply_ratio: 0.0,
        arrivals: Arrivals::Poisson,
        pattern: None,
        rate_rps: 100_000.0,
        flows: 1024,
        seed: 42,
    }
}

/// Merges bins until each expects at least ten, and compares.
fn assert_fits(observed: &[u64], probability: impl Fn(usize) -> f64, what: &str) {
    let draws = observed.iter().sum::<u64>() as f64;
    let (mut statistic, mut bins) = (0.0, 0.0);
    let (mut count, mut expected) = (0.0, 0.0);
    for (bin, seen) in observed.iter().enumerate() {
        count += *seen as f64;
        expected += probability(bin) * draws;
        if expected >= 10.0 {
            statistic += (count - expected).powi(2) / expected;
            bins += 1.0;
            (count, expected) = (0.0, 0.0);
        }
    }
    assert!(bins >= 2.0, "{what}: nothing to compare");
    let freedom: f64 = bins - 1.0;
    let limit = freedom + 5.0 * (2.0 * freedom).sqrt();
    assert!(
        statistic < limit,
        "{what}: chi-square {statistic:.1} above {limit:.1}"
    );
}

#[test]
fn zipf_follows_its_law_for_any_theta() {
    const KEYS: u32 = 1000;
    for theta in [0.0, 0.3, 0.99, 1.0, 1.4, 3.0] {
        let picker = Picker::new(Popularity::Zipf { theta }, KEYS, 1).unwrap();
        let mut rng = stream::of(9, Purpose::Popularity);
        let mut observed = vec![0; KEYS as usize];
        for _ in 0..100_000 {
            observed[picker.rank(&mut rng) as usize] += 1;
        }
        let weight = |rank: usize| ((rank + 1) as f64).powf(-theta);
        let total: f64 = (0..KEYS as usize).map(weight).sum();
        assert_fits(
            &observed,
            |rank| weight(rank) / total,
            &format!("theta {theta}"),
        );
    }
}

#[test]
fn uniform_and_theta_0_are_one_distribution() {
    for popularity in [Popularity::Uniform, Popularity::Zipf { theta: 0.0 }] {
        let schedule = Schedule::generate(
            &WorkloadSpec {
                popularity,
                ..spec()
            },
            1_000_000_000,
        );
        let mut observed = vec![0; 5000];
        schedule
            .unwrap()
            .requests
            .iter()
            .for_each(|r| observed[r.key as usize] += 1);
        assert_fits(&observed, |_| 1.0 / 5000.0, &format!("{popularity:?}"));
    }
}

#[test]
fn flows_are_uniform_and_independent_of_the_key() {
    let popularity = Popularity::Zipf { theta: 0.99 };
    let spec = WorkloadSpec {
        popularity,
        flows: 1024,
        ..spec()
    };
    let requests = Schedule::generate(&spec, 1_000_000_000).unwrap().requests;
    let mut of_all = vec![0; 1024];
    requests
        .iter()
        .for_each(|r| of_all[usize::from(r.flow)] += 1);
    assert_fits(&of_all, |_| 1.0 / 1024.0, "flows");
    let mut by_key = vec![0u32; 5000];
    requests.iter().for_each(|r| by_key[r.key as usize] += 1);
    let hottest = (0..5000).max_by_key(|key| by_key[*key as usize]);
    let mut of_hottest = vec![0; 1024];
    let hot = requests.iter().filter(|r| Some(r.key) == hottest);
    hot.for_each(|r| of_hottest[usize::from(r.flow)] += 1);
    assert!(of_hottest.iter().sum::<u64>() > 5000);
    assert_fits(&of_hottest, |_| 1.0 / 1024.0, "flows of the hottest key");
}

fn gaps(arrivals: Arrivals, count: usize) -> Vec<f64> {
    let times: Vec<u64> = Clockwork::new(arrivals, 100_000.0, 3)
        .map(|at_ns| at_ns as u64)
        .take(count + 1)
        .collect();
    times
        .windows(2)
        .map(|pair| (pair[1] - pair[0]) as f64)
        .collect()
}

#[test]
fn poisson_gaps_are_exponential_and_independent() {
    let gaps = gaps(Arrivals::Poisson, 100_000);
    let count = gaps.len() as f64;
    let mean = gaps.iter().sum::<f64>() / count;
    let variance = gaps.iter().map(|g| (g - mean).powi(2)).sum::<f64>() / count;
    // The mean gap is 10 us; standard errors are mean / sqrt(n), and sqrt(8 / n) of the variance.
    assert!((mean / 10_000.0 - 1.0).abs() < 5.0 / count.sqrt(), "{mean}");
    assert!(
        (variance / mean.powi(2) - 1.0).abs() < 5.0 * (8.0 / count).sqrt(),
        "{variance}"
    );
    let lagged: f64 = gaps.windows(2).map(|w| (w[0] - mean) * (w[1] - mean)).sum();
    assert!((lagged / count / variance).abs() < 5.0 / count.sqrt());
    let mut deciles = vec![0; 10];
    for gap in &gaps {
        let below = 1.0 - (-gap / 10_000.0).exp();
        deciles[((below * 10.0) as usize).min(9)] += 1;
    }
    assert_fits(&deciles, |_| 0.1, "deciles of the gaps");
}

#[test]
fn fixed_gaps_are_equal() {
    assert!(
        gaps(Arrivals::Fixed, 1000)
            .iter()
            .all(|gap| *gap == 10_000.0)
    );
    let third = Clockwork::new(Arrivals::Fixed, 3.0, 0).nth(3);
    assert_eq!(third, Some(1e9), "rounding does not add up");
}

#[test]
fn bursts_keep_to_their_windows_and_to_the_mean_rate() {
    let arrivals = Arrivals::Bursty {
        burst_ns: 1_000_000,
        factor: 4.0,
    };
    let spec = WorkloadSpec { arrivals, ..spec() };
    let requests = Schedule::generate(&spec, 2_000_000_000).unwrap().requests;
    assert!(requests.iter().all(|r| r.at_ns % 4_000_000 < 1_000_000));
    // 200,000 expected, standard deviation sqrt of that.
    assert!((requests.len() as f64 - 200_000.0).abs() < 5.0 * 200_000f64.sqrt());
    assert!(requests.is_sorted_by_key(|r| r.at_ns));
}

#[test]
fn mix_of_operations() {
    let spec = WorkloadSpec {
        get_ratio: 0.7,
        noreply_ratio: 0.25,
        ..spec()
    };
    let requests = Schedule::generate(&spec, 2_000_000_000).unwrap().requests;
    let kinds = |op, noreply| {
        requests
            .iter()
            .filter(|r| r.op == op && r.noreply == noreply)
            .count() as u64
    };
    let observed = [
        kinds(Op::Get, false),
        kinds(Op::Set, false),
        kinds(Op::Set, true),
    ];
    assert_eq!(kinds(Op::Get, true), 0);
    assert_fits(&observed, |kind| [0.7, 0.225, 0.075][kind], "operations");
    for (ratio, op) in [(0.0, Op::Set), (1.0, Op::Get)] {
        let pure = WorkloadSpec {
            get_ratio: ratio,
            ..spec.clone()
        };
        let requests = Schedule::generate(&pure, 10_000_000).unwrap().requests;
        assert!(requests.iter().all(|r| r.op == op));
    }
}

fn value_lengths(value_size: Size) -> Vec<usize> {
    let keys = KeySpace::new(&WorkloadSpec {
        keys: 100_000,
        value_size,
        ..spec()
    })
    .unwrap();
    (0..keys.len()).map(|id| keys.value_len(id)).collect()
}

#[test]
fn uniform_sizes() {
    let mut observed = vec![0; 41];
    let lengths = value_lengths(Size::Uniform { min: 10, max: 50 });
    lengths.iter().for_each(|len| observed[len - 10] += 1);
    assert_fits(&observed, |_| 1.0 / 41.0, "uniform sizes");
}

#[test]
fn mixed_sizes() {
    let parts = [(8, 5), (64, 3), (1024, 2)].map(|(bytes, weight)| Weighted { bytes, weight });
    let lengths = value_lengths(Size::Mix(parts.to_vec()));
    let count = |bytes| lengths.iter().filter(|len| **len == bytes).count() as u64;
    let observed = [count(8), count(64), count(1024)];
    assert_eq!(observed.iter().sum::<u64>(), 100_000);
    assert_fits(&observed, |part| [0.5, 0.3, 0.2][part], "mixed sizes");
}

#[test]
fn pareto_sizes() {
    let lengths = value_lengths(Size::etc_values(4096));
    // P(length > x) of the whole bytes above the location, up to the cut.
    let above = |x: f64| (1.0 + 0.348_238 * x / 214.476).powf(-1.0 / 0.348_238);
    let edges = [0.0, 20.0, 50.0, 100.0, 200.0, 400.0, 800.0, 1600.0, 4095.0];
    let mut observed = vec![0; edges.len()];
    for len in lengths {
        let bin = edges
            .iter()
            .rposition(|edge| (len - 1) as f64 >= *edge)
            .unwrap();
        observed[bin] += 1;
    }
    let next = |bin: usize| edges.get(bin + 1).map_or(0.0, |edge| above(*edge));
    assert_fits(
        &observed,
        |bin| above(edges[bin]) - next(bin),
        "generalized Pareto",
    );
}
