//! Rates count what is asked for, and the link between two proxies loses what it can.

use spec::Spec;

use super::traffic::{FRAMES, expect, refused};

#[test]
fn a_rate_counts_what_the_spec_asks_for() {
    let frames = "rates: [20 kframes/s]";
    expect(&[
        (
            frames,
            "rates: [5 kframes/s, 20 kreq/s]",
            "7:29",
            "load.rates[1]: `20 kreq/s` counts requests, and `traffic` has frames: write `20 kframes/s`",
        ),
        (
            frames,
            "rates: [20]",
            "7:16",
            "units: req/s, kreq/s, Mreq/s, frames/s, kframes/s, Mframes/s",
        ),
        (frames, "rates: [0 frames/s]", "7:16", "at least 1 frames/s"),
    ]);
    let message = super::message("5 kreq/s, 15", "5 kframes/s, 15");
    assert!(
        message.contains(
            "17:11: load.rates[0]: `5 kframes/s` counts frames, and `workload` has requests: write `5 kreq/s`"
        ),
        "{message}"
    );
    let rates = "  rates: [5 kreq/s, 15 kreq/s]\nphases: {warmup: 200 ms, measure: 700 ms, timeout: 100 ms}\nblocks: 3\n";
    let search = "  capacity: {from: 5 kreq/s, to: 50 kframes/s, service_level: {p99: 1 ms}}\n\
                  phases: {warmup: 200 ms, measure: 700 ms, timeout: 100 ms}\n";
    let message = super::message(rates, search);
    assert!(
        message.contains("load.capacity.to: `50 kframes/s` counts frames")
            && message.contains("write `50 kreq/s`"),
        "{message}"
    );
}

#[test]
fn bursts_are_due_so_often_that_they_come_to_whole_frames_a_second() {
    expect(&[
        (
            "rates: [20 kframes/s]",
            "rates: [20 kframes/s], every: [100 us]",
            "7:",
            "leave one of `every` and `rates` out",
        ),
        (
            "rates: [20 kframes/s]",
            "every: [100 us, 300 us]",
            "7:",
            "load.every[1]: 1 frame(s) every 300 us are no whole number of frames a second",
        ),
        (
            "rates: [20 kframes/s]",
            "every: [2 s]",
            "7:",
            "no whole number of frames a second",
        ),
        (
            "rates: [20 kframes/s]",
            "every: [100 us, 100 us]",
            "7:",
            "`100 us` is listed twice",
        ),
        (
            "rates: [20 kframes/s]",
            "every: [0 us]",
            "7:",
            "longer than 0",
        ),
    ]);
    let swept = |burst: &str, every: &str| {
        let text = FRAMES.replace("rates: [20 kframes/s]", &format!("every: [{every}]"));
        text + &format!("sweep: {{burst: [{burst}]}}\n")
    };
    // A frame every 300 us would be refused; three are 10 000 a second.
    let good = swept("3, 6", "300 us");
    assert_eq!(Spec::parse(&good, "frames.yaml").err(), None, "{good}");
    for (burst, every, expected) in [
        (
            "3, 4",
            "300 us",
            "4 frame(s) every 300 us are no whole number",
        ),
        ("4, 4", "1 ms", "sweep.burst[1]: `4` is listed twice"),
        ("0", "1 ms", "lower than 1"),
        ("257", "1 ms", "greater than 256"),
    ] {
        let error = Spec::parse(&swept(burst, every), "frames.yaml").expect_err(burst);
        assert!(error.to_string().contains(expected), "{burst}: {error}");
    }
    let saturating = FRAMES.replace(", arrivals: fixed", "");
    let saturating = saturating.replace("load: {rates: [20 kframes/s]}", "sweep: {burst: [1, 10]}");
    let error = Spec::parse(&saturating, "frames.yaml").expect_err("it saturates");
    let expected = "sweep.burst: a generator that saturates makes no pauses between bursts";
    assert!(error.to_string().contains(expected), "{error}");
    let of_requests = super::message("rates: [5 kreq/s, 15 kreq/s]", "every: [1 ms]");
    let expected =
        "load.every: says how often a burst of frames is due, and `workload` has requests";
    assert!(of_requests.contains(expected), "{of_requests}");
    let of_requests = super::message("blocks: 3", "blocks: 3\nsweep: {burst: [1]}");
    let expected = "sweep.burst: varies how frames";
    assert!(of_requests.contains(expected), "{of_requests}");
}

/// The good spec with a link that loses, and a sweep.
fn lossy(processor: &str, sweep: &str) -> String {
    let text = FRAMES.replace("chain", "pair");
    let text = text.replace("  - kernel_forward\n", "");
    let text = text.replace("router", processor);
    text.replace("load:", &format!("sweep: {{{sweep}}}\nload:"))
}

#[test]
fn losses_and_their_bursts_are_swept_where_a_link_loses() {
    for (processor, sweep) in [
        ("maelstrom", "loss: [0 %, 1 %, 10 %]"),
        ("maelstrom", "loss: [1 %, 10 %], loss_burst: [1, 10]"),
        ("{maelstrom: {loss: 1 %}}", "loss_burst: [1, 10]"),
        // The first is what the others are compared with.
        ("{maelstrom: {burst: 4}}", "loss: [0 %, 1 %]"),
        ("maelstrom", "loss: [0 %, 1 %], loss_burst: [4]"),
    ] {
        let text = lossy(processor, sweep);
        assert_eq!(Spec::parse(&text, "frames.yaml").err(), None, "{text}");
    }
    for (processor, sweep, expected) in [
        (
            "maelstrom",
            "loss_burst: [1, 10]",
            "sweep.loss_burst: the link loses nothing, so that there are no bursts: set `loss`",
        ),
        (
            "maelstrom",
            "loss: [1 %, 0 %], loss_burst: [1, 10]",
            "sweep.loss[1]: a link that loses nothing has no bursts",
        ),
        (
            "ipsec",
            "loss: [1 %]",
            "sweep.loss: `ipsec` has no link that is made to lose frames",
        ),
        (
            "ipsec",
            "loss_burst: [2]",
            "sweep.loss_burst: `ipsec` has no link",
        ),
        ("maelstrom", "loss: [100 %]", "below 100 %"),
        ("maelstrom", "loss: [1 %, 10000 ppm]", "listed twice"),
        ("maelstrom", "loss: [1 %], loss_burst: [0]", "lower than 1"),
        (
            "maelstrom",
            "loss: [1 %], loss_burst: [4, 4]",
            "`4` is listed twice",
        ),
        ("maelstrom", "loss: []", "length is lower than 1"),
    ] {
        let text = lossy(processor, sweep);
        let error = Spec::parse(&text, "frames.yaml").expect_err(&text);
        assert!(error.to_string().contains(expected), "{sweep}: {error}");
    }
    for (list, expected) in [
        ("loss: [1 %]", "sweep.loss: varies how frames"),
        ("loss_burst: [2]", "sweep.loss_burst: varies how frames"),
    ] {
        let message = super::message("blocks: 3", &format!("blocks: 3\nsweep: {{{list}}}"));
        assert!(message.contains(expected), "{message}");
    }
    let message = refused(&[("load:", "sweep: {loss: [1 %]}\nload:")]);
    assert!(
        message.contains("use `processor: maelstrom`, or leave it out"),
        "{message}"
    );
}
