//! Rules of what a steering program does beside steering.

use super::{Finding, SET_OVERHEAD, bounds};
use crate::spec::Spec;
use crate::system::{Io, SystemSpec, Xdp};
use crate::units::Bytes;

/// Bytes of an Ethernet header.
const LINK_HEADER: u64 = 14;

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

/// A set that is longer than a chunk is lost where it may not take several.
pub(super) fn chunks(spec: &Spec, system: &SystemSpec, index: usize, findings: &mut Vec<Finding>) {
    let xdp = system.xdp.unwrap_or_default();
    let drains = (spec.load.as_ref()).is_some_and(|load| !load.drain.is_empty());
    if drains && xdp.multi_buffer {
        let message = "a drain's sockets are made for one chunk a request: leave one of them out";
        findings.push((
            format!("systems[{index}].xdp.multi_buffer"),
            message.to_owned(),
        ));
    }
    let (Some(workload), Io::AfXdp) = (&spec.workload, system.io()) else {
        return;
    };
    let swept = spec.sweep.clone().unwrap_or_default();
    let only_gets = match &swept.get_ratio {
        None => workload.get_ratio >= 1.0,
        Some(ratios) => ratios.iter().all(|ratio| *ratio >= 1.0),
    };
    if xdp.multi_buffer || only_gets {
        return;
    }
    let (_, key) = bounds(&workload.key_size, swept.key_size.as_deref());
    let (_, value) = bounds(&workload.value_size, swept.value_size.as_deref());
    let frame = Bytes(LINK_HEADER + SET_OVERHEAD + key.get() + value.get());
    let (longest, mtu) = (xdp.longest_frame(), spec.topology.resolve().mtu);
    // What no datagram carries is refused for that.
    let fits_mtu = frame.get() <= LINK_HEADER + u64::from(mtu);
    if fits_mtu && frame > longest {
        let remedy = if system.system.has_xdp_options() {
            "give it `xdp: {chunk: 4 KiB}` or `xdp: {multi_buffer: true}`, or use smaller values"
        } else {
            "use smaller values, or get_ratio 1"
        };
        let message = format!(
            "a set of {value} takes up to {frame} with its headers, and a chunk of packet memory holds \
             {longest}; {remedy}"
        );
        findings.push((format!("systems[{index}]"), message));
    }
}
