//! Columns of `trials.csv` about what the machine did beside serving.

use super::{cell, decimal};
use crate::machine::{Activity, Hardware};
use crate::trial::TrialRecord;

/// The columns in order.
pub(super) const COLUMNS: [&str; 24] = [
    "dispatcher_cpu_ns_per_request",
    "dispatcher_empty_ns_per_request",
    "switch_cpu_ns_per_request",
    "ksoftirqd_cpu_ns_per_request",
    "unaccounted_share",
    "server_wait_ns_per_request",
    "server_voluntary_switches",
    "server_involuntary_switches",
    "server_minor_faults",
    "server_major_faults",
    "client_wait_ns_per_request",
    "client_voluntary_switches",
    "client_involuntary_switches",
    "client_minor_faults",
    "client_major_faults",
    "foreign_cpus",
    "steal_share",
    "pressure_share",
    "server_cycles",
    "server_instructions",
    "server_cache_misses",
    "client_cycles",
    "client_instructions",
    "client_cache_misses",
];

/// The cells of a trial.
pub(super) fn cells(record: &TrialRecord) -> Vec<String> {
    let cost = &record.cost;
    let per_reply = |ns: u64| {
        let replies = cost.replies_measured;
        decimal((replies > 0).then(|| ns as f64 / replies as f64))
    };
    let mut cells = vec![
        cost.dispatcher_cpu_ns.map(per_reply).unwrap_or_default(),
        cost.dispatcher_empty_ns.map(per_reply).unwrap_or_default(),
        cost.switch_cpu_ns.map(per_reply).unwrap_or_default(),
        cost.ksoftirqd_cpu_ns.map(per_reply).unwrap_or_default(),
        share(cost.unaccounted_share),
    ];
    for activity in [cost.server_activity, cost.client_activity] {
        let count = |of: fn(Activity) -> u64| cell(activity.map(of));
        cells.extend([
            activity
                .map(|activity| per_reply(activity.wait_ns))
                .unwrap_or_default(),
            count(|activity| activity.voluntary_switches),
            count(|activity| activity.involuntary_switches),
            count(|activity| activity.minor_faults),
            count(|activity| activity.major_faults),
        ]);
    }
    let machine = record.machine.as_ref();
    cells.extend([
        share(machine.map(|machine| machine.foreign_cpus())),
        share(machine.map(|machine| machine.steal_share())),
        share(machine.and_then(|machine| machine.pressure_share)),
    ]);
    let hardware = record.hardware.as_ref();
    cells.extend(counted(hardware.map(|roles| &roles.server)));
    cells.extend(counted(hardware.map(|roles| &roles.client)));
    cells
}

fn counted(hardware: Option<&Hardware>) -> [String; 3] {
    match hardware {
        Some(Hardware::Counted {
            cycles,
            instructions,
            cache_misses,
        }) => [*cycles, *instructions, *cache_misses].map(|count| count.to_string()),
        Some(Hardware::Absent { .. }) | None => Default::default(),
    }
}

fn share(value: Option<f64>) -> String {
    value.map(|value| format!("{value:.4}")).unwrap_or_default()
}
