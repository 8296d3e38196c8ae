//! Rules of systems that spread gets of hot keys over all owners.

use super::{Finding, owners, rpc};
use crate::load::LoadPoint;
use crate::spec::Spec;

/// Hot keys need owners to spread them over, slots that stay, and requests by which they show.
pub(super) fn hot_keys(spec: &Spec, findings: &mut Vec<Finding>) {
    for (index, system) in spec.systems.iter().enumerate() {
        if system.hot_keys.is_none() {
            continue;
        }
        let name = system.system;
        let message = if !name.spreads_hot_keys() {
            format!("the program of xdp_steered spreads `hot_keys`; {name} does not have it")
        } else if owners(spec, system).contains(&1) {
            "`hot_keys` are spread over owners: there must be at least 2".to_owned()
        } else if system.rebalance.is_some() {
            "copies of hot items know one owner of a slot: have `hot_keys` or `rebalance`, not both"
                .to_owned()
        } else if spec.repartition.is_some() {
            "copies of hot items know one owner of a slot: leave `hot_keys` out where `repartition` moves \
             slots"
                .to_owned()
        } else if system.xdp.is_some_and(|xdp| xdp.hash_reuse) {
            "the program that spreads keys does not note them: have `hot_keys` or `xdp.hash_reuse`, not \
             both"
                .to_owned()
        } else if system.encryption.is_some() {
            "the program that spreads keys reads them: have `hot_keys` or `encryption`, not both"
                .to_owned()
        } else if (spec.workload.as_ref()).is_some_and(rpc::calls_functions) {
            "gets of memcached's are spread, calls are not: leave `hot_keys` out".to_owned()
        } else if drains(spec) {
            "in a drain no key is hot yet, for none has been asked for before: leave `hot_keys` out"
                .to_owned()
        } else {
            continue;
        };
        findings.push((format!("systems[{index}].hot_keys"), message));
    }
}

fn drains(spec: &Spec) -> bool {
    let mut points = spec.load.iter().flat_map(|load| load.points());
    points.any(|point| matches!(point, LoadPoint::Drain(_)))
}
