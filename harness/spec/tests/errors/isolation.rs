//! Slices that are processes, and the one that is killed.

use spec::{Disturb, Duration, KillSlice, Spec, expand};

use super::message;

const ISOLATED: &str = "\
name: isolated
topology: {kind: chain, queues: 2}
traffic: {processor: router, arrivals: fixed}
systems:
  - {system: netslice, isolation: process}
load: {rates: [2 kframes/s]}
phases: {warmup: 100 ms, measure: 300 ms, timeout: 100 ms}
disturb: {kill_slice: {slice: 0, after: 100 ms}}
";

/// What is told of the good spec with texts replaced.
fn refused(changes: &[(&str, &str)]) -> String {
    let mut text = ISOLATED.to_owned();
    for (from, to) in changes {
        assert_eq!(text.matches(from).count(), 1, "{from:?} must occur once");
        text = text.replace(from, to);
    }
    let error = Spec::parse(&text, "isolated.yaml").expect_err(&text);
    error.to_string()
}

#[test]
fn the_good_spec_of_a_killed_slice_is_good() {
    let spec = Spec::parse(ISOLATED, "isolated.yaml").unwrap_or_else(|error| panic!("{error}"));
    let killed = Disturb {
        kill_slice: Some(KillSlice {
            slice: 0,
            after: Duration(100_000_000),
        }),
        ..Disturb::default()
    };
    assert_eq!(expand(&spec)[0].disturb, Some(killed));
    assert!(!killed.tests_the_instrument(), "it tests the system");
    let wrong = Disturb {
        lose_frames: Some(1),
        ..killed
    };
    assert!(wrong.tests_the_instrument());
    let without = ISOLATED.replace("disturb: {kill_slice: {slice: 0, after: 100 ms}}\n", "");
    let alone = without.replace("queues: 2", "queues: 1");
    assert_eq!(Spec::parse(&alone, "isolated.yaml").err(), None);
}

#[test]
fn a_slice_that_is_killed_is_a_process_beside_others() {
    for (from, to, expected) in [
        (
            "{system: netslice, isolation: process}",
            "netslice",
            "all slices of netslice are threads of one: give it `isolation: process`",
        ),
        (
            "{system: netslice, isolation: process}",
            "{system: netslice, isolation: thread}",
            "give it `isolation: process`",
        ),
        (
            "{system: netslice, isolation: process}",
            "kernel_forward",
            "kernel_forward has no slices; leave it out, or use netslice with `isolation: process`",
        ),
        (
            "{system: netslice, isolation: process}",
            "{system: raw_parallel, isolation: process}",
            "`isolation` belongs to netslice",
        ),
        ("queues: 2", "queues: 1", "needs at least 2 queues"),
        (
            "slice: 0",
            "slice: 2",
            "`disturb.kill_slice.slice: 2` is none of 2 slices",
        ),
        (
            "after: 100 ms",
            "after: 300 ms",
            "dies beyond the measure phase (300 ms)",
        ),
        ("after: 100 ms", "after: 0 s", "must last longer than 0"),
        (
            "arrivals: fixed",
            "arrivals: fixed, round_trip: true",
            "leave `round_trip` out",
        ),
        (
            "slice: 0, after: 100 ms}",
            "slice: 0, after: 100 ms}, lose_frames: 5",
            "use `kill_slice` alone",
        ),
        (
            "{kill_slice: {slice: 0, after: 100 ms}}",
            "{}",
            "use `kill_slice` alone",
        ),
        (
            "isolation: process",
            "isolation: vm",
            "expected `thread` or `process`",
        ),
    ] {
        let told = refused(&[(from, to)]);
        assert!(told.contains(expected), "{to}: {told}");
    }
    let swept = refused(&[("load:", "sweep: {queues: [1, 2]}\nload:")]);
    assert!(swept.contains("sweep.queues"), "{swept}");
}

#[test]
fn gateways_and_proxies_are_no_processes_of_their_own() {
    for (processor, expected) in [
        ("ipsec", "share what they remember of replays"),
        ("maelstrom", "worth nothing without the other's"),
    ] {
        let told = refused(&[
            ("kind: chain", "kind: pair"),
            ("processor: router", &format!("processor: {processor}")),
        ]);
        assert!(
            told.contains(expected) && told.contains("use `isolation: thread`"),
            "{told}"
        );
    }
}

#[test]
fn requests_have_no_slices() {
    let kill = "disturb: {kill_slice: {slice: 0, after: 10 ms}}\nblocks: 3";
    let told = message("blocks: 3", kill);
    assert!(
        told.contains("give `traffic` in place of `workload`"),
        "{told}"
    );
    let told = message("- sphinx", "- {system: sphinx, isolation: process}");
    assert!(told.contains("`isolation` belongs to netslice"), "{told}");
}
