//! Overrides on the command line (`--set`).

use spec::Spec;

use crate::GOOD;

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
