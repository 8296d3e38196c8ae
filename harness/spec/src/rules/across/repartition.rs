//! Rules of the `repartition` section.

use super::{Finding, owners};
use crate::load::LoadPoint;
use crate::spec::Spec;

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
