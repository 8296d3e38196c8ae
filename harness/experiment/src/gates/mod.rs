//! Whether a trial may be used: each gate is a pure function from what was seen to a smell.
//!
//! A threshold is an effect that would change a conclusion, never bare significance, which a long
//! enough phase reaches for any trifle. docs/validity.md lists the gates, their thresholds and why
//! they are where they are; a test beside each gate holds it, and an end-to-end test trips it.
//!
//! Gates judge the instrument. A server that collapses under its load is a result: gates about
//! schedule, arrivals and stationarity speak only while the server kept up.

mod accounting;
mod arrivals;
mod competition;
mod elsewhere;
mod generator;
mod hashes;
pub(crate) mod host;
mod pace;
mod replies;
mod schedule;
mod steady;

use loadgen::ClientReport;
use record::{Cost, Machine, Smell};
use spec::{LoadPoint, Trial};

use crate::agents::host::Measured as Kernel;
use crate::agents::repartition::SlotMoves;
use crate::agents::serving::{Counts, Measured};
use crate::plan::Plan;
use pace::Pace;

/// What gates decide from.
pub(crate) struct Seen<'a> {
    pub(crate) plan: &'a Plan,
    /// The client's view.
    pub(crate) report: &'a ClientReport,
    /// The server's measure phase.
    pub(crate) measured: &'a Measured,
    /// The server over the whole trial.
    pub(crate) server: &'a Counts,
    /// Kernel threads and devices of the server's and the client's host.
    pub(crate) kernel: Option<&'a [Kernel; 2]>,
    /// Kernel threads and the first device of a switch between them.
    pub(crate) switch: Option<&'a Kernel>,
    /// Who ran on the trial's CPUs.
    pub(crate) machine: &'a Machine,
    /// What it cost.
    pub(crate) cost: &'a Cost,
    /// Modes that the roles obtained.
    pub(crate) obtained: &'a [(String, String)],
}

/// Every smell of a trial but the ledger's own.
pub(crate) fn judge(seen: &Seen<'_>) -> Vec<Smell> {
    let mut smells = seen.plan.smells.clone();
    // Where slots move, requests on their way to the old owner are what such a trial counts.
    let misroutes = (SlotMoves::of(&seen.plan.trial).is_none())
        .then_some(seen.server.misroutes)
        .flatten();
    smells.extend(replies::judge(&seen.report.ledger, misroutes));
    smells.extend(hashes::disagreed(seen.server));
    smells.extend(elsewhere::moved(seen));
    smells.extend(elsewhere::xdp_mode(seen));
    smells.extend(elsewhere::copy_mode(seen.obtained));
    smells.extend(competition::competing_load(seen.machine));
    smells.extend(competition::steal(seen.machine));
    smells.extend(accounting::ksoftirqd(seen.cost));
    smells.extend(accounting::unaccounted(seen.cost));
    if seen.plan.trial.load.has_latency() {
        let floor = seen.plan.trial.is_floor();
        let samples = seen.report.measured.answered;
        smells.extend(generator::few_samples(samples, floor));
        smells.extend(generator::near_its_limit(seen));
    }
    match seen.plan.trial.load {
        LoadPoint::Open(_) => {
            let pace = Pace::of(seen);
            smells.extend(schedule::judge(seen.report, pace));
            // A load that changes by design has no one law of gaps, and no one level of latency.
            if seen.plan.trial.pattern.is_none()
                && let Some(workload) = seen.plan.trial.workload()
            {
                let arrivals = workload.arrivals;
                smells.extend(arrivals::judge(seen.report, arrivals, pace));
                if !changes_by_design(&seen.plan.trial) {
                    smells.extend(steady::judge(&seen.report.intervals, arrivals, pace));
                }
            }
        }
        // Whoever waits for replies, or has none to wait for, has no schedule to keep.
        LoadPoint::Closed(_) | LoadPoint::Drain(_) | LoadPoint::Saturate => {}
    }
    smells
}

/// A change of latency at a time of the spec's is what such a trial measures. (Slots that move by load
/// do so from the first request on, and are to be steady.)
fn changes_by_design(trial: &Trial) -> bool {
    trial.repartition.is_some() || trial.disturb.is_some_and(|disturb| disturb.stall.is_some())
}
