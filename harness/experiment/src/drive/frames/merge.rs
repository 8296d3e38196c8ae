//! What every role counted, as one packet trial's data. Pure.

use hdrhistogram::Histogram;
use loadgen::Latency;
use record::{
    CounterRow, DeliveredStep, DeviceState, FrameResult, Interval, Ledger, Machine, ProgramRuns,
    SliceFault, Steering, Timestamp, TrialData,
};
use serde_json::{Map, Value};
use slices::system::NEXT_LINKS_DISAGREED;
use sys::account::{HardwareCounts, Usage};
use sys::cpu::Pinned;
use sys::environment::Reading;

use super::super::merge::{client_counters, interval, of_client};
use super::agents::Sent;
use super::cost::cost;
use super::fault::fault;
use super::{AtRest, hardware, ledger};
use crate::agents::fault::FaultSeen;
use crate::agents::in_kernel::count::PAYLOAD_BYTES;
use crate::agents::serving::Counts;
use crate::agents::{host, router};
use crate::gates::frames::{self as gates, Seen};
use crate::plan::chain::FramePlan;

/// Everything that was seen of a packet trial.
pub(super) struct Evidence<'a> {
    pub(super) plan: &'a FramePlan,
    pub(super) sequence: u32,
    pub(super) started: Timestamp,
    pub(super) measure_started: Timestamp,
    pub(super) sent: Sent,
    /// What the CPU counted for the sender's threads in the measure phase.
    pub(super) sender_hardware: Reading<HardwareCounts>,
    /// The receiver in the measure phase.
    pub(super) arrived: Counts,
    /// The same in steps, where a slice was killed.
    pub(super) delivered_steps: Option<Vec<DeliveredStep>>,
    /// What was seen of that slice.
    pub(super) fault: Option<FaultSeen>,
    /// The systems in it, the sender's side first.
    pub(super) routers: Vec<router::Measured>,
    /// Kernel threads of every host in it.
    pub(super) kernel: Vec<host::Measured>,
    /// What was counted over the whole trial.
    pub(super) whole: AtRest,
    /// Who ran on the trial's CPUs.
    pub(super) machine: Machine,
    /// How long eBPF programs ran in the warmup; empty unless that was asked for.
    pub(super) programs: Vec<ProgramRuns>,
    /// Modes that the systems obtained.
    pub(super) obtained: Vec<(String, String)>,
    /// The devices with everything attached.
    pub(super) devices: Vec<DeviceState>,
}

/// The measure phase as both ends saw it.
pub(super) struct Phase {
    /// Its length, ns.
    pub(super) length_ns: u64,
    /// Frames delivered in it: counted by the receiver, or back at the sender.
    pub(super) delivered: u64,
    /// UDP payload of them, bytes.
    pub(super) payload_bytes: u64,
    /// What the sender's threads used.
    pub(super) sender: Usage,
}

/// What only frames that come back have.
struct Times {
    latency: Latency,
    intervals: Vec<Interval>,
    unanswered: u64,
}

/// The trial's data.
pub(super) fn merge(evidence: Evidence<'_>) -> TrialData {
    let plan = evidence.plan;
    let phase = phase(&evidence);
    let ledger = whole_ledger(plan, &evidence.sent, &evidence.whole);
    let cost = cost(
        &phase,
        &evidence.routers,
        (&plan.hosts, &evidence.kernel),
        &evidence.machine,
    );
    let (send_lag, pinned) = match &evidence.sent {
        Sent::OneWay(report) => (&report.send_lag, &report.pinned),
        Sent::RoundTrip(report) => (&report.send_lag, &report.pinned),
    };
    let smells = gates::judge(&Seen {
        plan,
        kernel: &evidence.kernel,
        pinned: &all_pinned(&evidence, pinned),
        send_lag,
        length_ns: phase.length_ns,
        ledger: &ledger,
        machine: &evidence.machine,
        cost: &cost,
        obtained: &evidence.obtained,
        delivered: phase.delivered,
        disagreed: disagreed(&evidence.whole),
    });
    let times = times(&evidence.sent);
    let (latency, intervals, unanswered) = match times {
        None => (Latency::new(), Vec::new(), 0),
        Some(times) => (times.latency, times.intervals, times.unanswered),
    };
    TrialData {
        trial: plan.trial.clone(),
        sequence: evidence.sequence,
        started: evidence.started,
        finished: Timestamp::now(),
        measure_started: evidence.measure_started,
        untimed_answers: (!plan.traffic.round_trip).then_some(phase.delivered),
        ledger,
        latency: latency.into_histogram(),
        unanswered_measured: unanswered,
        send_lag: send_lag.histogram().clone(),
        steering: Steering::default(),
        imbalance: None,
        cache_hit_ratio: None,
        unused_packet_memory: None,
        scans: None,
        frames: Some(result(&evidence, &phase)),
        recovery: recovery(&evidence),
        fault: slice_fault(&evidence),
        cost,
        drain: None,
        obtained: obtained(&evidence),
        counters: counters(&evidence),
        machine: Some(evidence.machine),
        hardware: Some(hardware::by_role(
            &evidence.routers,
            &evidence.sender_hardware,
        )),
        programs: evidence.programs,
        intervals,
        steering_steps: None,
        delivered_steps: evidence.delivered_steps,
        devices: evidence.devices,
        stall: None,
        trace: None,
        smells,
    }
}

/// Frames that the kernel sent another way than a mirror of its tables.
fn disagreed(whole: &AtRest) -> u64 {
    let routers = whole.counted.routers.iter();
    routers
        .map(|counters| counters.value(NEXT_LINKS_DISAGREED))
        .sum()
}

fn whole_ledger(plan: &FramePlan, sent: &Sent, whole: &AtRest) -> Ledger {
    match sent {
        Sent::OneWay(report) => ledger::one_way(plan, (report.due, report.made), whole),
        Sent::RoundTrip(report) => of_client(report, ledger::drops(plan, whole)),
    }
}

fn phase(evidence: &Evidence<'_>) -> Phase {
    let payload = evidence.plan.traffic.payload();
    match &evidence.sent {
        Sent::OneWay(report) => {
            let related = &evidence.arrived.related;
            let bytes = related.iter().find(|(name, _)| name == PAYLOAD_BYTES);
            Phase {
                length_ns: report.measure_ns,
                delivered: evidence.arrived.executed,
                payload_bytes: bytes.map_or(0, |(_, bytes)| *bytes),
                sender: report.used,
            }
        }
        Sent::RoundTrip(report) => Phase {
            length_ns: report.measured.length_ns,
            delivered: report.measured.replies,
            payload_bytes: report.measured.replies * payload,
            sender: report.measured.used,
        },
    }
}

fn times(sent: &Sent) -> Option<Times> {
    match sent {
        Sent::OneWay(_) => None,
        Sent::RoundTrip(report) => Some(Times {
            latency: report.latency.clone(),
            intervals: report.intervals.iter().map(interval).collect(),
            unanswered: report.measured.unanswered,
        }),
    }
}

/// Every thread that was pinned.
fn all_pinned(evidence: &Evidence<'_>, sender: &[Pinned]) -> Vec<Pinned> {
    let systems = evidence.routers.iter().flat_map(|router| &router.pinned);
    let napi = evidence.kernel.iter().flat_map(|host| &host.pinned);
    sender.iter().chain(systems).chain(napi).cloned().collect()
}

fn slice_fault(evidence: &Evidence<'_>) -> Option<SliceFault> {
    let receiver = &evidence.whole.counted.programs.receiver;
    let steps = evidence.delivered_steps.as_deref().unwrap_or_default();
    let seen = evidence.fault.as_ref()?;
    Some(fault(seen, receiver, steps))
}

fn result(evidence: &Evidence<'_>, phase: &Phase) -> FrameResult {
    let coded = ledger::coded(evidence.plan, &evidence.whole);
    let whole = &evidence.whole.counted.routers;
    FrameResult {
        frame_bytes: u32::try_from(evidence.plan.traffic.frame_size.get()).unwrap_or(u32::MAX),
        payload_bytes: phase.payload_bytes,
        recovered: whole.iter().map(|counters| counters.recovered).sum(),
        repairs: whole.iter().map(|counters| counters.made).sum(),
        lost: (evidence.plan.traffic.processor.code())
            .filter(|link| link.loss.get() > 0)
            .map(|_| coded.lost),
        link_bytes: ledger::link_bytes(evidence.plan, &evidence.whole),
    }
}

/// For how long frames that were recovered had been missing; `None` without a code.
fn recovery(evidence: &Evidence<'_>) -> Option<Histogram<u64>> {
    evidence.plan.traffic.processor.code()?;
    let mut times = Latency::new().into_histogram();
    let routers = evidence.whole.counted.routers.iter();
    for (ns, frames) in routers.flat_map(|counted| &counted.recovery_ns) {
        times.saturating_record_n(*ns, *frames);
    }
    Some(times)
}

fn counters(evidence: &Evidence<'_>) -> Vec<CounterRow> {
    let row = |scope: &str, name: &str, value| CounterRow {
        scope: scope.to_owned(),
        name: name.to_owned(),
        value,
    };
    let whole = &evidence.whole;
    let mut rows = whole.lab.clone();
    for (router, counted) in evidence.plan.routers.iter().zip(&whole.counted.routers) {
        let scope = router.scope;
        rows.extend(
            counted
                .all
                .iter()
                .map(|one| row(scope, &format!("{} {}", one.scope, one.name), one.value)),
        );
        rows.extend([
            row(scope, "frames_received", counted.received),
            row(scope, "frames_sent", counted.sent),
            row(scope, "frames_made", counted.made),
            row(scope, "frames_recovered", counted.recovered),
        ]);
    }
    let programs = &whole.counted.programs;
    let arrived = programs.receiver.executed;
    rows.push(row("receiver", "frames_arrived", arrived));
    for (scope, counts) in [("receiver", &programs.receiver), ("path", &programs.path)] {
        let related = counts.related.iter();
        rows.extend(related.map(|(name, value)| row(scope, name, *value)));
    }
    match &evidence.sent {
        Sent::OneWay(report) => rows.extend([
            row("sender", "frames_due", report.due),
            row("sender", "frames_made", report.made),
            row("sender, measure phase", "frames_made", report.made_measured),
        ]),
        Sent::RoundTrip(report) => rows.extend(client_counters(report)),
    }
    rows
}

fn obtained(evidence: &Evidence<'_>) -> Value {
    let modes = evidence.obtained.iter();
    let mut map: Map<String, Value> = modes
        .map(|(name, mode)| (name.clone(), Value::from(mode.clone())))
        .collect();
    let transport = match &evidence.sent {
        Sent::OneWay(_) => "xdp live frames".to_owned(),
        Sent::RoundTrip(report) => report.transport.clone(),
    };
    map.insert("sender".to_owned(), Value::from(transport));
    map.insert(
        "placement".to_owned(),
        serde_json::to_value(&evidence.plan.placement).unwrap_or(Value::Null),
    );
    Value::Object(map)
}
