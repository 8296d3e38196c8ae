//! Where frames are, by the counters of devices, systems and receiver. Pure.
//!
//! A device that cannot hand a frame to the one at the far end of its link counts it in `tx_dropped`, whoever sent
//! it: the far end's queue of 256 frames was full. At the sender that is a frame that did not leave, and everywhere else a
//! loss. What a frame is lost by inside a host is the system's to say.

use record::{CounterRow, DropCount, Ledger};
use slices::system::{Counter, Counters, Loss};

use crate::agents::in_kernel::path::LOST;
use crate::plan::chain::{FramePlan, PATH, RECEIVER, RouterPlan, SENDER};
use crate::plan::topology::Receiver;

use super::AtRest;

/// What a system counted since `earlier`.
pub(super) fn since(now: &Counters, earlier: &Counters) -> Counters {
    let all = now.all.iter().map(|one| {
        let same = |old: &&Counter| old.scope == one.scope && old.name == one.name;
        let before = earlier.all.iter().find(same).map_or(0, |old| old.value);
        Counter {
            value: one.value.saturating_sub(before),
            ..one.clone()
        }
    });
    let losses = now.losses.iter().map(|one| {
        let same = |old: &&Loss| old.reason == one.reason && old.counter == one.counter;
        let before = earlier.losses.iter().find(same).map_or(0, |old| old.frames);
        Loss {
            frames: one.frames.saturating_sub(before),
            ..one.clone()
        }
    });
    let times = now.recovery_ns.iter().map(|(ns, frames)| {
        let before = earlier.recovery_ns.get(ns).copied().unwrap_or(0);
        (*ns, frames.saturating_sub(before))
    });
    Counters {
        all: all.collect(),
        losses: losses.collect(),
        recovery_ns: times.filter(|(_, frames)| *frames > 0).collect(),
        received: now.received.saturating_sub(earlier.received),
        sent: now.sent.saturating_sub(earlier.sent),
        made: now.made.saturating_sub(earlier.made),
        recovered: now.recovered.saturating_sub(earlier.recovered),
        retried: now.retried.saturating_sub(earlier.retried),
    }
}

/// Frames that devices took between two readings of their counters.
pub(super) fn frames_moved(before: &[CounterRow], after: &[CounterRow]) -> u64 {
    let taken = |rows: &[CounterRow]| -> u64 {
        let packets = rows.iter().filter(|row| row.name.ends_with("_xdp_packets"));
        packets.map(|row| row.value).sum()
    };
    taken(after).saturating_sub(taken(before))
}

/// The frames that the sender's device was given and took, and those that it did not.
pub(super) fn accepted(lab: &[CounterRow]) -> (u64, u64) {
    let sum = |counter: &str| queues(lab, SENDER.name, "tx_queue_", counter);
    (sum("_xdp_xmit"), sum("_xdp_xmit_errors"))
}

/// A counter of every queue of a device.
fn queues(lab: &[CounterRow], device: &str, direction: &str, counter: &str) -> u64 {
    let begin = format!("{device} ethtool {direction}");
    let of_queue = lab.iter().filter(|row| {
        let rest = row.name.strip_prefix(&begin);
        let number = rest.and_then(|rest| rest.strip_suffix(counter));
        number.is_some_and(|number| number.parse::<u16>().is_ok())
    });
    of_queue.map(|row| row.value).sum()
}

/// The ledger of frames that do not come back. `due` were to be made, and `made` were.
pub(super) fn one_way(plan: &FramePlan, (due, made): (u64, u64), whole: &AtRest) -> Ledger {
    let (sent, refused) = accepted(&whole.lab);
    let answered = whole.counted.programs.receiver.executed;
    Ledger {
        offered: due,
        unsent: due.saturating_sub(made) + refused,
        sent,
        answered,
        timed_out: sent.saturating_sub(answered),
        further_parts: beside(plan, whole),
        drops: drops(plan, whole),
        duplicates: 0,
    }
}

/// Losses on the way, to the receiver and back.
pub(super) fn drops(plan: &FramePlan, whole: &AtRest) -> Vec<DropCount> {
    let mut drops = Vec::new();
    if plan.traffic.round_trip {
        // What a socket's frame is lost by was sent.
        drops.push(link_drop("sender", &[SENDER.name], &whole.lab, 0));
    }
    let routers = plan.routers.iter().zip(&whole.counted.routers);
    for (number, (router, counters)) in routers.enumerate() {
        // The reason alone where there is but one system.
        let prefix = match plan.routers.len() {
            1 => String::new(),
            _ => format!("{}_", name(router)),
        };
        if number > 0 && plan.path.is_some() {
            drops.extend(path_drops(whole));
        }
        drops.extend(device_drops(plan, router, &whole.lab));
        drops.extend(counters.losses.iter().map(|loss| DropCount {
            reason: format!("{prefix}{}", loss.reason),
            counter: format!("{}: {}", router.scope, loss.counter),
            requests: loss.frames,
        }));
        let outward: &[&str] = match plan.traffic.round_trip {
            true => &router.devices,
            false => &router.devices[1..],
        };
        drops.push(link_drop(
            name(router),
            outward,
            &whole.lab,
            counters.retried,
        ));
    }
    if plan.traffic.round_trip {
        drops.push(link_drop("receiver", &[RECEIVER.name], &whole.lab, 0));
    }
    drops
}

/// A router's host without the word.
fn name(router: &RouterPlan) -> &'static str {
    router.scope.strip_suffix(" host").unwrap_or(router.scope)
}

/// Frames that found no room at the far end of a link.
fn link_drop(from: &str, devices: &[&str], lab: &[CounterRow], retried: u64) -> DropCount {
    let named = |row: &&CounterRow| {
        let device = row.name.strip_suffix(" tx_dropped");
        device.is_some_and(|device| devices.contains(&device))
    };
    let counted: u64 = lab.iter().filter(named).map(|row| row.value).sum();
    let counter = format!("tx_dropped of {}", devices.join(" and "));
    DropCount {
        reason: format!("{from}_link"),
        counter: match retried {
            0 => counter,
            _ => format!("{counter}, without {retried} that were tried again"),
        },
        requests: counted.saturating_sub(retried),
    }
}

/// Frames that a router's devices lost before the system had them. A frame that AF_XDP has no room for is counted by its
/// socket too, and told by the system.
fn device_drops(plan: &FramePlan, router: &RouterPlan, lab: &[CounterRow]) -> Option<DropCount> {
    let told_by_sockets = match plan.trial.system.io {
        spec::Io::AfXdp => true,
        spec::Io::Kernel
        | spec::Io::Xdp
        | spec::Io::PacketSocket
        | spec::Io::Udp
        | spec::Io::Memory => false,
    };
    if told_by_sockets {
        return None;
    }
    let lost = |device: &&str| queues(lab, device, "rx_queue_", "_drops");
    let kind = match router.receiver {
        Receiver::Xdp => "an XDP program could not pass on",
        Receiver::Kernel => "no packet could be made of",
    };
    Some(DropCount {
        reason: format!("{}_device", name(router)),
        counter: format!(
            "rx_queue_N_drops of {}: frames that {kind}",
            router.devices.join(" and ")
        ),
        requests: router.devices.iter().map(lost).sum(),
    })
}

/// What the path between two routers lost: what it was made to, and what its devices could not pass on.
fn path_drops(whole: &AtRest) -> [DropCount; 3] {
    let [inward, outward] = PATH.map(|port| port.device);
    [
        DropCount {
            reason: "path".to_owned(),
            counter: "counter of the lossy path's program".to_owned(),
            requests: path_lost(whole),
        },
        DropCount {
            reason: "path_device".to_owned(),
            counter: format!("rx_queue_N_drops of {inward}"),
            requests: queues(&whole.lab, inward, "rx_queue_", "_drops"),
        },
        link_drop("path", &[outward], &whole.lab, 0),
    ]
}

/// Frames that the path was made to lose, repairs among them.
fn path_lost(whole: &AtRest) -> u64 {
    let related = &whole.counted.programs.path.related;
    let lost = related.iter().find(|(name, _)| name == LOST);
    lost.map_or(0, |(_, frames)| *frames)
}

/// Bytes of a link's header, which the kernel has taken off a packet where a veth counts its bytes.
const LINK_HEADER: u64 = 14;

/// Bytes of frames, link headers included, that the first router put on the link to the second; nothing where there is
/// no second.
pub(super) fn link_bytes(plan: &FramePlan, whole: &AtRest) -> Option<u64> {
    let [egress, _] = plan.routers.as_slice() else {
        return None;
    };
    let of = |what: &str| -> u64 {
        let name = format!("{} {what}", egress.devices[1]);
        let rows = whole.lab.iter().filter(|row| row.name == name);
        rows.map(|row| row.value).sum()
    };
    Some(of("tx_bytes") + of("tx_packets") * LINK_HEADER)
}

/// A proxy's counters, by their names in its system's: frames of the traffic that left under the code and that came, and
/// repairs.
const DATA_SENT: &str = "data_encoded";
const DATA_RECEIVED: &str = "data_decoded";
const REPAIRS_SENT: &str = "repairs_made";
const REPAIRS_RECEIVED: &str = "repairs_received";

/// What a code did between two routers. Counts are frames.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Coded {
    /// Frames of the traffic that the link lost.
    pub(super) lost: u64,
    /// Of them, those that were recovered.
    pub(super) recovered: u64,
    /// Repairs that were sent.
    pub(super) repairs: u64,
    /// Of them, those that arrived.
    pub(super) repairs_received: u64,
}

/// What Maelstrom's proxies did; nothing where there are none.
pub(super) fn coded(plan: &FramePlan, whole: &AtRest) -> Coded {
    let proxies = match plan.traffic.processor {
        spec::Processor::Router | spec::Processor::Inspect | spec::Processor::Ipsec(_) => {
            return Coded::default();
        }
        spec::Processor::Maelstrom(_) => &whole.counted.routers,
    };
    let sum = |name: &str| proxies.iter().map(|proxy| proxy.value(name)).sum::<u64>();
    let repairs_received = sum(REPAIRS_RECEIVED);
    let repairs = sum(REPAIRS_SENT);
    Coded {
        lost: sum(DATA_SENT).saturating_sub(sum(DATA_RECEIVED)),
        recovered: proxies.iter().map(|proxy| proxy.recovered).sum(),
        repairs,
        repairs_received,
    }
}

/// Frames that drops count and that are none of those missing: repairs, which are no frames of the traffic, and frames
/// of it that were recovered.
fn beside(plan: &FramePlan, whole: &AtRest) -> u64 {
    let coded = coded(plan, whole);
    coded.recovered + coded.repairs.saturating_sub(coded.repairs_received)
}

#[cfg(test)]
#[path = "ledger_tests.rs"]
mod tests;
