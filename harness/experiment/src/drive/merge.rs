//! What every role counted, as one trial's data. Pure.
//!
//! A lost request is named by the one counter that saw it go; the places are, in the order in which
//! a request passes them: the link to the server (and a switch in it), the server (steering program, rings or sockets,
//! threads), the link back, the client's rings or sockets, the client's timeout.

use kv::server::DropLine;
use loadgen::ClientReport;
use record::{
    CounterRow, DeviceState, DropCount, Hardware, Interval, Ledger, Machine, ProgramRuns,
    RoleHardware, StallSeen, Steering, Timestamp, TrialData,
};
use serde_json::{Map, Value};
use sys::account::HardwareCounts;
use sys::environment::Reading;

use super::cost::cost;
use super::scans::scans;
use super::skew::imbalance;
use super::switched;
use super::trial::Driven;
use crate::agents::repartition::Repartitioned;
use crate::agents::serving::Counts;
use crate::gates::{self, Seen};
use crate::plan::Plan;

use super::trace::{services, trace_rows};
/// Everything that was seen of a trial.
pub(crate) struct Evidence<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) sequence: u32,
    pub(crate) started: Timestamp,
    pub(crate) measure_started: Timestamp,
    /// The client's view.
    pub(crate) report: ClientReport,
    /// What the load did to the server and its hosts.
    pub(crate) driven: Driven,
    /// The server over the whole trial.
    pub(crate) server: Counts,
    /// Who ran on the trial's CPUs.
    pub(crate) machine: Machine,
    /// How long eBPF programs ran in the warmup; empty unless that was asked for.
    pub(crate) programs: Vec<ProgramRuns>,
    /// What the CPU counted for the client's threads.
    pub(crate) client_hardware: Reading<HardwareCounts>,
    /// The hosts' counters before the first request and after the last.
    pub(crate) lab_before: Vec<CounterRow>,
    pub(crate) lab_after: Vec<CounterRow>,
    /// Modes that the roles obtained.
    pub(crate) obtained: Vec<(String, String)>,
    /// The devices with everything attached.
    pub(crate) devices: Vec<DeviceState>,
    /// When the server's process was stopped, if it was.
    pub(crate) stall: Option<StallSeen>,
}

/// The trial's data.
pub(crate) fn merge(evidence: Evidence<'_>) -> TrialData {
    let lab = difference(&evidence.lab_before, &evidence.lab_after);
    let ledger = ledger(&evidence, &lab);
    let cost = cost(&evidence.driven, &evidence.report, &evidence.machine);
    let smells = gates::judge(&Seen {
        plan: evidence.plan,
        report: &evidence.report,
        measured: &evidence.driven.measured,
        server: &evidence.server,
        kernel: evidence.driven.kernel.as_ref(),
        switch: evidence.driven.switch.as_ref(),
        machine: &evidence.machine,
        cost: &cost,
        obtained: &evidence.obtained,
    });
    let Evidence {
        plan,
        sequence,
        started,
        measure_started,
        report,
        driven: Driven {
            measured, drain, ..
        },
        devices,
        stall,
        ..
    } = evidence;
    let untimed = !plan.trial.load.has_latency();
    let mut counters = lab;
    counters.extend(
        evidence
            .server
            .related
            .iter()
            .map(|(name, value)| CounterRow {
                scope: "server".to_owned(),
                name: name.clone(),
                value: *value,
            }),
    );
    counters.extend(client_counters(&report));
    // A spinner's CPU time says little without the part in which it found nothing to do.
    counters.extend(measured.empty_polling_ns.map(|value| CounterRow {
        scope: "server, measure phase".to_owned(),
        name: "empty_polling_ns".to_owned(),
        value,
    }));
    counters.extend(measured.repartitioned.iter().flat_map(repartitioned));
    let counts = &measured.counts;
    TrialData {
        trial: plan.trial.clone(),
        sequence,
        started,
        finished: Timestamp::now(),
        measure_started,
        untimed_answers: untimed.then_some(report.measured.answered),
        ledger,
        latency: report.latency.histogram().clone(),
        unanswered_measured: report.measured.unanswered,
        send_lag: report.send_lag.histogram().clone(),
        steering: Steering {
            handoffs: counts.handoffs,
            frame_returns: counts.frame_returns,
            wakeups_app: counts.wakeups_app,
            wakeups_kernel: counts.wakeups_kernel,
            cross_core_hops: counts.cross_core_hops,
            misroutes: counts.misroutes,
        },
        imbalance: imbalance(&plan.trial, &counts.related),
        cache_hit_ratio: cache_hit_ratio(&counts.related),
        unused_packet_memory: unused_packet_memory(&counts.related),
        scans: scans(&plan.trial, counts),
        frames: None,
        recovery: None,
        cost,
        drain: drain.map(|drain| drain.times),
        machine: Some(evidence.machine),
        hardware: Some(RoleHardware {
            server: hardware(&measured.hardware),
            client: hardware(&evidence.client_hardware),
        }),
        programs: evidence.programs,
        obtained: obtained(plan, &evidence.obtained, &report),
        intervals: report.intervals.iter().map(interval).collect(),
        steering_steps: measured.steering_steps.clone(),
        devices,
        counters,
        stall,
        trace: (report.trace.as_ref()).map(|trace| trace_rows(trace, services(&plan.trial))),
        smells,
    }
}

/// Of what a cache in the path saw and could hold, gets or calls, the share that it answered.
fn cache_hit_ratio(counted: &[(String, u64)]) -> Option<f64> {
    let of = |cache: &str| {
        let hits = count(counted, &format!("{cache}_hits"))?;
        let passed = count(counted, &format!("{cache}_gets_passed"))?;
        ratio(hits, hits + passed)
    };
    ["netcache", "responses"].into_iter().find_map(of)
}

/// Bytes of chunks that were no frame's, by request.
fn unused_packet_memory(counted: &[(String, u64)]) -> Option<f64> {
    let unused = count(counted, "umem_bytes_wasted")?;
    ratio(unused, count(counted, "requests_received")?)
}

fn count(counted: &[(String, u64)], name: &str) -> Option<f64> {
    let found = counted.iter().find(|(other, _)| other == name);
    found.map(|(_, count)| *count as f64)
}

fn ratio(part: f64, whole: f64) -> Option<f64> {
    (whole > 0.0).then(|| part / whole)
}

pub(super) fn interval(interval: &loadgen::Interval) -> Interval {
    Interval {
        start_ns: interval.start_ns,
        requests: interval.requests,
        latency: interval.latency.histogram().clone(),
    }
}

/// A role's counts as they are recorded.
pub(super) fn hardware(reading: &Reading<HardwareCounts>) -> Hardware {
    match reading {
        Reading::Known(counts) => Hardware::Counted {
            cycles: counts.cycles,
            instructions: counts.instructions,
            cache_misses: counts.cache_misses,
        },
        Reading::Absent { absent } => Hardware::Absent {
            reason: absent.clone(),
        },
    }
}

fn ledger(evidence: &Evidence<'_>, lab: &[CounterRow]) -> Ledger {
    let mut drops: Vec<DropCount> = evidence.server.drops.iter().map(from_server).collect();
    drops.extend(link_drops(lab));
    drops.extend(switched::drops(lab));
    of_client(&evidence.report, drops)
}

/// The ledger of a client's requests, of which so many were lost before the replies reached it.
pub(super) fn of_client(report: &ClientReport, mut drops: Vec<DropCount>) -> Ledger {
    let client = &report.ledger;
    drops.extend(report.losses.drops.iter().map(|drop| DropCount {
        reason: format!("client_{}", drop.name),
        counter: drop.source.clone(),
        requests: drop.count,
    }));
    drops.push(DropCount {
        reason: "late_reply".to_owned(),
        counter: "client: complete replies after the timeout".to_owned(),
        requests: client.late,
    });
    drops.push(DropCount {
        reason: "partial_reply".to_owned(),
        counter: "client: replies of which some datagrams never came".to_owned(),
        requests: client.partial,
    });
    Ledger {
        offered: client.offered,
        unsent: client.unsent,
        sent: client.sent,
        answered: client.answered,
        timed_out: client.timed_out,
        further_parts: client.further_parts,
        drops,
        duplicates: client.duplicates,
    }
}

fn from_server(line: &DropLine) -> DropCount {
    DropCount {
        reason: line.name.clone(),
        counter: line.source.clone(),
        requests: line.requests,
    }
}

/// Packets that a link refused, by direction.
fn link_drops(lab: &[CounterRow]) -> Vec<DropCount> {
    let directions = [
        ("client host", "request_link"),
        ("server host", "reply_link"),
    ];
    directions
        .into_iter()
        .flat_map(|(scope, reason)| {
            lab.iter()
                .filter(move |row| row.scope == scope && row.name.ends_with(" tx_dropped"))
                .map(move |row| DropCount {
                    reason: reason.to_owned(),
                    counter: format!("{}: {}", row.scope, row.name),
                    requests: row.value,
                })
        })
        .collect()
}

/// What moving slots took, as counters.
fn repartitioned(seen: &Repartitioned) -> [CounterRow; 2] {
    let row = |name: &str, value| CounterRow {
        scope: "server, measure phase".to_owned(),
        name: name.to_owned(),
        value,
    };
    [
        row("repartitioned_slots", seen.slots),
        row("repartition_ns", seen.took_ns),
    ]
}

/// What was counted between two readings.
pub(super) fn difference(before: &[CounterRow], after: &[CounterRow]) -> Vec<CounterRow> {
    after
        .iter()
        .map(|row| {
            let earlier = before
                .iter()
                .find(|old| old.scope == row.scope && old.name == row.name)
                .map_or(0, |old| old.value);
            CounterRow {
                value: row.value.saturating_sub(earlier),
                ..row.clone()
            }
        })
        .collect()
}

pub(super) fn client_counters(report: &ClientReport) -> Vec<CounterRow> {
    let ledger = &report.ledger;
    let rows = [
        ("errors", ledger.errors),
        ("malformed", ledger.malformed),
        ("hits", ledger.hits),
        ("misses", ledger.misses),
        ("wrong_values", ledger.wrong_values),
        ("unknown_datagrams", ledger.unknown),
        ("noreply", ledger.noreply),
        ("request_datagrams", ledger.datagrams),
    ];
    let seen = report
        .losses
        .evidence
        .iter()
        .map(|seen| (seen.name.as_str(), seen.count));
    rows.into_iter()
        .chain(seen)
        .map(|(name, value)| CounterRow {
            scope: "client".to_owned(),
            name: name.to_owned(),
            value,
        })
        .collect()
}

fn obtained(plan: &Plan, modes: &[(String, String)], report: &ClientReport) -> Value {
    let mut map: Map<String, Value> = modes
        .iter()
        .map(|(name, mode)| (name.clone(), Value::from(mode.clone())))
        .collect();
    map.insert(
        "client transport".to_owned(),
        Value::from(report.transport.clone()),
    );
    map.insert("schedule".to_owned(), Value::from(report.schedule.clone()));
    map.insert(
        "placement".to_owned(),
        serde_json::to_value(&plan.placement).unwrap_or(Value::Null),
    );
    Value::Object(map)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(scope: &str, name: &str, value: u64) -> CounterRow {
        CounterRow {
            scope: scope.to_owned(),
            name: name.to_owned(),
            value,
        }
    }

    #[test]
    fn counters_are_told_as_their_change() {
        let before = [row("server host", "Udp InDatagrams", 40)];
        let after = [
            row("server host", "Udp InDatagrams", 100),
            row("server host", "new", 7),
        ];
        let values: Vec<u64> = difference(&before, &after)
            .iter()
            .map(|row| row.value)
            .collect();
        assert_eq!(values, [60, 7]);
    }

    #[test]
    fn a_cache_that_saw_no_get_has_no_hit_ratio() {
        let counted = |hits, passed| {
            let name = |of: &str, count| (format!("netcache_{of}"), count);
            [name("hits", hits), name("gets_passed", passed)]
        };
        assert_eq!(cache_hit_ratio(&counted(3, 1)), Some(0.75));
        let responses = counted(1, 3).map(|(name, count)| {
            let name = name.replace("netcache", "responses");
            (name, count)
        });
        assert_eq!(cache_hit_ratio(&responses), Some(0.25));
        assert_eq!(cache_hit_ratio(&counted(0, 0)), None);
        assert_eq!(cache_hit_ratio(&[]), None);
    }

    #[test]
    fn unused_packet_memory_is_told_by_request() {
        let counted = [("umem_bytes_wasted", 5_700), ("requests_received", 3)];
        let counted = counted.map(|(name, count)| (name.to_owned(), count));
        assert_eq!(unused_packet_memory(&counted), Some(1_900.0));
        assert_eq!(unused_packet_memory(&counted[..1]), None);
        assert_eq!(unused_packet_memory(&counted[1..]), None);
    }

    #[test]
    fn each_direction_of_the_link_has_its_own_line() {
        let lab = [
            row("client host", "client0 tx_dropped", 3),
            row("client host", "client0 rx_dropped", 5),
            row("server host", "server0 tx_dropped", 2),
        ];
        let drops: Vec<(String, u64)> = link_drops(&lab)
            .into_iter()
            .map(|drop| (drop.reason, drop.requests))
            .collect();
        assert_eq!(
            drops,
            [("request_link".to_owned(), 3), ("reply_link".to_owned(), 2)]
        );
    }
}
