//! Rules of a capacity search over frames, which asks at which rates none, or few, are lost: the throughput of RFC 1242
//! (section 3.17) and how RFC 2544 (section 26.1) finds it.

use super::Finding;
use crate::spec::Spec;
use crate::traffic::TrafficSpec;

/// What a search over frames lacks, or may not ask for.
pub(super) fn search(spec: &Spec, traffic: &TrafficSpec, findings: &mut Vec<Finding>) {
    let Some(capacity) = spec.load.as_ref().and_then(|load| load.capacity) else {
        return;
    };
    let mut find = |path: &str, message: &str| findings.push((path.to_owned(), message.to_owned()));
    let level = capacity.service_level;
    let latencies = [
        ("p50", level.p50.is_some()),
        ("p90", level.p90.is_some()),
        ("p99", level.p99.is_some()),
        ("p99_9", level.p99_9.is_some()),
    ];
    for (limit, _) in latencies.into_iter().filter(|(_, given)| *given) {
        let message = "frames that go one way are counted and not timed: a service level of frames is `loss` alone, such \
                       as `loss: 0 %`";
        find(&format!("load.capacity.service_level.{limit}"), message);
    }
    if traffic.round_trip == Some(true) {
        let message = "a search asks how many frames of those that were sent arrive, and these come back: leave `round_trip` \
                       out, or use `load.rates`";
        find("traffic.round_trip", message);
    }
    if spec
        .disturb
        .is_some_and(|disturb| disturb.kill_slice.is_some())
    {
        let message = "a slice that is killed loses frames at every rate: leave `kill_slice` out, or use `load.rates`";
        find("disturb.kill_slice", message);
    }
}
