//! Where frames are, by the counters of devices, systems and receiver. Pure.
//!
//! A device that cannot hand a frame to the one at the far end of its link counts it in `tx_dropped`, whoever sent
//! it: the far end's queue of 256 frames was full. At the sender that is a frame that did not leave, and everywhere else a
//! loss. What a frame is lost by inside a host is the system's to say.

use record::{CounterRow, DropCount, Ledger};
use slices::system::{Counter, Counters, Loss};

use crate::plan::chain::{FramePlan, RouterPlan, SENDER};
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
    Counters {
        all: all.collect(),
        losses: losses.collect(),
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
    let answered = whole.receiver.executed;
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
    for (router, counters) in plan.routers.iter().zip(&whole.routers) {
        // The reason alone where there is but one system.
        let prefix = match plan.routers.len() {
            1 => String::new(),
            _ => format!("{}_", name(router)),
        };
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
        drops.push(link_drop(name(router), outward, &whole.lab, counters.retried));
    }
    if plan.traffic.round_trip {
        let receiver = crate::plan::chain::RECEIVER.name;
        drops.push(link_drop("receiver", &[receiver], &whole.lab, 0));
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
        requests: router.devices.iter().map(|device| lost(&device)).sum(),
    })
}

/// Frames that drops count and that are none of those missing: repairs, which are no frames of the traffic, and frames
/// of it that were recovered.
fn beside(plan: &FramePlan, whole: &AtRest) -> u64 {
    let recovered: u64 = whole.routers.iter().map(|counters| counters.recovered).sum();
    let repairs: u64 = match plan.traffic.processor {
        spec::Processor::Router | spec::Processor::Inspect | spec::Processor::Ipsec(_) => 0,
        spec::Processor::Maelstrom(_) => whole.routers.iter().map(|counters| counters.made).sum(),
    };
    let arrived: u64 = whole.routers.iter().map(|of| of.value(REPAIRS_RECEIVED)).sum();
    recovered + repairs.saturating_sub(arrived)
}

/// A proxy's counter of the other's repairs.
const REPAIRS_RECEIVED: &str = "repairs_received";

#[cfg(test)]
#[path = "ledger_tests.rs"]
mod tests;
