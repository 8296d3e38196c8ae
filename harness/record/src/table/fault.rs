//! Columns of `trials.csv` about slices that are processes, and one that is killed; all empty elsewhere.

use spec::Isolation;

use super::{cell, ratio};
use crate::fault::{SliceFault, SliceFrames};
use crate::trial::TrialRecord;

/// The columns in order.
pub(super) const COLUMNS: [&str; 11] = [
    "isolation",
    "killed_slice",
    "killed_after_ns",
    "gone_after_ns",
    "survivors_arrived",
    "survivors_lost",
    "survivors_rate_kept",
    "dead_arrived_before",
    "dead_arrived_after",
    "dead_delivered",
    "kernel_unharmed",
];

/// The cells of a trial.
pub(super) fn cells(record: &TrialRecord) -> Vec<String> {
    let (system, fault) = (&record.trial.system, record.fault.as_ref());
    let isolation = (system.system.isolates()).then(|| system.isolation.unwrap_or_default());
    let dead = fault.and_then(SliceFault::dead);
    let of_dead = |of: fn(SliceFrames) -> u64| cell(dead.map(of));
    vec![
        cell(isolation.map(Isolation::name)),
        cell(fault.map(|fault| fault.slice)),
        cell(fault.map(|fault| fault.killed_ns)),
        cell(fault.map(|fault| fault.gone_ns)),
        cell(fault.map(SliceFault::survivors_arrived)),
        cell(fault.map(SliceFault::survivors_lost)),
        ratio(fault.and_then(SliceFault::survivors_rate_kept)),
        of_dead(|dead| dead.arrived_before),
        of_dead(|dead| dead.arrived_after),
        of_dead(|dead| dead.delivered),
        cell(fault.map(SliceFault::kernel_unharmed)),
    ]
}
