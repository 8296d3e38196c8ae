//! What a reader of a message gets: place, offending text, what is allowed.

use proptest::prelude::*;
use spec::{Place, Spec, SpecError};

const GOOD: &str = "\
name: small
topology:
  kind: veth
  queues: 2
systems:
  - sphinx
  - system: xdp_steered
    io: af_xdp
    owners: 2
workload:
  keys: 20 k
  key_size: 16 B
  value_size: 64 B
  popularity: {zipf: 0.99}
  get_ratio: 0.95
load:
  rates: [5 kreq/s, 15 kreq/s]
phases: {warmup: 200 ms, measure: 700 ms, timeout: 100 ms}
blocks: 3
";

/// The error of the good spec with one text replaced.
fn error(from: &str, to: &str) -> SpecError {
    assert_eq!(GOOD.matches(from).count(), 1, "{from:?} must occur once");
    Spec::parse(&GOOD.replace(from, to), "small.yaml").expect_err("this spec is wrong")
}

/// The whole message of the good spec with one text replaced.
fn message(from: &str, to: &str) -> String {
    error(from, to).to_string()
}

#[test]
fn the_good_spec_is_good() {
    assert_eq!(
        Spec::parse(GOOD, "small.yaml").map(|spec| spec.name),
        Ok("small".to_owned())
    );
}

#[test]
fn a_bad_unit_shows_line_text_and_units() {
    assert_eq!(
        message("200 ms, m", "200 msec, m"),
        "small.yaml:18:18: phases.warmup: `200 msec`: `msec` is no unit of a duration \
         (units: ns, us, ms, s, min)\n 18 | phases: {warmup: 200 msec, measure: 700 ms, timeout: \
         100 ms}\n    |                  ^^^^^^^^\n"
    );
}

#[test]
fn a_missing_unit_says_how_it_is_written() {
    let message = message("16 B", "16");
    assert!(message.starts_with("small.yaml:12:13: workload.key_size: `16` has no unit"));
    assert!(
        message.contains("such as `64 B`") || message.contains("like `64 B`"),
        "{message}"
    );
}

#[test]
fn an_unknown_field_is_shown_where_it_stands() {
    let message = message("    owners: 2", "    ownres: 2");
    assert!(
        message.starts_with("small.yaml:9:5: systems[1]: unknown field `ownres`"),
        "{message}"
    );
    assert!(message.contains("`owners`"), "{message}");
    assert!(
        message.contains(" 9 |     ownres: 2\n   |     ^^^^^^"),
        "{message}"
    );
}

#[test]
fn a_missing_field_names_its_section() {
    let message = message("  keys: 20 k\n", "");
    assert!(
        message.starts_with("small.yaml:10:1: workload: missing field `keys`"),
        "{message}"
    );
}

#[test]
fn an_unknown_system_lists_the_known_ones() {
    let message = message("- sphinx", "- sphynx");
    assert!(
        message.starts_with("small.yaml:6:5: systems[0]: unknown variant `sphynx`"),
        "{message}"
    );
    assert!(
        message.contains("`rss_shared`") && message.contains("`memcached`"),
        "{message}"
    );
}

#[test]
fn an_illegal_io_gives_the_reason() {
    let message = message("io: af_xdp", "io: udp");
    assert!(
        message.starts_with("small.yaml:8:9: systems[1].io: xdp_steered cannot run"),
        "{message}"
    );
    assert!(
        message.contains("redirects requests into AF_XDP sockets"),
        "{message}"
    );
    assert!(message.contains("allowed: af_xdp"), "{message}");
}

#[test]
fn what_validates_the_instrument_has_its_limits() {
    for (addition, expected) in [
        (
            "disturb: {stall: {after: 650 ms, length: 100 ms}}",
            "ends beyond the measure phase (700 ms)",
        ),
        (
            "disturb: {stall: {after: 0 s, length: 0 s}}",
            "must last longer than 0",
        ),
    ] {
        let message = message("blocks: 3", &format!("blocks: 3\n{addition}"));
        assert!(message.contains(expected), "{addition}: {message}");
    }
    let counted = GOOD.replace("blocks: 3", "bpf_stats: true");
    let short = counted.replace("warmup: 200 ms", "warmup: 199 ms");
    let message = Spec::parse(&short, "x").expect_err("short").to_string();
    assert!(message.contains("`phases.warmup` to 200 ms"), "{message}");
    let traced = GOOD.replace("blocks: 3", "trace: true");
    let refused = |from: &str, to: &str| {
        let text = traced.replace(from, to);
        Spec::parse(&text, "x").expect_err(to).to_string()
    };
    let message = refused("15 kreq/s", "15 Mreq/s");
    assert!(
        message.contains("13500000 requests is too long"),
        "{message}"
    );
    let message = refused("rates: [5 kreq/s, 15 kreq/s]", "closed: [1]");
    assert!(message.contains("use `load.rates` alone"), "{message}");
    let loopback = GOOD.replace("  kind: veth\n  queues: 2", "  kind: loopback");
    let loopback = loopback.replace("blocks: 3", "floor: true");
    let message = Spec::parse(&loopback, "x").expect_err("no XDP").to_string();
    assert!(
        message.contains("the floor is measured by XDP"),
        "{message}"
    );
    let synthetic = "- {system: synthetic, service: {fixed: 1 us}}";
    let meta = GOOD.replace("- sphinx", synthetic);
    let meta = meta.replace(
        "  get_ratio",
        "  protocol: meta\n  multi_get: 1\n  get_ratio",
    );
    let message = Spec::parse(&meta, "x").expect_err("no meta").to_string();
    assert!(message.contains("speaks ascii only"), "{message}");
}

#[test]
fn each_system_refuses_what_it_cannot_do() {
    for (entry, expected) in [
        (
            "{system: memcached, io: af_xdp}",
            "memcached cannot run on `af_xdp`",
        ),
        ("{system: memcached, wakeup: spin}", "leave `wakeup` out"),
        (
            "{system: seastar, wakeup: eventfd}",
            "seastar cannot use `eventfd`; allowed: spin",
        ),
        ("{system: rss_shared, wakeup: batched}", "allowed: spin"),
        (
            "{system: rss_shared, io: af_xdp, owners: 3}",
            "3 owners need as many queues",
        ),
        ("{system: sphinx, label: 'a b'}", "`a b` cannot be a label"),
        ("{system: sphinx, memory: 4 KiB}", "at least 1 MiB"),
        (
            "{system: memcached, service: {fixed: 20 us}}",
            "memcached is an external process",
        ),
        (
            "{system: sphinx, service: {fixed: 0 us}}",
            "it must be above 0",
        ),
        (
            "{system: sphinx, service: {bimodal: {short: 2 us, long: 1 us, long_share: 5%}}}",
            "`short` (2 us) is above `long` (1 us)",
        ),
        (
            "{system: sphinx, service: {bimodal: {short: 1 us, long: 2 us, long_share: 101%}}}",
            "a share is at most 100 %",
        ),
        ("synthetic", "give `service`"),
        (
            "{system: synthetic, service: {fixed: 1 us}, owners: 2}",
            "synthetic has 1 owners, always",
        ),
        (
            "{system: synthetic, service: {fixed: 1 us}, wakeup: eventfd}",
            "allowed: spin",
        ),
        (
            "{system: sphinx, servers: 2}",
            "`servers` belongs to synthetic",
        ),
        (
            "{system: sphinx, label: floor}",
            "belongs to the instrument",
        ),
        ("{system: reflector, io: udp}", "it is an XDP program"),
        (
            "{system: reflector, service: {fixed: 1 us}}",
            "it executes nothing",
        ),
        (
            "{system: sphinx, service: {uniform: 1 us}}",
            "`fixed`, `exponential`, `bimodal`",
        ),
    ] {
        let message = message("- sphinx", &format!("- {entry}"));
        assert!(message.contains(expected), "{entry}: {message}");
        assert!(message.starts_with("small.yaml:6:"), "{entry}: {message}");
    }
}

#[test]
fn loopback_has_no_af_xdp() {
    let message = message("kind: veth\n  queues: 2", "kind: loopback");
    assert!(
        message.contains("systems[1].io: xdp_steered on af_xdp needs XDP"),
        "{message}"
    );
    let message = self::message("kind: veth", "kind: loopback\n  client: af_xdp");
    assert!(
        message.contains("small.yaml:4:11: topology.client: the loopback"),
        "{message}"
    );
    assert!(
        message.contains("topology.queues: the loopback device has one queue"),
        "{message}"
    );
}

#[test]
fn values_out_of_range_are_refused_where_they_stand() {
    for (from, to, at, expected) in [
        ("owners: 2", "owners: 0", "9:13", "lower than 1"),
        ("zipf: 0.99", "zipf: -0.5", "14:", "a Zipf exponent of -0.5"),
        (
            "get_ratio: 0.95",
            "get_ratio: 1.5",
            "15:14",
            "greater than 1",
        ),
        ("5 kreq/s, 15", "0 req/s, 15", "17:11", "at least 1 req/s"),
        (
            "rates: [5 kreq/s, 15 kreq/s]",
            "rates: []",
            "16:",
            "names no load",
        ),
        (
            "rates: [5 kreq/s, 15 kreq/s]",
            "closed: [0]",
            "17:12",
            "lower than 1",
        ),
        (
            "rates: [5 kreq/s, 15 kreq/s]",
            "closed: [8, 8]",
            "17:15",
            "`8` is listed twice",
        ),
        (
            "rates: [5 kreq/s, 15 kreq/s]",
            "drain: [200 k]",
            "17:11",
            "sockets hold 1 to 131072",
        ),
        ("measure: 700 ms", "measure: 0 s", "18:", "longer than 0"),
        ("blocks: 3", "blocks: 0", "19:9", "lower than 1"),
        ("key_size: 16 B", "key_size: 251 B", "12:13", "1 B to 250 B"),
        ("key_size: 16 B", "key_size: 2 B", "12:13", "at least 3 B"),
        (
            "value_size: 64 B",
            "value_size: 2 KiB",
            "13:15",
            "does not fit into one datagram",
        ),
        ("keys: 20 k", "keys: 0", "11:9", "there must be 1 to"),
        ("name: small", "name: Small One", "1:7", "cannot be a name"),
    ] {
        let message = message(from, to);
        assert!(
            message.starts_with(&format!("small.yaml:{at}")),
            "{to}: {message}"
        );
        assert!(message.contains(expected), "{to}: {message}");
    }
}

#[test]
fn the_same_trial_twice_is_refused() {
    let message = message("5 kreq/s, 15 kreq/s", "5 kreq/s, 5000 req/s");
    assert!(
        message.starts_with("small.yaml:17:21: load.rates[1]: `5 kreq/s` is listed twice"),
        "{message}"
    );
    let message = self::message(
        "  - sphinx",
        "  - sphinx\n  - {system: sphinx, wakeup: spin}",
    );
    assert!(
        message
            .starts_with("small.yaml:7:5: systems[1]: the label `sphinx` is taken by systems[0]"),
        "{message}"
    );
}

#[test]
fn several_problems_are_reported_together() {
    let text = GOOD
        .replace("owners: 2", "owners: 0")
        .replace("blocks: 3", "blocks: 0");
    let error = Spec::parse(&text, "small.yaml").expect_err("two values are wrong");
    assert_eq!(error.problems.len(), 2);
}

#[test]
fn text_that_is_no_yaml_is_shown() {
    let error = error("  kind: veth", "  kind: [veth");
    assert_eq!(error.problems.len(), 1);
    assert!(
        matches!(error.problems[0].place, Place::File { line: 3..=19, .. }),
        "{error:?}"
    );
    let error = self::error("blocks: 3", "blocks: 3\nblocks: 4");
    assert!(
        error.to_string().starts_with("small.yaml:20:1: "),
        "{error}"
    );
}

#[test]
fn systems_need_their_sections_and_a_spec_something_to_do() {
    let message = message("load:\n  rates: [5 kreq/s, 15 kreq/s]\n", "");
    assert!(
        message.contains("`systems` need the section `load`"),
        "{message}"
    );
    let empty = Spec::parse("name: empty\ntopology: {kind: loopback}\n", "e.yaml");
    let message = empty.expect_err("it asks for nothing").to_string();
    assert!(message.contains("nothing to do"), "{message}");
}

#[test]
fn overrides_change_and_add_settings() {
    let set = [
        "load.rates=[1 Mreq/s]",
        "systems.1.owners=1",
        "sweep.theta=[0, 0.5]",
        "seed=7",
    ];
    let spec = Spec::parse_with(GOOD, "small.yaml", &set).expect("these overrides fit");
    assert_eq!(spec.load.expect("given").rates, [spec::Rate(1_000_000)]);
    assert_eq!(spec.systems[1].owners, Some(1));
    assert_eq!(spec.sweep.expect("added").theta, Some(vec![0.0, 0.5]));
    assert_eq!(spec.seed, Some(7));
}

#[test]
fn a_wrong_override_is_named() {
    for (set, expected) in [
        (
            "workload.rate=5 kreq/s",
            "--set workload.rate=5 kreq/s: workload: unknown field `rate`",
        ),
        ("blocks=0", "--set blocks=0: blocks: lower than 1"),
        (
            "phases.measure=fast",
            "--set phases.measure=fast: phases.measure: `fast` is not a duration",
        ),
        (
            "systems[1].io=udp",
            "--set systems[1].io=udp: systems[1].io: xdp_steered cannot run",
        ),
        ("systems.9.io=udp", "there is no item 9"),
        ("systems.0.io=udp", "set the whole of it"),
        ("systems.io=udp", "give the item's number first"),
        ("blocks", "is written `path=value`"),
    ] {
        let error = Spec::parse_with(GOOD, "small.yaml", &[set]).expect_err(set);
        assert!(error.to_string().starts_with("--set "), "{error}");
        assert!(error.to_string().contains(expected), "{set}: {error}");
    }
}

#[test]
fn a_mapping_set_by_an_override_is_blamed_on_it() {
    let set = ["workload.popularity={zipf: -1}"];
    let error = Spec::parse_with(GOOD, "small.yaml", &set)
        .expect_err("below 0")
        .to_string();
    assert!(
        error.starts_with("--set workload.popularity={zipf: -1}: "),
        "{error}"
    );
}

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
