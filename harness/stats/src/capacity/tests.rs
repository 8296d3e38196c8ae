//! The search against oracles: sharp thresholds, noise, interruptions.

use proptest::prelude::*;

use super::*;

const SEARCH: Search = Search {
    from_rps: 10_000,
    to_rps: 400_000,
    precision: 0.05,
    repeats: 5,
    passes: 4,
};

/// Asks `oracle` until the search is done.
fn answer(
    search: Search,
    mut oracle: impl FnMut(u64, u32) -> Outcome,
) -> (Bracket, Vec<(u64, Outcome)>) {
    let mut outcomes = Vec::new();
    loop {
        match search.next(&outcomes) {
            Step::Done(bracket) => return (bracket, outcomes),
            Step::Probe { rate_rps, repeat } => {
                outcomes.push((rate_rps, oracle(rate_rps, repeat)));
                assert!(outcomes.len() < 10_000, "the search does not end");
            }
        }
    }
}

fn threshold(limit: u64) -> impl Fn(u64, u32) -> Outcome {
    move |rate, _| match rate <= limit {
        true => Outcome::Pass,
        false => Outcome::Fail,
    }
}

#[test]
fn four_of_five_pass_and_three_do_not() {
    let of_five = |wanted: u32| {
        move |rate, repeat| match rate == SEARCH.from_rps && repeat > 5 - wanted {
            true => Outcome::Pass,
            false => Outcome::Fail,
        }
    };
    let (bracket, _) = answer(SEARCH, of_five(4));
    assert_eq!(bracket.passing_rps, Some(10_000));
    let (bracket, outcomes) = answer(SEARCH, of_five(3));
    assert_eq!(bracket.passing_rps, None);
    assert_eq!(bracket.failing, Some((10_000, Verdict::Fails)));
    assert_eq!(outcomes.len(), 2, "two failures settle it");
}

#[test]
fn the_ends_are_told_as_ends() {
    let (bracket, _) = answer(SEARCH, threshold(u64::MAX));
    assert_eq!(
        (bracket.passing_rps, bracket.failing),
        (Some(400_000), None)
    );
    let (bracket, _) = answer(SEARCH, threshold(0));
    assert_eq!(bracket.failing, Some((10_000, Verdict::Fails)));
}

#[test]
fn invalid_repeats_are_made_up_for_and_bounded() {
    let (bracket, outcomes) = answer(SEARCH, |rate, repeat| match (rate, repeat) {
        (10_000, 1..=5) => Outcome::Invalid,
        (10_000, _) => Outcome::Pass,
        _ => Outcome::Invalid,
    });
    assert_eq!(bracket.passing_rps, Some(10_000));
    assert_eq!(
        bracket.failing.map(|(_, why)| why),
        Some(Verdict::Undecided)
    );
    let at_top = outcomes.iter().filter(|(rate, _)| *rate == 400_000);
    assert_eq!(at_top.count(), 6);
}

#[test]
fn a_higher_rate_that_passes_more_often_is_an_inversion() {
    let outcomes: Vec<(u64, Outcome)> = [(1, 4, 1), (2, 3, 2), (3, 4, 0), (4, 0, 2)]
        .into_iter()
        .flat_map(|(rate, passed, failed)| {
            let pass = std::iter::repeat_n((rate, Outcome::Pass), passed);
            pass.chain(std::iter::repeat_n((rate, Outcome::Fail), failed))
        })
        .collect();
    assert_eq!(inversions(&SEARCH.tried(&outcomes)), [[2, 3]]);
}

fn searches() -> impl Strategy<Value = Search> {
    (
        1_u64..1_000_000,
        1_u64..10_000_000,
        1_u32..8,
        0.001_f64..1.0,
    )
        .prop_flat_map(|(from_rps, more, repeats, precision)| {
            (1..=repeats).prop_map(move |passes| Search {
                from_rps,
                to_rps: from_rps + more,
                precision,
                repeats,
                passes,
            })
        })
}

proptest! {
    #[test]
    fn a_threshold_is_bracketed_as_precisely_as_asked(
        search in searches(),
        at in 0.0_f64..1.2,
    ) {
        let span = (search.to_rps - search.from_rps) as f64;
        let limit = search.from_rps + (span * at) as u64;
        let (bracket, _) = answer(search, threshold(limit));
        let low = bracket.passing_rps.expect("the lowest rate passes");
        prop_assert!(low <= limit);
        match bracket.failing {
            None => prop_assert!(limit >= search.to_rps),
            Some((high, why)) => {
                prop_assert_eq!(why, Verdict::Fails);
                prop_assert!(limit < high);
                let narrow = high as f64 <= low as f64 * (1.0 + search.precision);
                prop_assert!(narrow || high - low == 1, "{low} to {high}");
            }
        }
    }

    #[test]
    fn whatever_happens_it_ends_with_what_was_seen(
        search in searches(),
        noise in proptest::collection::vec(0_u8..3, 64),
    ) {
        let mut asked = 0;
        let (bracket, outcomes) = answer(search, |_, _| {
            asked += 1;
            match noise[asked % noise.len()] {
                0 => Outcome::Pass,
                1 => Outcome::Fail,
                _ => Outcome::Invalid,
            }
        });
        let tried = search.tried(&outcomes);
        let verdict = |rate| tried.iter().find(|one| one.rate_rps == rate).and_then(|one| one.verdict);
        if let Some(low) = bracket.passing_rps {
            prop_assert_eq!(verdict(low), Some(Verdict::Passes));
        }
        if let Some((high, why)) = bracket.failing {
            prop_assert_eq!(verdict(high), Some(why));
            prop_assert!(bracket.passing_rps.is_none_or(|low| low < high));
        }
        for one in &tried {
            prop_assert!(one.verdict.is_some(), "{one:?} was left open");
            prop_assert!(one.repeats() <= 2 * search.repeats);
            prop_assert!((search.from_rps..=search.to_rps).contains(&one.rate_rps));
        }
    }

    #[test]
    fn an_interrupted_search_goes_on_where_it_was(
        search in searches(),
        at in 0.0_f64..1.0,
        kept in 0_usize..40,
    ) {
        let span = (search.to_rps - search.from_rps) as f64;
        let limit = search.from_rps + (span * at) as u64;
        let (_, outcomes) = answer(search, threshold(limit));
        let kept = kept.min(outcomes.len() - 1);
        let Step::Probe { rate_rps, .. } = search.next(&outcomes[..kept]) else {
            return Err(TestCaseError::fail("it was not done yet"));
        };
        prop_assert_eq!(rate_rps, outcomes[kept].0);
    }
}
