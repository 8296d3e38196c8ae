//! Columns of `trials.csv` about packet trials; all empty for a trial of requests.

use spec::{Processor, ProcessorKind, Routing, System};

use super::{cell, decimal, ratio};
use crate::trial::TrialRecord;

/// The columns in order.
pub(super) const COLUMNS: [&str; 26] = [
    "processor",
    "ip",
    "queues",
    "frame_bytes",
    "burst",
    "round_trip",
    "batch",
    "placement",
    "routing",
    "payload_gbps",
    "k_peer_cpus",
    "u_peer_cpus",
    "cycles_per_frame",
    "instructions_per_frame",
    "recovered",
    "repairs",
    "fec_group",
    "fec_layers",
    "loss_share",
    "loss_burst",
    "lost",
    "recovery_p50_ns",
    "recovery_p99_ns",
    "recovery_max_ns",
    "link_gbps",
    "goodput_share",
];

/// The cells of a trial.
pub(super) fn cells(record: &TrialRecord) -> Vec<String> {
    let Some(traffic) = record.trial.traffic() else {
        return vec![String::new(); COLUMNS.len()];
    };
    let (system, frames) = (&record.trial.system, record.frames);
    let (code, per_frame) = (traffic.processor.code(), record.per_frame());
    let recovery = record.recovery;
    vec![
        traffic.processor.name().to_owned(),
        traffic.ip.to_string(),
        record.trial.topology.queues.to_string(),
        traffic.frame_size.get().to_string(),
        traffic.burst.to_string(),
        traffic.round_trip.to_string(),
        cell(system.batch),
        cell(system.placement),
        cell(routing(system, traffic.processor)),
        gbps(record.payload_gbps()),
        ratio(record.k_peer_cpus()),
        ratio(record.u_peer_cpus()),
        decimal(per_frame.map(|it| it.cycles)),
        decimal(per_frame.map(|it| it.instructions)),
        cell(frames.map(|frames| frames.recovered)),
        cell(frames.map(|frames| frames.repairs)),
        cell(code.map(|code| code.r)),
        cell(code.map(|code| code.c)),
        cell(code.map(|code| code.loss.fraction())),
        cell(code.map(|code| code.burst)),
        cell(frames.and_then(|frames| frames.lost)),
        cell(recovery.and_then(|times| times.p50_ns)),
        cell(recovery.and_then(|times| times.p99_ns)),
        cell(recovery.and_then(|times| times.max_ns)),
        gbps(record.link_gbps()),
        ratio(record.goodput_share()),
    ]
}

/// Who looks routes up, where there is a choice.
fn routing(system: &System, processor: Processor) -> Option<Routing> {
    let choice = system.system.has_routing() && processor.kind() == ProcessorKind::Router;
    choice.then(|| system.routing.unwrap_or_default())
}

/// Kilobits a second: the shortest frames carry few.
pub(super) fn gbps(value: Option<f64>) -> String {
    value.map(|value| format!("{value:.6}")).unwrap_or_default()
}
