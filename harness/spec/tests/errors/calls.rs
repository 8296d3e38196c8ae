//! Requests that are encrypted, and workloads that call functions.

use spec::Spec;

use crate::{GOOD, expect_refused};

/// The good spec with calls and another system; what is wrong with it, if anything is.
fn fault(system: &str, further: &str) -> Option<String> {
    let text = GOOD.replace("- sphinx", &format!("- {system}"));
    let text = text.replace(
        "  get_ratio",
        &format!("  protocol: rpc\n{further}  get_ratio"),
    );
    Spec::parse(&text, "x").err().map(|error| error.to_string())
}

#[test]
fn calls_are_steered_by_what_they_have() {
    for steer_by in ["function", "{argument: 0}", "{argument: 1}", "range"] {
        for system in ["xdp_steered", "sphinx", "seastar"] {
            let entry = format!("{{system: {system}, label: calls, steer_by: {steer_by}}}");
            assert_eq!(fault(&entry, "  calls: compute\n"), None, "{entry}");
        }
    }
    assert_eq!(fault("rss_shared", ""), None);
}

#[test]
fn what_calls_rule_out_is_refused() {
    let cases = [
        ("memcached", "", "serves no calls"),
        (
            "kv_direct",
            "",
            "allowed: rss_shared, sphinx, seastar, xdp_steered",
        ),
        ("mica_erew", "", "serves no calls"),
        (
            "{system: rss_shared, steer_by: function}",
            "",
            "steers by nothing in a request",
        ),
        (
            "{system: sphinx, steer_by: {argument: 2}}",
            "",
            "not all functions have an argument 2",
        ),
        ("{system: sphinx, encryption: token}", "", "calls are not"),
        ("{system: sphinx, rebalance: 10 ms}", "", "do not move"),
        ("sphinx", "  multi_get: 4\n", "a call names one key"),
    ];
    for (system, further, expected) in cases {
        let message = fault(system, further).unwrap_or_default();
        assert!(message.contains(expected), "{system} {further}: {message}");
    }
    let text = GOOD.replace("  get_ratio", "  calls: store\n  get_ratio");
    let message = Spec::parse(&text, "x").expect_err("no calls").to_string();
    assert!(message.contains("belongs to `workload.protocol: rpc`"));
}

#[test]
fn responses_are_kept_of_calls_that_change_nothing() {
    let cached = |system: &str, more: &str| {
        format!(
            "{{system: {system}, label: kept{more}, response_cache: {{entries: 10, ttl: 1 s}}}}"
        )
    };
    for system in ["xdp_steered", "sphinx", "seastar", "rss_shared"] {
        for calls in ["store", "compute"] {
            let calls = format!("  calls: {calls}\n");
            assert_eq!(fault(&cached(system, ", io: af_xdp"), &calls), None);
        }
    }
    let cases = [
        (
            cached("sphinx", ""),
            "",
            "sphinx on udp has none that takes it",
        ),
        (cached("minos", ", io: af_xdp"), "", "serves no calls"),
        (
            cached("xdp_steered", ", xdp: {multi_buffer: true}"),
            "",
            "leave `xdp.multi_buffer` out",
        ),
        (
            cached("xdp_steered", ", xdp: {mode: offload}"),
            "",
            "leave `xdp.mode` out",
        ),
        (
            cached("xdp_steered", ""),
            "  calls: count\n",
            "`add` changes its number",
        ),
        (
            cached("xdp_steered", ""),
            "  calls: scan\n",
            "does not name",
        ),
        (
            "{system: xdp_steered, label: kept, response_cache: {entries: 0}}".to_owned(),
            "",
            "response_cache.entries",
        ),
        (
            "{system: xdp_steered, label: kept, response_cache: {ttl: 0 s}}".to_owned(),
            "",
            "must last longer than 0",
        ),
    ];
    for (system, calls, expected) in cases {
        let message = fault(&system, calls).unwrap_or_default();
        assert!(message.contains(expected), "{system} {calls}: {message}");
    }
    expect_refused(&[(
        "{system: xdp_steered, label: kept, response_cache: {}}",
        "use netcache for memcached's items",
    )]);
    let text = |from: &str, to: &str| {
        let text = GOOD.replace("- sphinx", &format!("- {}", cached("xdp_steered", "")));
        let text = text.replace("  get_ratio", "  protocol: rpc\n  get_ratio");
        let changed = text.replace(from, to);
        assert_ne!(changed, text, "{from}");
        let error = Spec::parse(&changed, "x").expect_err("wrong");
        error.to_string()
    };
    let message = text("value_size: 64 B", "value_size: 300 B");
    assert!(
        message.contains("results of up to 223 B are kept"),
        "{message}"
    );
    let message = text("\nload:\n", "\nload:\n  drain: [1 k]\n");
    assert!(message.contains("held back for a drain"), "{message}");
    let message = text("\nload:\n", "\ndisturb: {lose_frames: 3}\nload:\n");
    assert!(
        message.contains("`disturb.lose_frames` sits where"),
        "{message}"
    );
}

#[test]
fn wires_belong_to_systems_that_serve_them() {
    expect_refused(&[
        (
            "{system: kv_direct, encryption: token}",
            "hold the keys; allowed: rss_shared, sphinx, seastar, xdp_steered",
        ),
        (
            "{system: netcache, encryption: token}",
            "reads keys and values",
        ),
        (
            "{system: memcached, encryption: token}",
            "understands no sealed datagrams",
        ),
        (
            "{system: mica_crew, encryption: token}",
            "choose the port themselves",
        ),
        ("{system: sphinx, encryption: tls}", "`token`"),
        (
            "{system: sphinx, steer_by: function}",
            "`steer_by` belongs to `workload.protocol: rpc`",
        ),
    ]);
}
