//! Capacity searches: what a spec's search expands to, and what stays stable.

use spec::{LoadPoint, Rate, Spec, expand, searches, turns};

const TEXT: &str = "
name: search
topology: {kind: veth, queues: 2}
systems: [sphinx, xdp_steered]
workload: {keys: 1 k, key_size: 16 B, value_size: 64 B, popularity: uniform, get_ratio: 0.9}
load: {capacity: {from: 10 kreq/s, to: 40 kreq/s, service_level: {p99: 200 us, loss: 0.1%}}}
phases: {warmup: 100 ms, measure: 200 ms, timeout: 50 ms}
sweep: {theta: [0, 0.99]}
";

fn spec() -> Spec {
    Spec::parse(TEXT, "search.yaml").expect("a good spec")
}

#[test]
fn a_search_has_defaults_that_are_written_out() {
    let capacity = spec().load.and_then(|load| load.capacity).expect("asked");
    assert_eq!(
        (
            capacity.precision().fraction(),
            capacity.repeats(),
            capacity.passes()
        ),
        (0.05, 5, 4)
    );
    let resolved = spec().resolved();
    let yaml = resolved.to_yaml().expect("plain data");
    let back = Spec::parse(&yaml, "resolved.yaml").unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(back, resolved);
    assert_eq!(searches(&back), searches(&spec()));
}

#[test]
fn each_system_and_swept_value_has_a_search_and_no_trial_is_fixed() {
    assert!(expand(&spec()).is_empty());
    let searches = searches(&spec());
    let mut found: Vec<(String, f64)> = searches
        .iter()
        .map(|search| {
            let trial = search.first();
            (
                trial.system.label.clone(),
                trial.workload().expect("requests").popularity.theta(),
            )
        })
        .collect();
    found.sort_by(|a, b| a.partial_cmp(b).expect("no NaN"));
    let expected = [
        ("sphinx", 0.0),
        ("sphinx", 0.99),
        ("xdp_steered", 0.0),
        ("xdp_steered", 0.99),
    ];
    assert_eq!(
        found,
        expected.map(|(label, theta)| (label.to_owned(), theta))
    );
}

#[test]
fn searched_trials_are_ordinary_trials_with_stable_names() {
    let search = &searches(&spec())[0];
    let trial = search.trial(Rate::requests(20_000), 3);
    assert_eq!(
        (trial.block, trial.load),
        (3, LoadPoint::Open(Rate::requests(20_000)))
    );
    assert_eq!(trial.id(), search.trial(Rate::requests(20_000), 3).id());
    assert_ne!(trial.id(), search.trial(Rate::requests(20_000), 4).id());
    assert_ne!(
        trial.schedule_seed,
        search.trial(Rate::requests(20_000), 4).schedule_seed
    );
    // The same trial in a spec that lists the rate has the same name.
    let listed = TEXT.replace(
        "{capacity: {from: 10 kreq/s, to: 40 kreq/s, service_level: {p99: 200 us, loss: 0.1%}}}",
        "{rates: [20 kreq/s]}\nblocks: 3",
    );
    let listed = expand(&Spec::parse(&listed, "listed.yaml").expect("a good spec"));
    assert!(listed.iter().any(|other| other.id() == trial.id()));
}

#[test]
fn turns_are_a_fresh_order_every_round_and_the_same_every_time() {
    let orders: Vec<Vec<usize>> = (0..8).map(|round| turns(&spec(), round, 5)).collect();
    for order in &orders {
        let mut sorted = order.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, [0, 1, 2, 3, 4]);
    }
    assert!(orders.iter().any(|order| *order != orders[0]));
    assert_eq!(orders[3], turns(&spec(), 3, 5));
}

#[test]
fn a_service_level_is_told_in_words() {
    for (level, words) in [
        (
            "{p99: 200 us, loss: 0.1%}",
            "p99 <= 200 us and loss <= 1000 ppm",
        ),
        (
            "{p50: 1 ms, p99_9: 2 ms, loss: 0 %}",
            "p50 <= 1 ms and p99.9 <= 2 ms and no loss",
        ),
    ] {
        let text = TEXT.replace("{p99: 200 us, loss: 0.1%}", level);
        let spec = Spec::parse(&text, "search.yaml").expect("a good spec");
        let capacity = spec.load.and_then(|load| load.capacity).expect("asked");
        assert_eq!(capacity.service_level.to_string(), words);
    }
}
