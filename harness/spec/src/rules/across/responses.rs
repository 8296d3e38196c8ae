//! Rules of caches of responses: what they can stand before, and what they can keep.

use super::{Finding, bounds, rpc};
use crate::load::LoadPoint;
use crate::spec::Spec;
use crate::system::{Cache, Io, ResponseCache, SystemSpec, XdpMode};
use crate::units::Bytes;
use crate::workload::{Calls, WorkloadSpec};

/// A cache of responses stands before an XDP program, and keeps responses to calls that change nothing.
pub(super) fn responses(
    spec: &Spec,
    system: &SystemSpec,
    index: usize,
    findings: &mut Vec<Finding>,
) {
    if system.response_cache.is_none() {
        return;
    }
    let message = before(system)
        .or_else(|| spec.workload.as_ref().and_then(|it| kept(spec, it)))
        .or_else(|| in_the_way(spec));
    if let Some(message) = message {
        findings.push((format!("systems[{index}].response_cache"), message));
    }
}

/// Why it cannot stand before this system.
fn before(system: &SystemSpec) -> Option<String> {
    let name = system.system;
    let xdp = system.xdp.unwrap_or_default();
    if !Cache::BEHIND.contains(&name) || system.io() != Io::AfXdp {
        let allowed = Cache::BEHIND.map(|kind| kind.name()).join(", ");
        return Some(format!(
            "a cache hands what it does not hold to an XDP program, and {name} on {} has none that takes it; \
             allowed: {allowed}, with `io: af_xdp`",
            system.io().name()
        ));
    }
    if xdp.multi_buffer {
        return Some(
            "its program reads frames of one chunk, and the kernel lets it hand on to no program of others: leave \
             `xdp.multi_buffer` out"
                .to_owned(),
        );
    }
    (xdp.mode == XdpMode::Offload).then(|| {
        "its program runs in the driver, and hands on to no program on the NIC: leave `xdp.mode` out".to_owned()
    })
}

/// Why it would keep nothing of this workload.
fn kept(spec: &Spec, workload: &WorkloadSpec) -> Option<String> {
    if !rpc::calls_functions(workload) {
        return Some(
            "responses to calls are kept: set `workload.protocol: rpc`, or use netcache for memcached's items"
                .to_owned(),
        );
    }
    match workload.calls.unwrap_or(Calls::Store) {
        Calls::Store | Calls::Compute => {}
        Calls::Count => {
            return Some(
                "`add` changes its number, so that no response of `calls: count` can be kept; allowed: store, \
                 compute"
                    .to_owned(),
            );
        }
        Calls::Scan => {
            return Some(
                "a scan depends on keys that it does not name, so that nothing tells when its response is no \
                 longer true; allowed: store, compute"
                    .to_owned(),
            );
        }
    }
    let swept = spec.sweep.clone().unwrap_or_default();
    let (shortest, _) = bounds(&workload.value_size, swept.value_size.as_deref());
    let most = Bytes(ResponseCache::LONGEST_RESULT);
    (shortest > most).then(|| {
        format!(
            "results of up to {most} are kept, for a reply grows into the headroom of its call's frame; shorten \
             the values"
        )
    })
}

/// What of the trial is where the cache is, or asks for what it does not have.
fn in_the_way(spec: &Spec) -> Option<String> {
    if (spec.disturb).is_some_and(|disturb| disturb.lose_frames.is_some()) {
        return Some(
            "`disturb.lose_frames` sits where the cache is: leave one of them out".to_owned(),
        );
    }
    let mut points = spec.load.iter().flat_map(|load| load.points());
    points
        .any(|point| matches!(point, LoadPoint::Drain(_)))
        .then(|| {
            "it answers inside NAPI, where nothing can be held back for a drain: leave it out"
                .to_owned()
        })
}
