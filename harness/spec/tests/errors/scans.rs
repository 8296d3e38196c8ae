//! Scans: who may take one apart, and how wide it may be.

use spec::Spec;

/// What is wrong with scans of this width by this system, if anything is.
fn fault(system: &str, width: &str, rest: &str) -> Option<String> {
    let text = format!(
        "
name: ranges
topology: {{kind: veth}}
systems: [{system}]
workload: {{protocol: rpc, calls: scan, keys: 1 k, key_size: 16 B, value_size: 16 B, popularity: uniform, get_ratio: 0.9{width}}}
load: {{rates: [1 kreq/s]}}
phases: {{warmup: 0 s, measure: 100 ms, timeout: 50 ms}}
{rest}
"
    );
    Spec::parse(&text, "ranges.yaml")
        .err()
        .map(|error| error.to_string())
}

#[test]
fn ways_of_scans() {
    for system in [
        "xdp_steered",
        "{system: xdp_steered, multi_key: split, steer_by: range}",
        "{system: xdp_steered, multi_key: balanced}",
        "{system: xdp_steered, multi_key: balanced, steer_by: {argument: 1}}",
        "{system: xdp_steered, multi_key: duplicate}",
        "{system: sphinx, multi_key: split, steer_by: range}",
        "rss_shared",
    ] {
        assert_eq!(fault(system, ", multi_get: 16", ""), None, "{system}");
    }
    assert_eq!(
        fault("xdp_steered", "", "sweep: {multi_get: [1, 4, 77]}"),
        None
    );
}

#[test]
fn what_no_scan_can_be_is_refused() {
    let (usual, wide) = ("xdp_steered", ", multi_get: 16");
    let duplicate = "{system: xdp_steered, multi_key: duplicate, steer_by: range}";
    let balanced = "{system: xdp_steered, multi_key: balanced, steer_by: {argument: 0}}";
    for (system, width, rest, message) in [
        (usual, ", multi_get: 78", "", "at most 77 fit"),
        (usual, "", "sweep: {multi_get: [1, 78]}", "at most 77 fit"),
        (
            usual,
            wide,
            "sweep: {keys: [10, 1 k]}",
            "16 keys in a row, and there are 10",
        ),
        (
            usual,
            wide,
            "sweep: {value_size: [8 B, 1 KiB]}",
            "at most 1 fit",
        ),
        (
            "{system: sphinx, multi_key: balanced}",
            wide,
            "",
            "allowed: handoff, split",
        ),
        (
            "{system: xdp_steered, multi_key: client_split}",
            wide,
            "",
            "use duplicate",
        ),
        (
            "{system: xdp_steered, multi_key: balanced}",
            "",
            "",
            "no get asks for several keys",
        ),
        (
            duplicate,
            wide,
            "",
            "a key of the owner that it is meant for",
        ),
        (balanced, wide, "", "steers other calls by their key"),
    ] {
        let found = fault(system, width, rest).unwrap_or_default();
        assert!(found.contains(message), "{system} {width} {rest}: {found}");
    }
}

#[test]
fn only_scans_are_balanced() {
    let text = crate::GOOD.replace(
        "- sphinx",
        "- {system: xdp_steered, label: b, multi_key: balanced}",
    );
    let text = text.replace("  get_ratio", "  multi_get: 4\n  get_ratio");
    let error = Spec::parse(&text, "x").expect_err("no scans").to_string();
    assert!(error.contains("scans are balanced"), "{error}");
}
