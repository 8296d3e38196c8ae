//! Loads that no schedule paces.

use spec::Spec;

#[test]
fn a_generator_that_saturates_chooses_its_load_and_feeds_no_kernel_sockets() {
    let spec = |load: &str, systems: &str, value: &str| {
        format!(
            "
name: flood
topology: {{kind: veth}}
systems: [{systems}]
workload: {{keys: 1 k, key_size: 16 B, value_size: {value}, popularity: uniform, get_ratio: 1.0, arrivals: saturate}}
{load}
phases: {{warmup: 0 s, measure: 100 ms, timeout: 50 ms}}
"
        )
    };
    let good = Spec::parse(&spec("", "xdp_steered", "64 B"), "flood.yaml").expect("good");
    let trials = spec::expand(&good);
    assert_eq!(trials.len(), 1);
    assert_eq!(trials[0].load, spec::LoadPoint::Saturate);
    for (load, systems, value, message) in [
        (
            "load: {rates: [1 kreq/s]}",
            "xdp_steered",
            "64 B",
            "leave `load` out",
        ),
        ("", "rss_shared", "64 B", "would be misfed"),
        ("", "xdp_steered", "1400 B", "replies of one datagram"),
    ] {
        let error = Spec::parse(&spec(load, systems, value), "flood.yaml")
            .expect_err(message)
            .to_string();
        assert!(error.contains(message), "{error}");
    }
}

#[test]
fn what_cannot_be_held_cannot_be_drained() {
    let text = "
name: drain
topology: {kind: veth}
systems: [{system: synthetic, service: {fixed: 10 us}}]
workload: {keys: 1 k, key_size: 16 B, value_size: 64 B, popularity: uniform, get_ratio: 1.0}
load: {drain: [1 k]}
phases: {warmup: 0 s, measure: 100 ms, timeout: 50 ms}
";
    let error = Spec::parse(text, "drain.yaml")
        .expect_err("held")
        .to_string();
    assert!(error.contains("cannot be drained"), "{error}");
}

#[test]
fn slots_move_between_owners_in_the_measure_phase() {
    let spec = |systems: &str, load: &str, repartition: &str| {
        format!(
            "
name: moving
topology: {{kind: veth, queues: 2}}
systems: [{systems}]
workload: {{keys: 1 k, key_size: 16 B, value_size: 64 B, popularity: uniform, get_ratio: 1.0}}
load: {{{load}}}
repartition: {{{repartition}}}
phases: {{warmup: 0 s, measure: 100 ms, timeout: 50 ms}}
"
        )
    };
    let rates = "rates: [1 kreq/s]";
    let moves = "after: 20 ms, slots: 10, clients_know_after: 50 ms";
    Spec::parse(&spec("xdp_steered", rates, moves), "moving.yaml").expect("good");
    for (systems, load, repartition, message) in [
        ("memcached", rates, moves, "which memcached has not"),
        (
            "{system: sphinx, owners: 1}",
            rates,
            moves,
            "at least 2 owners",
        ),
        (
            "xdp_steered",
            "closed: [1]",
            moves,
            "use `load.rates` alone",
        ),
        (
            "xdp_steered",
            rates,
            "after: 90 ms, slots: 10, clients_know_after: 20 ms",
            "within the measure phase",
        ),
        ("xdp_steered", rates, "after: 20 ms, slots: 1025", "1024"),
    ] {
        let error = Spec::parse(&spec(systems, load, repartition), "moving.yaml")
            .expect_err(message)
            .to_string();
        assert!(error.contains(message), "{error}");
    }
}
