//! What packet systems need, and what belongs to frames or to requests alone.

use spec::Spec;

use super::expect_refused;

pub(super) const FRAMES: &str = "\
name: frames
topology: {kind: chain, queues: 2}
traffic: {processor: router, arrivals: fixed}
systems:
  - netslice
  - kernel_forward
load: {rates: [20 kframes/s]}
phases: {warmup: 100 ms, measure: 300 ms, timeout: 100 ms}
";

/// The message of the good spec of frames with texts replaced.
pub(super) fn refused(changes: &[(&str, &str)]) -> String {
    let mut text = FRAMES.to_owned();
    for (from, to) in changes {
        assert_eq!(text.matches(from).count(), 1, "{from:?} must occur once");
        text = text.replace(from, to);
    }
    let error = Spec::parse(&text, "frames.yaml").expect_err(&text);
    error.to_string()
}

pub(super) fn expect(cases: &[(&str, &str, &str, &str)]) {
    for (from, to, place, expected) in cases {
        let message = refused(&[(from, to)]);
        assert!(
            message.contains(&format!("frames.yaml:{place}")),
            "{to}: {message}"
        );
        assert!(message.contains(expected), "{to}: {message}");
    }
}

#[test]
fn the_good_spec_of_frames_is_good() {
    assert_eq!(Spec::parse(FRAMES, "frames.yaml").err(), None);
}

#[test]
fn a_spec_is_about_requests_or_frames() {
    let workload = "workload: {keys: 1 k, key_size: 16 B, value_size: 64 B, popularity: uniform, get_ratio: 1.0}";
    let message = refused(&[("load:", &format!("{workload}\nload:"))]);
    assert!(
        message.contains("exactly one of `workload` and `traffic`"),
        "{message}"
    );
    let neither = refused(&[("traffic: {processor: router, arrivals: fixed}\n", "")]);
    assert!(
        neither.contains("need the section `workload` or `traffic`"),
        "{neither}"
    );
    expect(&[(
        "- kernel_forward",
        "- sphinx",
        "6:5",
        "serves requests and forwards no frames",
    )]);
    expect_refused(&[("netslice", "forwards frames and serves no requests")]);
    for (addition, expected) in [
        (
            "sweep: {frame_size: [60 B]}",
            "sweep.frame_size: varies how frames",
        ),
        ("sweep: {batch: [1]}", "sweep.batch: varies how frames"),
        (
            "sweep: {placement: [nearest]}",
            "sweep.placement: varies how frames",
        ),
    ] {
        let message = super::message("blocks: 3", &format!("blocks: 3\n{addition}"));
        assert!(message.contains(expected), "{addition}: {message}");
    }
    for kind in ["chain", "pair"] {
        let message = super::message("kind: veth", &format!("kind: {kind}"));
        assert!(message.contains("nobody who serves requests"), "{message}");
    }
}

#[test]
fn options_of_frames_belong_to_their_systems() {
    expect_refused(&[
        ("{system: sphinx, batch: 8}", "`batch` belongs to netslice"),
        (
            "{system: sphinx, placement: nearest}",
            "`placement` belongs to netslice",
        ),
        (
            "{system: sphinx, filters: true}",
            "`filters` belongs to raw_parallel",
        ),
    ]);
    for (entry, expected) in [
        (
            "{system: kernel_forward, batch: 8}",
            "`batch` belongs to netslice",
        ),
        (
            "{system: raw_parallel, placement: same_cpu}",
            "`placement` belongs to netslice",
        ),
        (
            "{system: raw_socket, filters: false}",
            "`filters` belongs to raw_parallel",
        ),
        (
            "{system: netslice, qdisc_bypass: true}",
            "`qdisc_bypass` belongs to packet sockets",
        ),
        (
            "{system: xdp_forward, routing: kernel}",
            "`routing` belongs to netslice",
        ),
        (
            "{system: netslice, label: b, routing: rumour}",
            "expected `mirror` or `kernel`",
        ),
        ("{system: netslice, label: b, batch: 0}", "lower than 1"),
        (
            "{system: netslice, label: b, batch: 257}",
            "greater than 256",
        ),
        (
            "{system: netslice, label: b, placement: nowhere}",
            "expected one of `nearest`, `os_default`",
        ),
        (
            "{system: netslice, label: b, owners: 1}",
            "a slice for each queue",
        ),
        (
            "{system: kernel_forward, owners: 2}",
            "has 0 owners, always",
        ),
        ("{system: pcap, owners: 2}", "has 1 owners, always"),
        (
            "{system: pcap, io: af_xdp}",
            "pcap cannot run on `af_xdp`: its way of receiving and sending is what it is; allowed: packet_socket",
        ),
        ("{system: pcap, label: floor}", "belongs to the instrument"),
    ] {
        expect(&[("- kernel_forward", &format!("- {entry}"), "6:", expected)]);
    }
}

#[test]
fn options_of_requests_are_none_of_a_packet_systems() {
    for option in [
        "wakeup: spin",
        "engine: log",
        "memory: 1 MiB",
        "service: {fixed: 1 us}",
        "servers: 1",
        "clusters: 2",
        "large_owners: 1",
        "rebalance: 10 ms",
        "flow_hash: mix",
        "encryption: token",
        "steer_by: function",
        "behind: sphinx",
        "cache_entries: 5",
        "at: switch",
        "multi_key: split",
        "xdp: {hash_reuse: true}",
        "steering: xdp",
        "hot_keys: 2",
    ] {
        let entry = format!("- {{system: raw_socket, {option}}}");
        let (name, _) = option.split_once(':').expect("a setting");
        let expected = format!("`{name}` is about requests: leave it out");
        expect(&[("- kernel_forward", &entry, "6:", &expected)]);
    }
}

#[test]
fn each_system_has_its_processors() {
    for (processor, topology, system, expected) in [
        (
            "inspect",
            "chain",
            "kernel_forward",
            "kernel_forward does router alone",
        ),
        (
            "inspect",
            "chain",
            "xdp_forward",
            "or use netslice, raw_socket",
        ),
        (
            "router",
            "chain",
            "kernel_ipsec",
            "kernel_ipsec does ipsec alone",
        ),
        (
            "ipsec",
            "pair",
            "kernel_forward",
            "or use netslice, kernel_ipsec, raw_socket",
        ),
        (
            "maelstrom",
            "pair",
            "kernel_ipsec",
            "`maelstrom` is asked for",
        ),
    ] {
        let message = refused(&[
            ("router", processor),
            ("chain", topology),
            ("- kernel_forward", &format!("- {system}")),
        ]);
        assert!(message.contains("frames.yaml:6:5"), "{message}");
        assert!(message.contains(expected), "{processor}: {message}");
    }
    let user_space = [
        "raw_socket",
        "raw_parallel",
        "pcap",
        "pcap_mmap",
        "packet_mmap_v3",
        "dispatch_threads",
    ];
    let good = |processor: &str, topology: &str, system: &str| {
        let text = FRAMES.replace("router", processor);
        let text = text.replace("chain", topology);
        let text = text.replace("kernel_forward", system);
        assert_eq!(Spec::parse(&text, "frames.yaml").err(), None, "{text}");
    };
    for system in user_space {
        for (processor, topology) in [("router", "chain"), ("inspect", "chain"), ("ipsec", "pair")]
        {
            good(processor, topology, system);
        }
    }
    for system in [
        "raw_socket",
        "{system: raw_parallel, owners: 1}",
        "{system: packet_mmap_v3, owners: 1}",
    ] {
        good("maelstrom", "pair", system);
    }
}

#[test]
fn only_a_router_is_told_by_the_kernel() {
    let told = "- {system: netslice, label: told, routing: kernel}";
    let expected = "`routing: kernel` belongs to `processor: router`";
    for processor in ["inspect", "ipsec", "maelstrom"] {
        // Where the topology is wrong too, that is told beside.
        let message = refused(&[("router", processor), ("- kernel_forward", told)]);
        assert!(message.contains("frames.yaml:6:"), "{message}");
        assert!(message.contains(expected), "{processor}: {message}");
    }
}

#[test]
fn a_proxys_stream_stays_whole() {
    for (system, expected) in [
        ("pcap", "pcap does router, inspect, ipsec alone"),
        ("pcap_mmap", "or use netslice, raw_socket"),
        ("dispatch_threads", "`maelstrom` is asked for"),
        ("raw_parallel", "use `owners: 1`"),
        (
            "{system: packet_mmap_v3, owners: 2}",
            "the sockets of packet_mmap_v3 divide frames among themselves",
        ),
    ] {
        let message = refused(&[
            ("router", "maelstrom"),
            ("chain", "pair"),
            ("- kernel_forward", &format!("- {system}")),
        ]);
        assert!(message.contains("frames.yaml:6:"), "{message}");
        assert!(message.contains(expected), "{system}: {message}");
    }
}

#[test]
fn a_processor_needs_its_topology() {
    expect(&[
        ("kind: chain", "kind: pair", "2:18", "use kind: chain"),
        ("kind: chain", "kind: veth", "2:18", "use kind: chain"),
        (
            "processor: router",
            "processor: ipsec",
            "2:18",
            "use kind: pair",
        ),
        (
            "processor: router",
            "processor: {maelstrom: {r: 4}}",
            "2:18",
            "use kind: pair",
        ),
        ("queues: 2", "client: udp", "2:", "leave `client` out"),
        ("queues: 2", "mtu: 3000", "2:", "at most 1522 B"),
        ("queues: 2", "server_cpus: [0]", "2:", "leave it out"),
        ("queues: 2", "client_cpus: [0]", "2:", "leave it out"),
    ]);
}

#[test]
fn a_processor_has_options_of_its_own() {
    let expected = "stand alone, without options";
    expect(&[
        ("router,", "{router: {}},", "3:", expected),
        (
            "router,",
            "{ipsec: {}, maelstrom: {}},",
            "3:",
            "exactly one processor",
        ),
        (
            "router,",
            "nat,",
            "3:",
            "expected one of `router`, `inspect`",
        ),
        ("router,", "5,", "3:", "a processor such as `router`"),
        ("router,", "{ipsec: {key: 5}},", "3:", "unknown field `key`"),
        (
            "router,",
            "{ipsec: {integrity: crc}},",
            "3:",
            "expected `none` or `hmac_sha256`",
        ),
        ("router,", "{maelstrom: {r: 1}},", "3:38", "lower than 2"),
        ("router,", "{maelstrom: {c: 4}},", "3:38", "greater than 3"),
        (
            "router,",
            "{maelstrom: {loss: 100 %}},",
            "3:41",
            "below 100 %",
        ),
        (
            "router,",
            "{maelstrom: {burst: 0}},",
            "3:42",
            "lower than 1",
        ),
        (
            "router,",
            "{maelstrom: {burst: 4}},",
            "3:",
            "set `loss`, or leave `burst` out",
        ),
    ]);
}

#[test]
fn frames_fit_the_links() {
    expect(&[
        (
            "router,",
            "router, frame_size: 59 B,",
            "3:42",
            "it has 60 B to 1514 B at MTU 1500",
        ),
        (
            "router,",
            "router, frame_size: 1515 B,",
            "3:42",
            "a frame of 1515 B",
        ),
        ("router,", "router, flows: 0,", "3:37", "lower than 1"),
        ("router,", "router, burst: 257,", "3:37", "greater than 256"),
        (
            "load:",
            "sweep: {frame_size: [60 B, 2 KiB]}\nload:",
            "7:28",
            "sweep.frame_size[1]: a frame of 2 KiB",
        ),
    ]);
    let large = FRAMES.replace("queues: 2", "mtu: 1522");
    let large = large.replace("router,", "router, frame_size: 1536 B,");
    assert_eq!(Spec::parse(&large, "frames.yaml").err(), None);
}

#[test]
fn what_is_timed_or_comes_in_bursts_is_due_at_a_time() {
    let fixed = "router, arrivals: fixed";
    expect(&[
        (
            fixed,
            "router",
            "7:1",
            "leave `load` out, or use `arrivals: fixed`",
        ),
        (
            fixed,
            "router, burst: 10",
            "3:37",
            "no pauses between bursts",
        ),
        (fixed, "router, round_trip: true", "3:42", "times no frames"),
        (
            "rates: [20 kframes/s]",
            "closed: [1]",
            "7:",
            "use `load.rates` alone",
        ),
        (
            "rates: [20 kframes/s]",
            "drain: [1 k]",
            "7:",
            "use `load.rates` alone",
        ),
        (
            "rates: [20 kframes/s]",
            "rates: [20 kframes/s], pattern: {sine: {period: 100 ms, amplitude: 0.5}}",
            "7:",
            "use `load.rates` alone",
        ),
    ]);
    for processor in ["ipsec", "maelstrom"] {
        let message = refused(&[
            ("chain", "pair"),
            ("router", &format!("{processor}, round_trip: true")),
            ("- kernel_forward\n", "- pcap\n"),
        ]);
        assert!(message.contains("work in one direction"), "{message}");
    }
    let saturating = FRAMES.replace(", arrivals: fixed", "");
    let saturating = saturating.replace("load: {rates: [20 kframes/s]}\n", "");
    assert_eq!(Spec::parse(&saturating, "frames.yaml").err(), None);
    let without_load = refused(&[("load: {rates: [20 kframes/s]}\n", "")]);
    assert!(
        without_load.contains("`systems` need the section `load`"),
        "{without_load}"
    );
}

#[test]
fn sections_about_requests_are_refused() {
    for (section, name) in [
        ("disturb: {lose_frames: 5}", "disturb"),
        ("repartition: {after: 10 ms, slots: 5}", "repartition"),
        ("floor: true", "floor"),
        ("trace: true", "trace"),
        ("bpf_stats: true", "bpf_stats"),
    ] {
        let expected = format!("`{name}` is about requests");
        expect(&[("load:", &format!("{section}\nload:"), "7:", &expected)]);
    }
}

#[test]
fn what_is_swept_makes_a_difference() {
    for list in [
        "theta: [0]",
        "get_ratio: [0.5]",
        "keys: [1 k]",
        "key_size: [16 B]",
        "value_size: [16 B]",
        "large_share: [1 %]",
        "multi_get: [1]",
        "steering_cost: [10 ns]",
        "cache_entries: [8]",
    ] {
        let sweep = format!("sweep: {{{list}}}\nload:");
        expect(&[(
            "load:",
            &sweep,
            "7:",
            "varies requests, and `traffic` has frames",
        )]);
    }
    for (list, expected) in [
        ("batch: [1, 64]", "kernel_forward has no batch to choose"),
        (
            "placement: [nearest]",
            "kernel_forward has no placement to choose",
        ),
        (
            "owners: [1, 2]",
            "netslice has no number of threads to choose",
        ),
        ("batch: [0]", "lower than 1"),
        ("batch: [4, 4]", "listed twice"),
        ("placement: []", "length is lower than 1"),
    ] {
        let sweep = format!("sweep: {{{list}}}\nload:");
        expect(&[("load:", &sweep, "7:", expected)]);
    }
}
