//! Loads without latencies: drains, and a generator that saturates.

use super::{Finding, bounds};
use crate::spec::Spec;
use crate::system::Io;
use crate::topology::{ClientIo, TopologyKind};

/// Bytes of a reply that one datagram holds, and what a hit says beside key and value, at most.
const REPLY_BYTES: u64 = 1392;
const REPLY_OVERHEAD: u64 = 40;
/// The longest frame that the generator lists, without the Ethernet header.
pub(super) const LONGEST_PACKET: u16 = 1522;

/// A drain needs threads that can be held, and nothing but them decides when replies leave.
pub(super) fn drain(spec: &Spec, findings: &mut Vec<Finding>) {
    let Some(load) = &spec.load else { return };
    if load.drain.is_empty() {
        return;
    }
    for (index, system) in spec.systems.iter().enumerate() {
        let Some(reason) = system.system.drain_refusal() else {
            continue;
        };
        let message = format!("{} cannot be drained: it {reason}", system.system);
        findings.push((format!("systems[{index}].system"), message));
    }
    if spec.disturb.is_some_and(|disturb| disturb.stall.is_some()) {
        let message = "a drain has no measure phase in which a server could be stopped";
        findings.push(("disturb.stall".to_owned(), message.to_owned()));
    }
}

/// The generator makes frames in the client's device, and counts replies by their first bytes.
pub(super) fn saturate(spec: &Spec, findings: &mut Vec<Finding>) {
    if !spec.saturates() {
        return;
    }
    let mut find = |path: &str, message: &str| {
        findings.push((path.to_owned(), message.to_owned()));
    };
    if spec.load.is_some() {
        let message = "`workload.arrivals: saturate` offers what the generator can make: leave `load` \
                       out";
        find("load", message);
    }
    let topology = spec.topology.resolve();
    if topology.kind != TopologyKind::Veth || topology.client != ClientIo::AfXdp {
        let message = "`saturate` makes frames in the client's device; allowed: kind veth, client \
                       af_xdp";
        find("workload.arrivals", message);
    }
    if topology.mtu > LONGEST_PACKET {
        find("topology.mtu", "`saturate` makes packets of at most 1522 B");
    }
    if spec.traces() {
        find("trace", "`saturate` matches no reply to its request");
    }
    for (index, system) in spec.systems.iter().enumerate() {
        if system.io() == Io::Udp {
            // Frames from another device reach sockets only through an XDP program at the
            // server's end, which leaves them without their receive queue.
            let message = "behind an XDP program, which `saturate` needs at the server's end, kernel \
                           sockets see receive queue 0 for every datagram, so that this system would \
                           be misfed; allowed: af_xdp";
            findings.push((format!("systems[{index}].io"), message.to_owned()));
        }
    }
    let Some(workload) = &spec.workload else {
        return;
    };
    let swept = spec.sweep.clone().unwrap_or_default();
    let (_, key) = bounds(&workload.key_size, swept.key_size.as_deref());
    let (_, value) = bounds(&workload.value_size, swept.value_size.as_deref());
    let most = swept.multi_get.iter().flatten().copied().max();
    let gets = u64::from(most.or(workload.multi_get).unwrap_or(1));
    if gets * (REPLY_OVERHEAD + key.get() + value.get()) > REPLY_BYTES {
        let message = "`saturate` counts replies of one datagram: keys and values of a get must fit \
                       into 1392 B";
        findings.push(("workload.value_size".to_owned(), message.to_owned()));
    }
}
