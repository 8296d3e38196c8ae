//! Rules of workloads that call functions in place of sending memcached's requests.

use super::Finding;
use super::scans::scans;
use crate::spec::Spec;
use crate::system::{SteerBy, SystemKind, SystemSpec};
use crate::workload::{WireProtocol, WorkloadSpec};

/// Arguments that functions have in common: tenant and key.
const COMMON: u8 = 2;

/// What calls rule out in the other sections.
pub(super) fn workload(spec: &Spec, findings: &mut Vec<Finding>) {
    let Some(workload) = &spec.workload else {
        return;
    };
    let mut find = |path: &str, message: &str| findings.push((path.to_owned(), message.to_owned()));
    if !calls_functions(workload) {
        if workload.calls.is_some() {
            find("workload.calls", "belongs to `workload.protocol: rpc`");
        }
        return;
    }
    let swept = spec.sweep.clone().unwrap_or_default();
    let keys_per_get = swept.multi_get.into_iter().flatten();
    let mut keys_per_get = keys_per_get.chain(workload.multi_get);
    if !scans(workload) && keys_per_get.any(|keys| keys > 1) {
        let message = "a call names one key; allowed: 1, or `calls: scan`";
        find("workload.multi_get", message);
    }
    if spec.saturates() {
        let message = "replies are counted by memcached's first bytes, which calls have not";
        find("workload.protocol", message);
    }
    if spec.repartition.is_some() {
        let message = "slots of a service by functions or tenants do not move; leave it out";
        find("repartition", message);
    }
}

/// Calls need a system that can be steered by them, and only calls have what it is steered by.
pub(super) fn system(spec: &Spec, system: &SystemSpec, index: usize, findings: &mut Vec<Finding>) {
    let name = system.system;
    let mut find = |field: &str, message: String| {
        findings.push((format!("systems[{index}].{field}"), message));
    };
    if !(spec.workload.as_ref()).is_some_and(calls_functions) {
        if system.steer_by.is_some() {
            let message = "`steer_by` belongs to `workload.protocol: rpc`";
            find("steer_by", message.to_owned());
        }
        return;
    }
    if !name.serves_calls() {
        let able = SystemKind::ALL.into_iter().filter(|it| it.serves_calls());
        let able: Vec<_> = able.map(SystemKind::name).collect();
        let able = able.join(", ");
        find(
            "system",
            format!("{name} serves no calls of `protocol: rpc`; allowed: {able}"),
        );
        return;
    }
    match system.steer_by {
        None | Some(SteerBy::Function | SteerBy::Range | SteerBy::Argument(0..COMMON)) => {}
        Some(SteerBy::Argument(number)) => find(
            "steer_by",
            format!("not all functions have an argument {number}; allowed: 0 (tenant), 1 (key)"),
        ),
    }
    if system.steer_by.is_some() && !name.steers_calls() {
        let message = format!("{name} steers by nothing in a request: leave `steer_by` out");
        find("steer_by", message);
    }
    if system.encryption.is_some() {
        let message = "requests of memcached's are encrypted, calls are not: leave it out";
        find("encryption", message.to_owned());
    }
    if system.xdp.is_some_and(|xdp| xdp.hash_reuse) {
        let message = "the program that notes keys reads memcached's requests; leave it out";
        find("xdp.hash_reuse", message.to_owned());
    }
    if system.rebalance.is_some() {
        let message = "slots of a service by functions or tenants do not move; leave it out";
        find("rebalance", message.to_owned());
    }
}

pub(super) fn calls_functions(workload: &WorkloadSpec) -> bool {
    workload.protocol == Some(WireProtocol::Rpc)
}
