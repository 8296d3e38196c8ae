//! Rules of what a steering program does beside steering.

use super::Finding;
use crate::spec::Spec;
use crate::system::{SystemSpec, Xdp};

/// The section belongs to a system whose program can do it, and its settings to each other.
pub(super) fn options(spec: &Spec, system: &SystemSpec, index: usize, findings: &mut Vec<Finding>) {
    let xdp = system.xdp.unwrap_or_default();
    let mut find = |place: String, message: String| findings.push((place, message));
    if system.xdp.is_some() && !system.system.has_xdp_options() {
        let message = format!(
            "{} has no XDP program that does more than steer: `xdp` belongs to xdp_steered; leave it \
             out",
            system.system
        );
        find(format!("systems[{index}].xdp"), message);
    }
    if xdp.check_one_in.is_some() && !xdp.hash_reuse {
        let message = "there is nothing to check: it belongs to `hash_reuse: true`";
        find(
            format!("systems[{index}].xdp.check_one_in"),
            message.to_owned(),
        );
    }
    let swept = spec.sweep.as_ref();
    let slowed = swept.is_some_and(|sweep| sweep.steering_cost.is_some());
    if slowed && !system.system.has_xdp_options() {
        let message = format!(
            "{} has no XDP program that could be slowed: `sweep.steering_cost` is for xdp_steered alone",
            system.system
        );
        find(format!("systems[{index}]"), message);
    }
    let corrupts = (spec.disturb).is_some_and(|disturb| disturb.corrupt_slot.is_some());
    if corrupts && !system.xdp.is_some_and(|xdp: Xdp| xdp.hash_reuse) {
        let message = format!(
            "`disturb.corrupt_slot` corrupts hashes that go with packets, and {} passes none: give it \
             `xdp: {{hash_reuse: true}}`, or leave it out",
            system.label()
        );
        find(format!("systems[{index}]"), message);
    }
}
