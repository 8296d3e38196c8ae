//! Rules of the `repartition` section, and of systems that move slots by themselves.

use super::{Finding, owners};
use crate::load::LoadPoint;
use crate::spec::Spec;

/// Slots that move by load need owners that have such, and no others that move them.
pub(super) fn rebalance(spec: &Spec, findings: &mut Vec<Finding>) {
    for (index, system) in spec.systems.iter().enumerate() {
        let Some(_) = system.rebalance else { continue };
        let name = system.system;
        let message = if !name.moves_slots() {
            format!("`rebalance` moves slots between owners, which {name} has not")
        } else if spec.repartition.is_some() {
            "`repartition` moves slots at its own time: leave `rebalance` out".to_owned()
        } else {
            continue;
        };
        findings.push((format!("systems[{index}].rebalance"), message));
    }
}

/// Slots move in the measure phase of an open loop, between owners that have such.
pub(super) fn repartition(spec: &Spec, findings: &mut Vec<Finding>) {
    let Some(repartition) = spec.repartition else {
        return;
    };
    let mut find = |path: &str, message: String| findings.push((path.to_owned(), message));
    for (index, system) in spec.systems.iter().enumerate() {
        let name = system.system;
        if !name.moves_slots() {
            let message = format!("`repartition` moves slots between owners, which {name} has not");
            find(&format!("systems[{index}].system"), message);
        } else if owners(spec, system).contains(&1) {
            let message = "`repartition` needs at least 2 owners".to_owned();
            find(&format!("systems[{index}]"), message);
        }
    }
    let points = || spec.load.iter().flat_map(|load| load.points());
    if spec.saturates() || points().any(|point| !matches!(point, LoadPoint::Open(_))) {
        let message = "slots move at a time of an open loop: use `load.rates` alone";
        find("repartition", message.to_owned());
    }
    let Some(phases) = spec.phases else { return };
    let told = repartition
        .clients_know_after
        .map_or(0, |after| after.get());
    if repartition.after.get().saturating_add(told) >= phases.measure.get() {
        let message = format!(
            "the moves, and what clients learn of them, lie within the measure phase ({})",
            phases.measure
        );
        find("repartition", message);
    }
}
