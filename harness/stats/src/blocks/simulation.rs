//! Do intervals hold what they say, at the number of blocks that is actually run?

use super::*;
use crate::random::{Stream, autoregression};
use crate::{Histogram, Quantile};

const TRIALS: u64 = 600;

/// Blocks of 200 exponential latencies each; every block has a pace of its own, mostly shared by
/// both systems, as on a machine that drifts.
fn pair(stream: &mut Stream, blocks: usize, ratio: f64) -> [Vec<Histogram>; 2] {
    let mut both = [Vec::new(), Vec::new()];
    for _ in 0..blocks {
        let pace = (0.2 * stream.normal()).exp();
        for (histograms, factor) in both.iter_mut().zip([ratio, 1.0]) {
            let pace = pace * factor * (0.05 * stream.normal()).exp();
            let values = (0..200).map(|_| ((100_000.0 * pace * stream.exponential()) as u64, 1));
            histograms.push(values.collect());
        }
    }
    both
}

/// How many of the intervals around a percentile's ratio hold the true one.
fn covered(quantile: Quantile, blocks: usize, ratio: f64) -> usize {
    let mut stream = Stream::new(1 + blocks as u64);
    (0..TRIALS)
        .filter(|&seed| {
            let [system, baseline] = pair(&mut stream, blocks, ratio);
            let e = estimate_ratio(
                Sample::Percentile(quantile, &system),
                Sample::Percentile(quantile, &baseline),
                seed,
            )
            .unwrap();
            !e.excludes(ratio)
        })
        .count()
}

#[test]
fn ten_blocks_cover_a_ratio_of_percentiles() {
    for quantile in [Quantile::P50, Quantile::P99] {
        let share = covered(quantile, 10, 1.05) as f64 / TRIALS as f64;
        assert!((0.915..=0.995).contains(&share), "{quantile:?}: {share}");
    }
}

#[test]
fn thirty_blocks_cover_a_ratio_of_percentiles() {
    let share = covered(Quantile::P99, 30, 0.5) as f64 / TRIALS as f64;
    assert!((0.92..=0.99).contains(&share), "{share}");
}

#[test]
fn ten_blocks_cover_a_median() {
    for law in [Stream::normal, Stream::exponential] {
        let truth = if law(&mut Stream::new(0)) == Stream::new(0).normal() {
            0.0
        } else {
            std::f64::consts::LN_2
        };
        let mut stream = Stream::new(42);
        let covered = (0..TRIALS)
            .filter(|&seed| {
                let blocks: Vec<f64> = (0..10).map(|_| law(&mut stream)).collect();
                !estimate_median(&blocks, seed).unwrap().excludes(truth)
            })
            .count();
        let share = covered as f64 / TRIALS as f64;
        assert!((0.93..=0.995).contains(&share), "{share}");
    }
}

/// With every block like its neighbour, intervals that take them for independent are too short;
/// accounting for it restores most of the coverage.
#[test]
fn dependent_blocks_widen_the_interval() {
    let mut stream = Stream::new(8);
    let mut covered = [0; 2];
    for seed in 0..TRIALS {
        let blocks = autoregression(&mut stream, 0.7, 40);
        covered[0] += u64::from(!estimate_median(&blocks, seed).unwrap().excludes(0.0));
        let mut shuffled = blocks;
        for i in (1..shuffled.len()).rev() {
            shuffled.swap(i, stream.below(i + 1));
        }
        covered[1] += u64::from(!estimate_median(&shuffled, seed).unwrap().excludes(0.0));
    }
    let [aware, naive] = covered.map(|n| n as f64 / TRIALS as f64);
    assert!(naive < 0.75 && aware > 0.85, "{naive} {aware}");
}

/// A/A: the same system twice, ten blocks. Before correction at most 5% of comparisons may differ.
#[test]
fn two_labels_of_one_system_do_not_differ() {
    let mut stream = Stream::new(23);
    let mut different = 0;
    for seed in 0..TRIALS {
        let [system, baseline] = pair(&mut stream, 10, 1.0);
        let c = compare(
            Sample::Percentile(Quantile::P99, &system),
            Sample::Percentile(Quantile::P99, &baseline),
            seed,
        )
        .unwrap();
        different += u32::from(judge_alone(c, Better::Lower).differs());
    }
    // 5% of 600 are 30; more than 44 happen in 0.5% of cases.
    assert!(different <= 44, "{different}");
}

/// Two systems that have one value a block, in which most of the noise is shared.
fn values(stream: &mut Stream, blocks: usize, ratio: f64, own: f64) -> [Vec<f64>; 2] {
    let mut both = [Vec::new(), Vec::new()];
    for _ in 0..blocks {
        let pace = (0.2 * stream.normal()).exp();
        both[0].push(ratio * pace * (own * stream.normal()).exp());
        both[1].push(pace * (own * stream.normal()).exp());
    }
    both
}

#[test]
fn ten_blocks_cover_a_ratio_of_values() {
    let mut stream = Stream::new(31);
    let covered = (0..TRIALS)
        .filter(|&seed| {
            let [system, baseline] = values(&mut stream, 10, 1.05, 0.03);
            let e = estimate_ratio(Sample::Median(&system), Sample::Median(&baseline), seed);
            !e.unwrap().excludes(1.05)
        })
        .count();
    let share = covered as f64 / TRIALS as f64;
    assert!((0.93..=0.99).contains(&share), "{share}");
}

/// Five parts in a hundred more, where a block's own noise is three, is found in ten blocks.
#[test]
fn a_true_difference_of_values_is_found() {
    let mut stream = Stream::new(37);
    let mut found = 0;
    for seed in 0..TRIALS {
        let [system, baseline] = values(&mut stream, 10, 1.05, 0.03 / 2f64.sqrt());
        let c = compare(Sample::Median(&system), Sample::Median(&baseline), seed).unwrap();
        found += u64::from(judge_alone(c, Better::Lower) == Verdict::Slower);
    }
    assert!(found * 10 >= TRIALS * 9, "{found} of {TRIALS}");
}

/// A/B: a quarter more, where a block's own noise is a sixth, is found in ten blocks.
#[test]
fn a_true_difference_is_found() {
    let mut stream = Stream::new(29);
    let mut found = 0;
    for seed in 0..TRIALS {
        let [system, baseline] = pair(&mut stream, 10, 1.25);
        let c = compare(
            Sample::Percentile(Quantile::P50, &system),
            Sample::Percentile(Quantile::P50, &baseline),
            seed,
        )
        .unwrap();
        found += u64::from(judge_alone(c, Better::Lower) == Verdict::Slower);
    }
    assert!(found * 10 >= TRIALS * 8, "{found} of {TRIALS}");
}
