//! Sections and kinds with parameters of their own: services, patterns, capacity searches.

use proptest::prelude::*;
use spec::{Place, Spec};

use super::{GOOD, message};

#[test]
fn sections_are_mappings_and_choices_are_one() {
    for (from, to, at, expected) in [
        (
            "phases: {warmup: 200 ms, measure: 700 ms, timeout: 100 ms}",
            "phases: [200 ms, 700 ms, 100 ms]",
            "18:1: phases",
            "a list stands where a mapping (fields: `warmup`, `measure`, `timeout`) is expected",
        ),
        (
            "{zipf: 0.99}",
            "zipf",
            "14:15: workload.popularity",
            "`zipf` needs a value",
        ),
        (
            "{zipf: 0.99}",
            "{uniform: 1}",
            "14:",
            "`uniform` stands alone",
        ),
        (
            "{zipf: 0.99}",
            "{zipf: 1, uniform: 2}",
            "14:3: ",
            "exactly one of `uniform`, `zipf`",
        ),
        (
            "{zipf: 0.99}",
            "0.99",
            "14:15: ",
            "`0.99` stands where one of",
        ),
        (
            "key_size: 16 B",
            "key_size: {uniform: [1 B, 2 B]}",
            "12:",
            "a mapping (fields: `min`, `max`)",
        ),
        (
            "get_ratio: 0.95",
            "get_ratio: 0.95\n  arrivals: {bursty: [1 ms, 9 ms]}",
            "16:",
            "a mapping (fields: `on`, `off`)",
        ),
        (
            "blocks: 3",
            "blocks: three",
            "19:9: blocks",
            "invalid type: string \"three\"",
        ),
        (
            "blocks: 3",
            "blocks: 3.5",
            "19:9: blocks",
            "invalid type: floating point",
        ),
        (
            "blocks: 3",
            "blocks: -3",
            "19:9: blocks",
            "invalid value: integer `-3`",
        ),
    ] {
        let message = message(from, to);
        assert!(
            message.starts_with(&format!("small.yaml:{at}")),
            "{to}: {message}"
        );
        assert!(message.contains(expected), "{to}: {message}");
    }
    for text in ["", "- a\n", "just text\n"] {
        let error = Spec::parse(text, "odd.yaml")
            .expect_err("no mapping")
            .to_string();
        assert!(error.starts_with("odd.yaml:1:1: "), "{error}");
        assert!(
            error.contains("stands where a mapping (fields: `name`, "),
            "{error}"
        );
    }
}

proptest! {
    /// Whatever a slip of the keyboard makes of a spec: it is read, or the message can be shown
    /// and points into the file.
    #[test]
    fn slips_are_read_or_explained(
        at in 0..GOOD.len(), length in 0usize..6, typed in "[ -~\\n\\tµ]{0,3}",
    ) {
        let mut text = GOOD.to_owned();
        text.replace_range(at..(at + length).min(GOOD.len()), &typed);
        if let Err(error) = Spec::parse(&text, "slip.yaml") {
            prop_assert!(error.to_string().contains("slip.yaml:"));
            for problem in &error.problems {
                let Place::File { line, column, .. } = problem.place else {
                    panic!("no override was given: {problem:?}");
                };
                prop_assert!(line >= 1 && column >= 1, "{:?}", problem);
                prop_assert!(line <= text.lines().count() as u64 + 1, "{:?}", problem);
            }
        }
    }
}

#[test]
fn a_service_time_of_the_workload_reaches_no_foreign_process() {
    let text = GOOD.replace("- sphinx", "- memcached").replace(
        "  get_ratio: 0.95",
        "  get_ratio: 0.95\n  service: {exponential: 20 us}",
    );
    let message = Spec::parse(&text, "small.yaml")
        .expect_err("memcached")
        .to_string();
    assert!(
        message.starts_with("small.yaml:6:5: systems[0]: `workload.service` cannot"),
        "{message}"
    );
    assert!(message.contains("leave memcached out"), "{message}");
}

#[test]
fn a_capacity_search_stands_alone_and_makes_sense() {
    let from = "  rates: [5 kreq/s, 15 kreq/s]\nphases: {warmup: 200 ms, measure: 700 ms, timeout: 100 ms}\nblocks: 3\n";
    let spec = |capacity: &str, rest: &str| {
        format!(
            "  capacity: {{{capacity}}}\n{rest}phases: {{warmup: 200 ms, measure: 700 ms, timeout: 100 ms}}\n"
        )
    };
    let good = "from: 5 kreq/s, to: 50 kreq/s, service_level: {p99: 200 us, loss: 0.1%}";
    let text = GOOD.replace(from, &spec(good, ""));
    Spec::parse(&text, "small.yaml").expect("a good search");
    for (capacity, rest, expected) in [
        (
            good,
            "  rates: [5 kreq/s]\n",
            "a search decides its rates itself",
        ),
        (good, "blocks: 3\n", "`load.capacity.repeats`"),
        (
            "from: 50 kreq/s, to: 5 kreq/s, service_level: {p99: 1 ms}",
            "",
            "load.capacity.to: `to` (5 kreq/s) must be above `from` (50 kreq/s)",
        ),
        (
            "from: 5 kreq/s, to: 50 kreq/s, service_level: {}",
            "",
            "give at least one of p50, p90, p99, p99_9, loss",
        ),
        (
            "from: 5 kreq/s, to: 50 kreq/s, service_level: {p98: 1 ms}",
            "",
            "unknown field `p98`",
        ),
        (
            "from: 5 kreq/s, to: 50 kreq/s, service_level: {p99: 1 ms}, repeats: 3, passes: 4",
            "",
            "`passes` (4) cannot be above `repeats` (3)",
        ),
        (
            "from: 5 kreq/s, to: 50 kreq/s, service_level: {p99: 1 ms}, repeats: 0",
            "",
            "load.capacity.repeats",
        ),
        (
            "from: 5 kreq/s, to: 50 kreq/s, service_level: {p99: 1 ms}, precision: 0%",
            "",
            "a precision of 0 ppm: it must be 0.1 % to 100 %",
        ),
        (
            "from: 0 req/s, to: 50 kreq/s, service_level: {p99: 1 ms}",
            "",
            "a load of 0",
        ),
        (
            "from: 5 kreq/s, to: 50 kreq/s, service_level: {loss: 101%}",
            "",
            "it is at most 100 %",
        ),
    ] {
        let message = message(from, &spec(capacity, rest));
        assert!(message.contains(expected), "{capacity} {rest}: {message}");
    }
}

#[test]
fn a_pattern_that_cannot_be_followed_is_refused() {
    let rates = "  rates: [5 kreq/s, 15 kreq/s]";
    for (pattern, expected) in [
        (
            "{steps: {factors: [0, 0], each: 1 ms}}",
            "the factors sum to 0",
        ),
        ("{steps: {factors: [1, -1], each: 1 ms}}", "a factor of -1"),
        ("{steps: {factors: [1, 2], each: 0 ms}}", "longer than 0"),
        (
            "{steps: {factors: [0, 1], each: 700 ms}}",
            "0 for the first 700 ms, and the measure phase lasts 700 ms",
        ),
        (
            "{sine: {period: 1 s, amplitude: 1.5}}",
            "an amplitude of 1.5",
        ),
        (
            "{burst: {every: 10 ms, length: 10 ms, factor: 2}}",
            "end before the next",
        ),
        (
            "{shuffled_ramp: {from: 2, to: 1, steps: 5}}",
            "`from` (2) must lie below `to` (1)",
        ),
        ("{shuffled_ramp: {from: 1, to: 2, steps: 1}}", "1 steps"),
    ] {
        let message = message(rates, &format!("{rates}\n  pattern: {pattern}"));
        assert!(
            message.starts_with("small.yaml:18:"),
            "{pattern}: {message}"
        );
        assert!(message.contains(expected), "{pattern}: {message}");
    }
    let closed = message(
        rates,
        "  closed: [1]\n  pattern: {sine: {period: 1 s, amplitude: 0.5}}",
    );
    assert!(closed.contains("a pattern changes `rates`"), "{closed}");
    let bursty = GOOD
        .replace(
            rates,
            &format!("{rates}\n  pattern: {{sine: {{period: 1 s, amplitude: 0.5}}}}"),
        )
        .replace(
            "  get_ratio: 0.95",
            "  get_ratio: 0.95\n  arrivals: {bursty: {on: 1 ms, off: 1 ms}}",
        );
    let bursty = Spec::parse(&bursty, "small.yaml")
        .expect_err("two patterns")
        .to_string();
    assert!(
        bursty.contains("allowed with a pattern: poisson, fixed"),
        "{bursty}"
    );
}

#[test]
fn a_bad_value_inside_of_a_named_kind_is_found_where_it_stands() {
    let probes = "probes:\n  - wakeup:\n      {mechanisms: [eventfd], modes: [idle], samples: 0, \
                  time_limit: 1 s}\n";
    let text = format!("{GOOD}{probes}");
    let message = Spec::parse(&text, "small.yaml").expect_err("no samples");
    let message = message.to_string();
    let place = "small.yaml:22:55: probes[0].wakeup.samples: ";
    assert!(message.starts_with(place), "{message}");
}

#[test]
fn a_sweep_needs_what_it_varies() {
    for (sweep, expected) in [
        ("{large_share: [1 %]}", "the larger size of a mix of two"),
        ("{large_share: [0 %]}", "between 0 and 100 %"),
        ("{cache_entries: [8, 64]}", "sphinx has no cache"),
        ("{cache_entries: [0]}", "it holds 1 to 65536"),
        ("{theta: [0.5, 0.5]}", "listed twice"),
    ] {
        let message = message("blocks: 3", &format!("blocks: 3\nsweep: {sweep}"));
        assert!(message.contains(expected), "{sweep}: {message}");
    }
}

#[test]
fn the_same_trial_twice_is_refused() {
    let message = message("5 kreq/s, 15 kreq/s", "5 kreq/s, 5000 req/s");
    assert!(
        message.starts_with("small.yaml:17:21: load.rates[1]: `5 kreq/s` is listed twice"),
        "{message}"
    );
    let message = super::message(
        "  - sphinx",
        "  - sphinx\n  - {system: sphinx, wakeup: spin}",
    );
    assert!(
        message
            .starts_with("small.yaml:7:5: systems[1]: the label `sphinx` is taken by systems[0]"),
        "{message}"
    );
}
