//! What the author of a claim is told: place, what is wrong, what is allowed.

use crate::support::text;
use claims::Claim;

/// The message of a claim that is wrong.
fn message(subject: &str, rest: &str) -> String {
    Claim::parse(&text(subject, rest), "made.yaml")
        .expect_err("this claim is wrong")
        .to_string()
}

fn test(test: &str) -> String {
    message("steering", &format!("test:\n  {test}"))
}

#[track_caller]
fn says(message: &str, parts: &[&str]) {
    for part in parts {
        assert!(message.contains(part), "{part:?} is missing in {message}");
    }
}

#[test]
fn steering_is_not_confounded_with_bypass() {
    says(
        &test(
            "ordering: {metric: p99_ns, ascending: [{server: {system: xdp_steered}}, \
             {server: {system: sphinx, io: udp}}]}",
        ),
        &[
            "made.yaml:9:",
            "compares xdp_steered over af_xdp with sphinx over udp",
            "confounded with kernel bypass; compare within one io",
        ],
    );
    says(
        &message(
            "bypass",
            "test: {ordering: {metric: p50_ns, ascending: [{server: {system: sphinx, io: af_xdp}}, \
             {server: {system: rss_shared, io: udp}}]}}",
        ),
        &["compares one system over udp and over af_xdp"],
    );
}

/// A load that no trial of the cells could have would only ever be inconclusive.
#[test]
fn a_load_counts_what_its_cells_do() {
    let bound = |subject: &str, system: &str, rate: &str| {
        let cell = format!("{{server: {{system: {system}}}}}");
        let rest = format!(
            "test: {{bound: {{metric: p50_ns, of: {cell}, limits: {{at_most: 1}}, at: {{load: {{open: {rate}}}}}}}}}"
        );
        Claim::parse(&text(subject, &rest), "made.yaml").map_err(|error| error.to_string())
    };
    let frames = bound("forwarding", "netslice", "10 kreq/s").expect_err("frames");
    says(
        &frames,
        &[
            "test.bound.at",
            "`10 kreq/s` counts requests",
            "write `10 kframes/s`",
        ],
    );
    let requests = bound("steering", "xdp_steered", "10 kframes/s").expect_err("requests");
    says(&requests, &["counts frames", "write `10 kreq/s`"]);
    assert!(bound("forwarding", "netslice", "10 kframes/s").is_ok());
}

#[test]
fn cells_are_possible_systems() {
    let bound = |cell: &str| {
        test(&format!(
            "bound: {{metric: p50_ns, of: {cell}, limits: {{at_most: 1}}}}"
        ))
    };
    says(
        &bound("{server: {system: sphinx}}"),
        &[
            "test.bound.of",
            "sphinx runs over udp and af_xdp: a claim says which `io`",
        ],
    );
    says(
        &bound("{server: {system: xdp_steered, io: udp}}"),
        &[
            "does not run over udp, only over af_xdp",
            "no kernel socket",
        ],
    );
    says(
        &bound("{server: {system: memcached, wakeup: spin}}"),
        &["memcached has no wakeup `spin`"],
    );
    says(
        &bound("{server: {system: spinx}}"),
        &["unknown variant `spinx`", "`sphinx`"],
    );
    says(
        &bound("{serve: {system: sphinx}}"),
        &["unknown variant `serve`", "`notification`"],
    );
    says(
        &bound("{notification: {mechanism: eventfd, mode: idle, pair: same_node}}"),
        &["about servers"],
    );
    says(
        &bound("{server: {system: xdp_steered, with: {thete: 1}}}"),
        &["unknown field `thete`", "made.yaml:9:"],
    );
}

#[test]
fn limits_and_brackets_mean_something() {
    let xdp = "{server: {system: xdp_steered}}";
    says(
        &test(&format!(
            "bound: {{metric: p50_ns, of: {xdp}, limits: {{}}}}"
        )),
        &["give `at_least`, `at_most` or both"],
    );
    says(
        &test(&format!(
            "bound: {{metric: p50_ns, of: {xdp}, limits: {{at_least: 3, at_most: 2}}}}"
        )),
        &["test.bound.limits", "nothing could agree"],
    );
    let equality = |rest: &str| {
        test(&format!(
            "bracketed_equality: {{metric: p50_ns, of: {xdp}, {rest}}}"
        ))
    };
    says(&equality("within: 0.1"), &["give either `value` or `to`"]);
    says(
        &equality("value: 3, within: 10"),
        &["a share between 0 and 1"],
    );
    says(&equality("value: 0, within: 0.1"), &["must be above 0"]);
    says(
        &test(&format!(
            "knee: {{metric: p50_ns, of: {xdp}, factor: 1, limits: {{at_least: 1}}}}"
        )),
        &["growth is a factor above 1"],
    );
    says(
        &test(&format!("ordering: {{metric: p50_ns, ascending: [{xdp}]}}")),
        &["test.ordering.ascending"],
    );
    says(
        &message(
            "notification",
            "test: {bound: {metric: misroutes_per_request, of: {notification: {mechanism: eventfd, \
             mode: idle, pair: same_node}}, limits: {at_most: 0}}}",
        ),
        &["the probe measures times"],
    );
}

#[test]
fn a_claim_without_a_test_says_what_is_missing() {
    says(
        &message("steering", "needs: [{system: sphinx}]"),
        &["a claim needs a `test`"],
    );
    says(
        &message("steering", "needs: [{fidelity: nik}]"),
        &["`nik` is no fidelity", "nic"],
    );
    assert!(Claim::parse(&text("steering", "needs: [{system: arrakis}]"), "made.yaml").is_ok());
}

#[test]
fn the_words_around_it_are_checked_too() {
    let with = |from: &str, to: &str| {
        let good = text("steering", "needs: [{facility: a NIC}]");
        assert_eq!(good.matches(from).count(), 1, "{from:?} must occur once");
        let error = Claim::parse(&good.replace(from, to), "made.yaml").expect_err("wrong");
        error.to_string()
    };
    says(
        &with("id: made", "id: Made"),
        &["made.yaml:1:5", "cannot be a claim's id"],
    );
    says(&with("encp19", "encp20"), &["unknown variant `encp20`"]);
    says(
        &with("enberg2019/notification.yaml", "../x.yaml"),
        &["no spec below experiments/"],
    );
    says(
        &with("It is so.", &"so ".repeat(60)),
        &["one line of at most 160"],
    );
    says(
        &with("paper: encp19\n", "paper: encp19\npaper: encp19\n"),
        &["duplicate"],
    );
}
