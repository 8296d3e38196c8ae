//! Gates of packet trials: those that ask about CPUs, devices and schedules. What gates ask about requests, their values
//! and their arrivals, does not arise.

use loadgen::Latency;
use record::{Cost, Ledger, Machine, Smell};
use spec::LoadPoint;
use sys::cpu::Pinned;

use super::pace::Pace;
use super::{accounting, competition, elsewhere, generator, schedule};
use crate::agents::host;
use crate::plan::chain::{FramePlan, Part};
use crate::plan::topology::Receiver;

/// What gates decide from.
pub(crate) struct Seen<'a> {
    pub(crate) plan: &'a FramePlan,
    /// Kernel threads and the first device of every host, the sender's first.
    pub(crate) kernel: &'a [host::Measured],
    /// Every thread that was pinned.
    pub(crate) pinned: &'a [Pinned],
    /// How late frames were sent.
    pub(crate) send_lag: &'a Latency,
    /// Length of the measure phase, ns.
    pub(crate) length_ns: u64,
    pub(crate) ledger: &'a Ledger,
    pub(crate) machine: &'a Machine,
    pub(crate) cost: &'a Cost,
    /// Modes that the systems obtained.
    pub(crate) obtained: &'a [(String, String)],
    /// Frames delivered in the measure phase.
    pub(crate) delivered: u64,
    /// Frames that the kernel sent another way than the mirror of its tables, of those that were compared.
    pub(crate) disagreed: u64,
}

/// Every smell of a packet trial but the ledger's own.
pub(crate) fn judge(seen: &Seen<'_>) -> Vec<Smell> {
    let mut smells = seen.plan.smells.clone();
    smells.extend(seen.pinned.iter().filter_map(elsewhere::one_moved));
    smells.extend(disagreed(seen.disagreed));
    smells.extend(xdp_mode(seen));
    smells.extend(elsewhere::copy_mode(seen.obtained));
    smells.extend(competition::competing_load(seen.machine));
    smells.extend(competition::steal(seen.machine));
    smells.extend(accounting::ksoftirqd(seen.cost));
    smells.extend(accounting::unaccounted(seen.cost));
    match seen.plan.trial.load {
        LoadPoint::Open(_) => {
            if seen.ledger.unsent > 0 {
                let requests = seen.ledger.unsent;
                smells.push(Smell::Unsent { requests });
            }
            smells.extend(schedule::judge_lag(seen.send_lag, pace(seen)));
            if seen.plan.traffic.round_trip {
                smells.extend(generator::few_samples(seen.delivered, false));
            }
        }
        // A generator that saturates keeps no schedule, and what its device refuses is what it is there for.
        LoadPoint::Saturate | LoadPoint::Closed(_) | LoadPoint::Drain(_) => {}
    }
    smells
}

/// Tables stand still in a trial, so that one difference is one too many.
fn disagreed(frames: u64) -> Option<Smell> {
    (frames > 0).then_some(Smell::RoutesDisagreed { frames })
}

/// Each host whose first device receives otherwise than it should.
fn xdp_mode(seen: &Seen<'_>) -> Vec<Smell> {
    let system = seen
        .plan
        .routers
        .first()
        .map_or(Receiver::Kernel, |router| router.receiver);
    let hosts = seen.plan.hosts.iter().zip(seen.kernel);
    hosts
        .filter_map(|(host, found)| {
            let wanted = match host.part {
                Part::Sender if seen.plan.traffic.round_trip => Receiver::Xdp,
                Part::Sender => Receiver::Kernel,
                Part::Router => system,
                Part::Path | Part::Receiver => Receiver::Xdp,
            };
            elsewhere::not_native(host.devices.first()?, wanted, found.xdp)
        })
        .collect()
}

/// Whoever made frames late: a sender that shares its CPUs with the system has them when the system leaves them.
fn pace(seen: &Seen<'_>) -> Pace {
    let placement = &seen.plan.placement;
    let routers = placement.routers.iter();
    let mut systems = routers.flat_map(|router| router.k_peers.iter().chain(&router.u_peers));
    let shares = systems.any(|cpu| placement.sender.contains(cpu));
    let waited_ns = (seen.cost.client_activity).map_or(0, |activity| activity.wait_ns);
    let wait = waited_ns as f64 / seen.length_ns.max(1) as f64;
    let lost = seen.ledger.timed_out as f64 / seen.ledger.sent.max(1) as f64;
    Pace::judged(
        lost,
        wait / placement.sender.len().max(1) as f64,
        shares && competition::competing_load(seen.machine).is_none(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_frame_that_the_kernel_sent_another_way_is_one_too_many() {
        assert_eq!(disagreed(0), None);
        let smell = disagreed(1).expect("a smell");
        assert_eq!(smell.severity(), record::Severity::Invalid);
        assert_eq!(smell, Smell::RoutesDisagreed { frames: 1 });
    }
}
