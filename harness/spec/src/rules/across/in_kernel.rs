//! Rules of systems in which an XDP program answers: what it holds, and what stands behind it.

use super::{Finding, bounds};
use crate::spec::Spec;
use crate::system::{Cache, SystemSpec};
use crate::topology::ClientIo;
use crate::units::Bytes;
use crate::workload::WireProtocol;

/// Keys, values and requests must be within the system's limits.
pub(super) fn limits(spec: &Spec, system: &SystemSpec, index: usize, findings: &mut Vec<Finding>) {
    let (Some(limits), Some(workload)) = (system.system.limits(), &spec.workload) else {
        return;
    };
    let name = system.system;
    let mut find = |path: &str, message: String| findings.push((path.to_owned(), message));
    let swept = spec.sweep.clone().unwrap_or_default();
    let (_, key) = bounds(&workload.key_size, swept.key_size.as_deref());
    if key > limits.key {
        find(
            "workload.key_size",
            format!(
                "{name} holds keys of up to {}; shorten them, or leave {name} out",
                limits.key
            ),
        );
    }
    let (_, value) = bounds(&workload.value_size, swept.value_size.as_deref());
    if value > limits.value {
        let (most, reason) = (limits.value, limits.reason);
        find(
            "workload.value_size",
            format!(
                "{name} holds values of up to {most}: {reason}; shorten them, or leave {name} out"
            ),
        );
    }
    if workload
        .protocol
        .is_some_and(|it| it != WireProtocol::Ascii)
    {
        find(
            "workload.protocol",
            format!("{name} understands ascii only"),
        );
    }
    let keys_per_get = swept.multi_get.into_iter().flatten();
    if keys_per_get.chain(workload.multi_get).any(|keys| keys > 1) {
        find(
            "workload.multi_get",
            format!("{name} answers gets of one key; allowed: 1"),
        );
    }
    let most = swept.keys.into_iter().flatten().max();
    let keys = most.unwrap_or(workload.keys).get();
    let needed = Bytes(keys.saturating_mul(limits.per_key.get()));
    let memory = system.memory.unwrap_or(SystemSpec::DEFAULT_MEMORY);
    if needed > memory {
        findings.push((
            format!("systems[{index}].memory"),
            format!(
                "{keys} keys in {name} take {needed}, and it has {memory}: give it more `memory`"
            ),
        ));
    }
}

/// A cache stands before a system that can go on with its frames; other systems have none.
pub(super) fn cache(spec: &Spec, system: &SystemSpec, index: usize, findings: &mut Vec<Finding>) {
    let name = system.system;
    let mut find = |field: &str, message: String| {
        findings.push((format!("systems[{index}].{field}"), message));
    };
    if !name.caches() {
        if system.behind.is_some() {
            find("behind", format!("{name} stands before no other system"));
        }
        if system.cache_entries.is_some() {
            find("cache_entries", format!("{name} has no cache"));
        }
        if system.at.is_some() {
            find("at", format!("{name} has no cache that could be elsewhere"));
        }
        return;
    }
    let behind = system.serving();
    if !Cache::BEHIND.contains(&behind) {
        let allowed = Cache::BEHIND.map(|kind| kind.name()).join(", ");
        let message = format!("{behind} cannot stand behind {name}; allowed: {allowed}");
        find("behind", message);
    }
    if system.switched() && spec.topology.resolve().client != ClientIo::AfXdp {
        let message = "the switch redirects replies into the client's device, and veth takes redirected frames \
                       only where an XDP program receives them; use `topology.client: af_xdp`, or `at: server`";
        find("at", message.to_owned());
    }
    if (spec.disturb).is_some_and(|disturb| disturb.lose_frames.is_some()) {
        let message =
            format!("`disturb.lose_frames` sits where {name} has its cache; leave one of them out");
        find("system", message);
    }
}
