//! Percentiles over all requests, the ledger's equations, names of runs.

use hdrhistogram::Histogram;
use proptest::prelude::*;
use record::{Distribution, DropCount, Ledger, RunId, Severity, Smell, Timestamp};

fn distribution(values: &[u64], unanswered: u64) -> Distribution {
    let mut histogram: Histogram<u64> =
        Histogram::new_with_bounds(1, 10_000_000_000, 3).expect("sane bounds");
    for &value in values {
        histogram.record(value).expect("within bounds");
    }
    Distribution::new(&histogram, unanswered)
}

proptest! {
    /// Against the definition: sort everything, unanswered last, take the ceil(p * n)-th.
    #[test]
    fn percentiles_are_ranks(
        mut values in prop::collection::vec(1u64..2048, 0..200),
        unanswered in 0u64..50,
        per_100k in 1u64..=100_000,
    ) {
        // Below 2048 HDR buckets of three digits are exact.
        let distribution = distribution(&values, unanswered);
        values.sort_unstable();
        let all = values.len() as u64 + unanswered;
        let rank = (all * per_100k).div_ceil(100_000).max(1);
        let expected = values.get(rank as usize - 1).copied();
        prop_assert_eq!(distribution.percentile(per_100k), expected);
        prop_assert_eq!(distribution.requests(), all);
    }

    #[test]
    fn a_ledger_closes_exactly_when_every_request_has_one_line(
        unsent in 0u64..1000, answered in 0u64..1000, first in 0u64..1000, second in 0u64..1000,
        further_parts in 0u64..1000,
        error in -3i64..=3, line in 0usize..5,
    ) {
        let timed_out = first + second;
        let drop = |reason: &str, requests| DropCount {
            reason: reason.to_owned(), counter: format!("test/{reason}"), requests,
        };
        let mut ledger = Ledger {
            offered: unsent + answered + timed_out,
            unsent,
            sent: answered + timed_out,
            answered,
            timed_out,
            further_parts,
            drops: vec![drop("a", first), drop("b", second + further_parts)],
            duplicates: 5,
        };
        let wrong = match line {
            0 => &mut ledger.offered,
            1 => &mut ledger.unsent,
            2 => &mut ledger.answered,
            3 => &mut ledger.further_parts,
            _ => &mut ledger.drops[1].requests,
        };
        prop_assume!(wrong.checked_add_signed(error).is_some());
        *wrong = wrong.saturating_add_signed(error);
        prop_assert_eq!(ledger.closes(), error == 0);
        prop_assert!(ledger.check().iter().all(|smell| smell.severity() == Severity::Invalid));
        let remainder = match line {
            3 => error,
            4 => -error,
            _ => 0,
        };
        prop_assert_eq!(ledger.remainder(), remainder);
        let named = ledger.check().contains(&Smell::Remainder { remainder });
        prop_assert_eq!(named, remainder != 0);
    }
}

#[test]
fn overload_cannot_flatter_the_survivors() {
    let half = distribution(&[1000; 500], 500).percentiles();
    assert_eq!(half.p50_ns, Some(1000));
    assert_eq!((half.p90_ns, half.max_ns, half.mean_ns), (None, None, None));
    let none = distribution(&[], 10).percentiles();
    assert_eq!((none.p50_ns, none.max_ns), (None, None));
    let all = distribution(&[1000; 500], 0).percentiles();
    assert_eq!(
        (all.p99_99_ns, all.max_ns, all.mean_ns),
        (Some(1000), Some(1000), Some(1000.0))
    );
}

#[test]
fn names_of_runs_sort_by_time() {
    let at = |text: &str| Timestamp::try_from(text.to_owned()).expect("RFC 3339");
    let names: Vec<_> = [
        "2026-11-22T06:33:43Z",
        "2026-11-22T06:33:44Z",
        "2027-01-01T00:00:00Z",
    ]
    .map(|time| RunId::new(at(time), "salt").to_string())
    .into();
    assert!(names.is_sorted(), "{names:?}");
    assert!(names[0].starts_with("20261122T063343Z-"), "{}", names[0]);
    let other = RunId::new(at("2026-11-22T06:33:43Z"), "other").to_string();
    assert_ne!(other, names[0], "two runs of one second differ");
}

#[test]
fn smells_travel_as_json_under_their_codes() {
    for smell in [
        Smell::Remainder { remainder: -3 },
        Smell::SharedCpu {
            cpu: 1,
            roles: vec!["owner 1".to_owned(), "client".to_owned()],
        },
        Smell::Ksoftirqd { share: 0.03 },
        Smell::NothingAnswered,
    ] {
        let value = serde_json::to_value(&smell).expect("plain data");
        assert_eq!(value["smell"], smell.code());
        assert_eq!(
            serde_json::from_value::<Smell>(value).expect("what was written"),
            smell
        );
        assert!(!smell.to_string().is_empty() && !smell.remedy().is_empty());
    }
}
