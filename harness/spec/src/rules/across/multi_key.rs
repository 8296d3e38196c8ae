//! Rules of `multi_key`.

use super::Finding;
use crate::load::LoadPoint;
use crate::spec::Spec;
use crate::system::{MultiKey, SystemSpec};

/// A way of serving gets of several keys is one that the system has, where there are such gets.
pub(super) fn multi_key(
    spec: &Spec,
    system: &SystemSpec,
    index: usize,
    findings: &mut Vec<Finding>,
) {
    let Some(way) = system.multi_key else { return };
    let (name, asked) = (system.system, way.name());
    let mut find = |message: String| {
        findings.push((format!("systems[{index}].multi_key"), message));
    };
    let ways = name.multi_key_ways();
    if ways.is_empty() {
        find(format!(
            "no key of {name} has one owner among its threads, so that a get of several keys is served \
             where it arrives: leave `multi_key` out"
        ));
        return;
    }
    if !ways.contains(&way) {
        let allowed: Vec<_> = ways.iter().map(|way| way.name()).collect();
        let allowed = allowed.join(", ");
        find(match way {
            MultiKey::Balanced => format!(
                "the program of xdp_steered gives scans to all owners in turn, and {name} has another, or \
                 none; allowed: {allowed}"
            ),
            MultiKey::Handoff | MultiKey::Split | MultiKey::ClientSplit | MultiKey::Duplicate => {
                format!(
                    "requests to {name} are not steered by their first key, so that none reaches the owner \
                     that `{asked}` means it for; allowed: {allowed}"
                )
            }
        });
    }
    let swept = spec
        .sweep
        .as_ref()
        .and_then(|sweep| sweep.multi_get.iter().flatten().max());
    let written = spec
        .workload
        .as_ref()
        .and_then(|workload| workload.multi_get);
    if way != MultiKey::Handoff && swept.copied().or(written).unwrap_or(1) < 2 {
        find("no get asks for several keys: set `workload.multi_get`, or sweep it".to_owned());
    }
    if way.client_gathers() {
        gathered(spec, system, asked, &mut find);
    }
}

/// What a client cannot do that sends a get as several requests.
fn gathered(spec: &Spec, system: &SystemSpec, asked: &str, find: &mut impl FnMut(String)) {
    if spec.repartition.is_some() || system.rebalance.is_some() {
        find(format!(
            "`{asked}` has clients that know the partitions, and nobody tells them of slots that move: \
             use handoff or split"
        ));
    }
    let points = || spec.load.iter().flat_map(|load| load.points());
    let one_each = |point: &LoadPoint| match point {
        LoadPoint::Open(_) | LoadPoint::Closed(_) => false,
        LoadPoint::Drain(_) | LoadPoint::Saturate => true,
    };
    if spec.saturates() || points().any(|point| one_each(&point)) {
        find(format!(
            "a get of `{asked}` is several datagrams, and drains and saturation count one each: use \
             `load.rates` or `load.closed`"
        ));
    }
    if spec.traces() {
        find(format!(
            "a get of `{asked}` has no one send and no one reply to trace: leave `trace` out"
        ));
    }
}
