//! Who may take a get of several keys apart.

use spec::{LoadPoint, MultiKey, Spec};

use super::expect_refused;

#[test]
fn a_way_belongs_to_its_systems_and_to_gets_of_several_keys() {
    expect_refused(&[
        (
            "{system: rss_shared, multi_key: split}",
            "has one owner among its threads",
        ),
        (
            "{system: sphinx, multi_key: duplicate}",
            "allowed: handoff, split",
        ),
        (
            "{system: sphinx, multi_key: split}",
            "no get asks for several keys",
        ),
        (
            "{system: mica_erew, multi_key: client_split, rebalance: 10 ms}",
            "nobody tells them of slots that move",
        ),
        ("{system: sphinx, multi_key: scatter}", "`client_split`"),
    ]);
}

fn spec(system: &str, load: &str, rest: &str) -> String {
    format!(
        "
name: wide
topology: {{kind: veth}}
systems: [{system}]
workload: {{keys: 1 k, key_size: 16 B, value_size: 64 B, popularity: uniform, get_ratio: 1.0, multi_get: 8}}
load: {{{load}}}
phases: {{warmup: 0 s, measure: 100 ms, timeout: 50 ms}}
{rest}
"
    )
}

#[test]
fn what_a_client_gathers_is_neither_drained_nor_traced() {
    let system = "{system: xdp_steered, multi_key: duplicate}";
    let rates = "rates: [1 kreq/s]";
    let repartition = "repartition: {after: 10 ms, slots: 5}";
    for (load, rest, message) in [
        ("drain: [1 k]", "", "several datagrams, and drains"),
        (rates, "trace: true", "no one send and no one reply"),
        (rates, repartition, "nobody tells them of slots that move"),
    ] {
        let error = Spec::parse(&spec(system, load, rest), "wide.yaml").expect_err(message);
        assert!(error.to_string().contains(message), "{error}");
    }
}

/// The default leaves a trial's name as it was before there was a choice.
#[test]
fn the_default_is_not_written_down() {
    let trial = |system: &str| {
        let text = spec(system, "closed: [1]", "");
        let spec = Spec::parse(&text, "wide.yaml").expect("good");
        spec::expand(&spec).remove(0)
    };
    let usual = trial("xdp_steered");
    assert_eq!(usual.load, LoadPoint::Closed(1));
    assert_eq!(usual.system.multi_key, None);
    let written = trial("{system: xdp_steered, multi_key: handoff}");
    assert_eq!(written.id(), usual.id());
    let split = trial("{system: xdp_steered, multi_key: split}");
    assert_eq!(split.system.multi_key, Some(MultiKey::Split));
    assert_ne!(split.id(), usual.id());
}
