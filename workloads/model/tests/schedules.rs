//! Schedules are reproducible, keys are distinct, and wrong specs are refused by name.

use std::collections::HashSet;

use proptest::prelude::*;
use steerbench_model::{
    Arrivals, KeySpace, Op, Popularity, Schedule, Size, SpecError, WorkloadSpec,
};

fn spec() -> WorkloadSpec {
    WorkloadSpec {
        keys: 10_000,
        key_size: Size::Uniform { min: 8, max: 64 },
        value_size: Size::etc_values(1024),
        popularity: Popularity::Zipf { theta: 0.99 },
        get_ratio: 0.9,
        keys_per_get: 1,
        consecutive: false,
        noreply_ratio: 0.1,
        arrivals: Arrivals::Poisson,
        pattern: None,
        rate_rps: 200_000.0,
        flows: 1024,
        seed: 1,
    }
}

fn fingerprint(spec: &WorkloadSpec) -> u64 {
    Schedule::generate(spec, 100_000_000).unwrap().fingerprint()
}

/// The same on every machine: a difference here means that results of before and after, or of two
/// machines, were not offered the same load.
#[test]
fn golden_schedules() {
    let bursty = Arrivals::Bursty {
        burst_ns: 300_000,
        factor: 2.5,
    };
    let uniform = Popularity::Uniform;
    let cases = [
        (spec(), GOLDEN[0]),
        (WorkloadSpec { seed: 2, ..spec() }, GOLDEN[1]),
        (
            WorkloadSpec {
                popularity: uniform,
                arrivals: Arrivals::Fixed,
                ..spec()
            },
            GOLDEN[2],
        ),
        (
            WorkloadSpec {
                keys_per_get: 5,
                arrivals: bursty,
                ..spec()
            },
            GOLDEN[3],
        ),
        (
            WorkloadSpec {
                popularity: Popularity::Zipf { theta: 1.0 },
                ..spec()
            },
            GOLDEN[4],
        ),
    ];
    let found = cases
        .each_ref()
        .map(|(spec, _)| format!("{:#018x}", fingerprint(spec)));
    assert_eq!(found, cases.map(|(_, golden)| format!("{golden:#018x}")));
}

const GOLDEN: [u64; 5] = [
    0xc792_92bb_0d8e_6628,
    0x3119_1f04_17a8_dec4,
    0xff9f_2d83_7a51_7375,
    0x70c6_06e8_2242_fc44,
    0xf54b_90c4_0908_d49d,
];

#[test]
fn only_what_the_spec_changes_changes() {
    let base = Schedule::generate(&spec(), 50_000_000).unwrap();
    let popularity = Popularity::Zipf { theta: 0.5 };
    let other = Schedule::generate(
        &WorkloadSpec {
            popularity,
            keys_per_get: 4,
            ..spec()
        },
        50_000_000,
    );
    let other = other.unwrap();
    assert_eq!(base.requests.len(), other.requests.len());
    for (a, b) in base.requests.iter().zip(&other.requests) {
        assert_eq!(
            (a.at_ns, a.flow, a.op, a.noreply),
            (b.at_ns, b.flow, b.op, b.noreply)
        );
    }
    assert!(
        base.requests
            .iter()
            .zip(&other.requests)
            .any(|(a, b)| a.key != b.key)
    );
}

#[test]
fn a_longer_schedule_begins_with_the_shorter_one() {
    let short = Schedule::generate(&spec(), 20_000_000).unwrap();
    let long = Schedule::generate(&spec(), 40_000_000).unwrap();
    assert_eq!(short.requests[..], long.requests[..short.requests.len()]);
    assert!(long.requests.len() > short.requests.len());
    assert!(short.requests.iter().all(|r| r.at_ns < 20_000_000));
}

#[test]
fn multi_gets_have_their_keys_and_sets_have_one() {
    let spec = WorkloadSpec {
        keys_per_get: 6,
        get_ratio: 0.5,
        ..spec()
    };
    let schedule = Schedule::generate(&spec, 10_000_000).unwrap();
    for planned in &schedule.requests {
        let further = schedule.further_keys(planned);
        assert_eq!(further.len(), if planned.op == Op::Get { 5 } else { 0 });
        assert!(further.iter().all(|key| *key < spec.keys));
    }
}

#[test]
fn keys_in_a_row_are_neighbours_and_all_there() {
    let spec = WorkloadSpec {
        keys: 40,
        keys_per_get: 16,
        consecutive: true,
        popularity: Popularity::Uniform,
        ..spec()
    };
    let schedule = Schedule::generate(&spec, 10_000_000).unwrap();
    let (mut firsts, mut sets) = (HashSet::new(), HashSet::new());
    for planned in &schedule.requests {
        match planned.op {
            Op::Set => {
                sets.insert(planned.key);
            }
            Op::Get => {
                let further = schedule.further_keys(planned);
                assert!(
                    further
                        .iter()
                        .copied()
                        .eq(planned.key + 1..planned.key + 16)
                );
                assert_eq!(
                    planned.value_len as usize,
                    schedule.keyspace().value_len(planned.key)
                );
                firsts.insert(planned.key);
            }
        }
    }
    // 1800 scans from 25 keys, 200 sets of 40.
    assert_eq!(firsts, (0..=24).collect());
    assert!(sets.iter().any(|key| *key > 24), "{sets:?}");
}

#[test]
fn keys_are_distinct_text_of_the_asked_length() {
    let bounds = [(3, 3), (4, 250), (3, 9)];
    for (min, max) in bounds {
        let spec = WorkloadSpec {
            keys: 60_000,
            key_size: Size::Uniform { min, max },
            ..spec()
        };
        let keys = KeySpace::new(&spec).unwrap();
        let (mut seen, mut buf) = (HashSet::new(), Vec::new());
        for id in 0..keys.len() {
            let key = keys.key_bytes(id, &mut buf);
            assert_eq!(key.len(), keys.key_len(id));
            assert!((min as usize..=max as usize).contains(&key.len()));
            assert!(key.iter().all(u8::is_ascii_alphanumeric));
            assert!(seen.insert(key.to_vec()), "{id}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_valid_spec_gives_an_ordered_schedule(
        seed: u64,
        keys in 1u32..5000,
        theta in 0.0..4.0f64,
        get_ratio in 0.0..=1.0f64,
        keys_per_get in 1u16..9,
        flows in 1u16..2000,
        rate_rps in 1.0..2e6f64,
    ) {
        let popularity = Popularity::Zipf { theta };
        let spec =
            WorkloadSpec { seed, keys, popularity, get_ratio, keys_per_get, flows, rate_rps, ..spec() };
        let schedule = Schedule::generate(&spec, 1_000_000).unwrap();
        prop_assert!(schedule.requests.is_sorted_by_key(|r| r.at_ns));
        prop_assert!(schedule.requests.iter().all(|r| r.key < keys && r.flow < flows));
        let text = serde_json::to_string(&spec).unwrap();
        prop_assert_eq!(serde_json::from_str::<WorkloadSpec>(&text).unwrap(), spec);
    }
}

#[test]
fn wrong_specs_are_refused_by_name() {
    let theta = |theta| WorkloadSpec {
        popularity: Popularity::Zipf { theta },
        ..spec()
    };
    let keys = |size| WorkloadSpec {
        key_size: size,
        ..spec()
    };
    let burst = Arrivals::Bursty {
        burst_ns: 1,
        factor: 0.5,
    };
    let cases = [
        (WorkloadSpec { keys: 0, ..spec() }, "keys:"),
        (theta(-0.1), "theta"),
        (theta(f64::INFINITY), "theta"),
        (theta(f64::NAN), "theta"),
        (
            WorkloadSpec {
                get_ratio: 1.1,
                ..spec()
            },
            "get_ratio",
        ),
        (
            WorkloadSpec {
                noreply_ratio: -0.1,
                ..spec()
            },
            "noreply_ratio",
        ),
        (
            WorkloadSpec {
                rate_rps: 0.0,
                ..spec()
            },
            "rate_rps",
        ),
        (
            WorkloadSpec {
                rate_rps: 1e12,
                ..spec()
            },
            "2^31",
        ),
        (WorkloadSpec { flows: 0, ..spec() }, "flows"),
        (
            WorkloadSpec {
                keys_per_get: 0,
                ..spec()
            },
            "keys_per_get",
        ),
        (
            WorkloadSpec {
                keys: 20,
                keys_per_get: 21,
                consecutive: true,
                ..spec()
            },
            "21 keys in a row, and there are 20",
        ),
        (
            WorkloadSpec {
                arrivals: burst,
                ..spec()
            },
            "burst",
        ),
        (keys(Size::Fixed(2)), "too short"),
        (keys(Size::Fixed(251)), "250"),
        (keys(Size::Uniform { min: 9, max: 8 }), "min is above max"),
        (keys(Size::Mix(vec![])), "weights"),
    ];
    for (spec, expected) in cases {
        let error: SpecError = Schedule::generate(&spec, 1_000_000_000).unwrap_err();
        assert!(
            error.to_string().contains(expected),
            "{error} lacks {expected}"
        );
    }
}
