//! Rules of scans: calls whose keys are neighbours in the order of all keys.

use super::{Finding, bounds};
use crate::spec::Spec;
use crate::system::{MultiKey, SteerBy, SystemSpec};
use crate::units::Count;
use crate::workload::{Calls, WorkloadSpec};

/// Bytes of a call's result, which is one datagram (docs/rpc.md).
const LONGEST_RESULT: u64 = 1391;
/// Bytes of a scan's result beside each value.
const VALUE_OVERHEAD: u64 = 2;

/// A scan's keys are there, and their values fit into one reply.
pub(super) fn workload(spec: &Spec, findings: &mut Vec<Finding>) {
    let Some(workload) = spec.workload.as_ref().filter(|it| scans(it)) else {
        return;
    };
    let swept = spec.sweep.clone().unwrap_or_default();
    let (widest, path) = match swept.multi_get.iter().flatten().max() {
        Some(widest) => (*widest, "sweep.multi_get"),
        None => (workload.multi_get.unwrap_or(1), "workload.multi_get"),
    };
    let mut find = |message: String| findings.push((path.to_owned(), message));
    let fewest = |keys: &Vec<Count>| keys.iter().min().copied();
    let keys = swept.keys.as_ref().and_then(fewest);
    let keys = keys.unwrap_or(workload.keys).get();
    if u64::from(widest) > keys {
        find(format!("{widest} keys in a row, and there are {keys}"));
    }
    let (_, value_max) = bounds(&workload.value_size, swept.value_size.as_deref());
    let each = VALUE_OVERHEAD + value_max.get();
    let most = LONGEST_RESULT / each;
    if u64::from(widest) > most {
        find(format!(
            "the reply to a scan is one datagram: of values of {value_max} at most {most} fit into it"
        ));
    }
}

/// Ways that belong to scans alone, and ways that scans have not.
pub(super) fn system(spec: &Spec, system: &SystemSpec, index: usize, findings: &mut Vec<Finding>) {
    let Some(way) = system.multi_key else { return };
    let scans = spec.workload.as_ref().is_some_and(scans);
    let by_key = matches!(system.steer_by, None | Some(SteerBy::DEFAULT));
    let message = match way {
        MultiKey::Handoff | MultiKey::Split => return,
        MultiKey::Balanced if !scans => {
            "scans are balanced, other requests are not: set `workload.protocol: rpc` and `workload.calls: \
             scan`"
        }
        MultiKey::ClientSplit if scans => {
            "a scan does not name its keys, so that no client can ask for some of them: use duplicate"
        }
        MultiKey::Balanced if !by_key => {
            "the program that balances scans steers other calls by their key: leave `steer_by` out"
        }
        MultiKey::Duplicate if scans && !by_key => {
            "each copy of a scan is steered by a key of the owner that it is meant for: leave `steer_by` out"
        }
        MultiKey::ClientSplit | MultiKey::Duplicate | MultiKey::Balanced => return,
    };
    findings.push((format!("systems[{index}].multi_key"), message.to_owned()));
}

/// Whether gets are scans.
pub(super) fn scans(workload: &WorkloadSpec) -> bool {
    workload.calls == Some(Calls::Scan)
}
