//! What a reader of a message gets: place, offending text, what is allowed.

mod calls;
mod choices;
mod floods;
mod ip;
mod isolation;
mod lossless;
mod multi_key;
mod overrides;
mod rates;
mod scans;
mod traffic;

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
    expect_refused(&[
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
            "{system: mica_crew, engine: slab}",
            "only the log's versions allow; allowed: log",
        ),
        (
            "{system: memcached, engine: log}",
            "an external process with a store of its own; leave it out",
        ),
    ]);
}

#[test]
fn options_belong_to_their_systems() {
    expect_refused(&[
        ("{system: sphinx, clusters: 2}", "form no clusters"),
        (
            "{system: sphinx, large_owners: 1}",
            "does not tell large requests",
        ),
        (
            "{system: minos, owners: 2, large_owners: 2}",
            "leaves none for the small",
        ),
        ("{system: memcached, rebalance: 10 ms}", "memcached has not"),
        ("{system: sphinx, rebalance: 0 s}", "longer than 0"),
        ("{system: minos, io: udp}", "read every receive queue"),
        (
            "{system: sphinx, steering: xdp}",
            "`steering` belongs to shenango",
        ),
        ("{system: herd}", "use kind: memory"),
        (
            "{system: herd, io: af_xdp}",
            "write requests into its memory",
        ),
        ("{system: shenango, io: udp}", "polls the receive rings"),
        (
            "{system: shenango, wakeup: spin}",
            "not ours to choose: leave `wakeup` out",
        ),
        ("{system: shenango, engine: log}", "allowed: slab"),
        (
            "{system: rss_shared, flow_hash: mix}",
            "`flow_hash` belongs to programmable_rss",
        ),
        (
            "{system: reuseport_ebpf, io: af_xdp}",
            "it chooses among kernel sockets",
        ),
        ("{system: programmable_rss, io: udp}", "is rss_shared"),
        (
            "{system: shared_something, owners: 4, clusters: 3}",
            "choose a divisor",
        ),
        (
            "{system: shared_something, owners: 4, clusters: 0}",
            "choose a divisor",
        ),
        (
            "{system: shared_something, owners: 64, clusters: 1}",
            "spread by receive queue",
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
        ("{system: kv_direct, io: udp}", "it is an XDP program"),
        ("{system: kv_direct, owners: 2}", "has 0 owners"),
        (
            "{system: kv_direct, behind: sphinx}",
            "stands before no other",
        ),
        ("{system: sphinx, cache_entries: 5}", "has no cache"),
        (
            "{system: sphinx, at: switch}",
            "has no cache that could be elsewhere",
        ),
        (
            "{system: netcache, at: client}",
            "expected `server` or `switch`",
        ),
        (
            "{system: netcache, behind: memcached}",
            "allowed: xdp_steered, sphinx, seastar, rss_shared",
        ),
        (
            "{system: netcache, wakeup: eventfd, behind: seastar}",
            "allowed: spin",
        ),
        (
            "{system: sphinx, service: {uniform: 1 us}}",
            "`fixed`, `exponential`, `bimodal`",
        ),
    ]);
}

/// Each entry of `systems` with what its message must say.
fn expect_refused(entries: &[(&str, &str)]) {
    for (entry, expected) in entries {
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
fn a_cache_on_a_switch_needs_a_client_that_receives_by_xdp() {
    let switched = GOOD.replace("- sphinx", "- {system: netcache, at: switch}");
    assert_eq!(Spec::parse(&switched, "small.yaml").err(), None);
    let udp = switched.replace("kind: veth", "kind: veth\n  client: udp");
    let message = Spec::parse(&udp, "small.yaml")
        .expect_err("wrong")
        .to_string();
    let expected = "systems[0].at: the switch redirects replies";
    assert!(message.contains(expected), "{message}");
    assert!(
        message.contains("`topology.client: af_xdp`, or `at: server`"),
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
    assert_eq!(
        spec.load.expect("given").rates,
        [spec::Rate::requests(1_000_000)]
    );
    assert_eq!(spec.systems[1].owners, Some(1));
    assert_eq!(spec.sweep.expect("added").theta, Some(vec![0.0, 0.5]));
    assert_eq!(spec.seed, Some(7));
}
