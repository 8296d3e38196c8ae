//! A pattern puts into each stretch of time the share of requests that its factor says, and leaves
//! the mean rate and everything but the times alone.

use proptest::prelude::*;
use steerbench_model::{
    Arrivals, Pattern, Popularity, Schedule, Shape, Size, SpecError, WorkloadSpec,
};

const WARMUP_NS: u64 = 50_000_000;
const MEASURE_NS: u64 = 1_000_000_000;
const RATE_RPS: f64 = 100_000.0;

fn spec(arrivals: Arrivals, shape: Option<Shape>, seed: u64) -> WorkloadSpec {
    WorkloadSpec {
        keys: 1000,
        key_size: Size::Fixed(16),
        value_size: Size::Fixed(64),
        popularity: Popularity::Uniform,
        get_ratio: 0.9,
        keys_per_get: 1,
        consecutive: false,
        noreply_ratio: 0.0,
        arrivals,
        pattern: shape.map(|shape| Pattern {
            shape,
            from_ns: WARMUP_NS,
        }),
        rate_rps: RATE_RPS,
        flows: 64,
        seed,
    }
}

fn schedule(arrivals: Arrivals, shape: Option<Shape>, seed: u64) -> Schedule {
    Schedule::generate(&spec(arrivals, shape, seed), WARMUP_NS + MEASURE_NS).unwrap()
}

/// Requests due in each of `parts` equal parts of the measure phase.
fn counts(schedule: &Schedule, parts: usize) -> Vec<f64> {
    let mut counts = vec![0.0; parts];
    let times = schedule.requests.iter().map(|r| r.at_ns);
    for at_ns in times.filter(|at_ns| *at_ns >= WARMUP_NS) {
        counts[((at_ns - WARMUP_NS) as usize * parts) / MEASURE_NS as usize] += 1.0;
    }
    counts
}

/// Requests expected in each part, from the factor of each.
fn expected(factors: &[f64]) -> Vec<f64> {
    let mean = factors.iter().sum::<f64>() / factors.len() as f64;
    let part_s = MEASURE_NS as f64 / 1e9 / factors.len() as f64;
    factors
        .iter()
        .map(|factor| RATE_RPS * part_s * factor / mean)
        .collect()
}

fn assert_evenly_spaced(shape: Shape, factors: &[f64]) {
    let schedule = schedule(Arrivals::Fixed, Some(shape), 1);
    let found = counts(&schedule, factors.len());
    for (part, (found, expected)) in found.iter().zip(expected(factors)).enumerate() {
        assert!(
            (found - expected).abs() <= 1.0,
            "part {part}: {found} for {expected}"
        );
    }
}

#[test]
fn each_step_holds_its_share_and_steps_repeat() {
    let factors = [0.5, 1.0, 1.5, 1.0, 0.5, 1.0, 1.5, 1.0, 0.5, 1.0];
    let shape = Shape::Steps {
        factors: vec![0.5, 1.0, 1.5, 1.0],
        each_ns: MEASURE_NS / 10,
    };
    assert_evenly_spaced(shape, &factors);
}

#[test]
fn a_step_of_0_is_silent() {
    let shape = Shape::Steps {
        factors: vec![0.0, 3.0],
        each_ns: MEASURE_NS / 4,
    };
    assert_evenly_spaced(shape, &[0.0, 1.0, 0.0, 1.0]);
}

#[test]
fn bursts_are_denser_by_their_factor() {
    let shape = Shape::Burst {
        every_ns: 200_000_000,
        length_ns: 20_000_000,
        factor: 4.0,
    };
    let factors: Vec<f64> = (0..50)
        .map(|part| if part % 10 == 0 { 4.0 } else { 1.0 })
        .collect();
    assert_evenly_spaced(shape, &factors);
}

#[test]
fn a_sine_swells_and_ebbs() {
    let shape = Shape::Sine {
        period_ns: 500_000_000,
        amplitude: 0.5,
    };
    // The mean of 1 + 0.5 sin over a quarter of a period.
    let high = 1.0 + 0.5 * 2.0 / std::f64::consts::PI;
    let low = 2.0 - high;
    assert_evenly_spaced(shape, &[high, high, low, low].repeat(2));
}

#[test]
fn a_ramp_has_each_factor_once_in_an_order_of_its_seed() {
    let shape = Shape::ShuffledRamp {
        from: 0.2,
        to: 2.0,
        steps: 10,
    };
    let factors: Vec<f64> = (0..10).map(|step| 0.2 * f64::from(step + 1)).collect();
    let rounded = |seed| -> Vec<i64> {
        let schedule = schedule(Arrivals::Fixed, Some(shape.clone()), seed);
        counts(&schedule, 10)
            .iter()
            .map(|c| (c / 100.0).round() as i64)
            .collect()
    };
    let ascending: Vec<i64> = expected(&factors)
        .iter()
        .map(|c| (c / 100.0).round() as i64)
        .collect();
    let orders: Vec<_> = (1..6).map(rounded).collect();
    for order in &orders {
        let mut sorted = order.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, ascending);
    }
    assert!(
        orders.iter().all(|order| *order != ascending),
        "not shuffled"
    );
    assert!(
        orders.windows(2).any(|pair| pair[0] != pair[1]),
        "one order for all seeds"
    );
    assert_eq!(rounded(3), rounded(3));
}

#[test]
fn poisson_counts_are_those_of_the_rate_at_hand() {
    let factors = [0.25, 2.0, 1.0, 0.75];
    let shape = Shape::Steps {
        factors: factors.to_vec(),
        each_ns: MEASURE_NS / 4,
    };
    for seed in 1..6 {
        let schedule = schedule(Arrivals::Poisson, Some(shape.clone()), seed);
        for (found, expected) in counts(&schedule, 4).iter().zip(expected(&factors)) {
            // The standard deviation of a Poisson count is the root of its mean.
            assert!(
                (found - expected).abs() < 5.0 * expected.sqrt(),
                "{found} for {expected}"
            );
        }
    }
}

#[test]
fn a_flat_pattern_changes_nothing() {
    let flat = Shape::Steps {
        factors: vec![7.0],
        each_ns: 1_000_000,
    };
    let (plain, flat) = (
        schedule(Arrivals::Poisson, None, 9),
        schedule(Arrivals::Poisson, Some(flat), 9),
    );
    assert_eq!(plain.requests.len(), flat.requests.len());
    for (plain, flat) in plain.requests.iter().zip(&flat.requests) {
        assert!(plain.at_ns.abs_diff(flat.at_ns) <= 1);
    }
}

#[test]
fn a_sequence_has_the_requests_of_the_schedule_without_their_times() {
    let spec = spec(Arrivals::Poisson, None, 4);
    let schedule = Schedule::generate(&spec, 20_000_000).unwrap();
    let sequence = Schedule::sequence(&spec, schedule.requests.len() as u32).unwrap();
    assert_eq!(sequence.duration_ns(), 0);
    for (one, other) in sequence.requests.iter().zip(&schedule.requests) {
        assert_eq!(
            (one.at_ns, one.key, one.op, one.flow),
            (0, other.key, other.op, other.flow)
        );
    }
}

#[test]
fn impossible_patterns_are_refused() {
    let steps = |factors: &[f64], each_ns| Shape::Steps {
        factors: factors.to_vec(),
        each_ns,
    };
    let burst = |every_ns, length_ns, factor| Shape::Burst {
        every_ns,
        length_ns,
        factor,
    };
    let ramp = |from, to, steps| Shape::ShuffledRamp { from, to, steps };
    let sine = |period_ns, amplitude| Shape::Sine {
        period_ns,
        amplitude,
    };
    for shape in [
        steps(&[], 10),
        steps(&[0.0, 0.0], 10),
        steps(&[1.0, -1.0], 10),
        steps(&[f64::NAN], 10),
        steps(&[1.0], 0),
        sine(10, 0.5),
        sine(1_000_000, 1.5),
        burst(100, 100, 2.0),
        burst(100, 0, 2.0),
        burst(100, 10, f64::INFINITY),
        ramp(2.0, 0.2, 10),
        ramp(0.2, 2.0, 1),
    ] {
        let found = Schedule::generate(&spec(Arrivals::Poisson, Some(shape.clone()), 1), 1_000_000);
        assert!(matches!(found, Err(SpecError::Pattern(_))), "{shape:?}");
    }
    let bursty = Arrivals::Bursty {
        burst_ns: 1000,
        factor: 2.0,
    };
    let twice = Schedule::generate(&spec(bursty, Some(steps(&[1.0, 2.0], 10)), 1), 1_000_000);
    assert_eq!(twice.unwrap_err(), SpecError::PatternOfBursts);
    let late = steps(&[0.0, 1.0], 2 * MEASURE_NS);
    let late = Schedule::generate(
        &spec(Arrivals::Fixed, Some(late), 1),
        WARMUP_NS + MEASURE_NS,
    );
    assert!(matches!(late, Err(SpecError::Pattern(_))));
}

fn any_shape() -> impl Strategy<Value = Shape> {
    prop_oneof![
        (
            proptest::collection::vec(0.0..3.0f64, 1..6),
            1u64..300_000_000
        )
            .prop_map(|(mut factors, each_ns)| {
                factors.push(1.0);
                Shape::Steps {
                    factors,
                    each_ns: each_ns.max(1_000_000),
                }
            }),
        (10_000_000u64..2_000_000_000, 0.0..=1.0f64).prop_map(|(period_ns, amplitude)| {
            Shape::Sine {
                period_ns,
                amplitude,
            }
        }),
        (10_000_000u64..500_000_000, 0.1..0.9f64, 0.0..10.0f64).prop_map(
            |(every_ns, share, factor)| Shape::Burst {
                every_ns,
                length_ns: (every_ns as f64 * share) as u64,
                factor,
            }
        ),
        (0.0..1.0f64, 1.1..5.0f64, 2u32..50).prop_map(|(from, to, steps)| Shape::ShuffledRamp {
            from,
            to,
            steps
        }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Fixed arrivals make the time change visible to within one request.
    #[test]
    fn the_mean_is_the_rate_and_time_never_runs_back(shape in any_shape(), seed: u64) {
        let Ok(schedule) = Schedule::generate(
            &spec(Arrivals::Fixed, Some(shape), seed),
            WARMUP_NS + MEASURE_NS,
        ) else {
            // Only zeros before the end.
            return Ok(());
        };
        let requests = &schedule.requests;
        prop_assert!(requests.windows(2).all(|pair| pair[0].at_ns <= pair[1].at_ns));
        let warmup = requests.iter().filter(|r| r.at_ns < WARMUP_NS).count() as f64;
        prop_assert!((warmup - RATE_RPS * WARMUP_NS as f64 / 1e9).abs() <= 1.0, "{warmup}");
        let all = requests.len() as f64;
        let expected = RATE_RPS * (WARMUP_NS + MEASURE_NS) as f64 / 1e9;
        prop_assert!((all - expected).abs() <= 2.0, "{all} for {expected}");
    }
}
