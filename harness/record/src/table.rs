//! The tables: one row per trial, one per probe cell, in the order of columns that is promised.

mod account;
mod fault;
mod frames;
mod several;

use std::collections::BTreeSet;

use spec::Trial;

use crate::capacity::CapacityRecord;
use crate::failure::FailureRecord;
use crate::probe::ProbeRecord;
use crate::trial::TrialRecord;

/// Columns before the drops.
const HEAD: [&str; 20] = [
    "trial_id",
    "block",
    "system",
    "label",
    "io",
    "engine",
    "topology",
    "fidelity",
    "keys",
    "theta",
    "get_ratio",
    "swept",
    "load",
    "offered_rps",
    "achieved_rps",
    "offered",
    "unsent",
    "sent",
    "answered",
    "timed_out",
];

/// Columns after the drops.
const TAIL: [&str; 32] = [
    "remainder",
    "p50_ns",
    "p90_ns",
    "p99_ns",
    "p99_9_ns",
    "p99_99_ns",
    "max_ns",
    "mean_ns",
    "send_lag_p99_ns",
    "handoffs",
    "frame_returns",
    "wakeups_app",
    "wakeups_kernel",
    "cross_core_hops",
    "misroutes",
    "cpu_ns_per_request",
    "server_cpu_ns_per_request",
    "napi_cpu_ns_per_request",
    "ksoftirqd_share",
    "client_cpu_ns_per_request",
    "client_napi_cpu_ns_per_request",
    "load_cpu_ns_per_request",
    "drain_cpu_ns_per_request",
    "drain_ns",
    "first_idle_ns",
    "replies_measured",
    "requests_executed",
    "imbalance",
    "imbalance_expected",
    "imbalance_bound",
    "cache_hit_ratio",
    "unused_bytes_per_request",
];

/// The last columns.
const VERDICT: [&str; 4] = ["valid", "smells", "started", "sequence"];

/// Columns of `probes.csv`.
const PROBE: [&str; 13] = [
    "cell_id",
    "mechanism",
    "pair_class",
    "mode",
    "writer_cpu",
    "reader_cpu",
    "samples",
    "p50_ns",
    "p90_ns",
    "p99_ns",
    "p99_9_ns",
    "max_ns",
    "mean_ns",
];

/// Columns of `failures.csv`.
const FAILURE: [&str; 11] = [
    "trial_id",
    "block",
    "system",
    "label",
    "io",
    "load",
    "status",
    "reason",
    "attempts",
    "failed_at",
    "sequence",
];

/// Columns by which both capacity tables name a search.
const SEARCH: [&str; 9] = [
    "system",
    "label",
    "io",
    "topology",
    "fidelity",
    "keys",
    "theta",
    "get_ratio",
    "swept",
];

/// A table as rows of text, the header first.
pub(crate) type Rows = Vec<Vec<String>>;

fn cell<T: ToString>(value: Option<T>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}

/// One decimal is below anything measured in nanoseconds.
pub(crate) fn decimal(value: Option<f64>) -> String {
    value.map(|value| format!("{value:.1}")).unwrap_or_default()
}

/// Four decimals tell ratios of some thousand requests apart.
fn ratio(value: Option<f64>) -> String {
    value.map(|value| format!("{value:.4}")).unwrap_or_default()
}

/// `trials.csv`: a column `drop_<reason>` for each reason that any trial of the run names.
pub(crate) fn trials<'a>(
    records: impl Iterator<Item = &'a TrialRecord> + Clone,
    sweep: Option<&spec::Sweep>,
) -> Rows {
    let reasons: BTreeSet<&str> = records
        .clone()
        .flat_map(|record| record.ledger.drops.iter().map(|drop| drop.reason.as_str()))
        .collect();
    let drops = reasons.iter().map(|reason| format!("drop_{reason}"));
    let head = HEAD.into_iter().map(String::from);
    let header = head
        .chain(drops)
        .chain(TAIL.into_iter().map(String::from))
        .chain(account::COLUMNS.into_iter().map(String::from))
        .chain(several::COLUMNS.into_iter().map(String::from))
        .chain(frames::COLUMNS.into_iter().map(String::from))
        .chain(fault::COLUMNS.into_iter().map(String::from))
        .chain(VERDICT.into_iter().map(String::from))
        .collect();
    let mut rows = vec![header];
    rows.extend(records.map(|record| {
        let mut row = before_drops(record, sweep);
        row.extend(
            reasons
                .iter()
                .map(|reason| record.ledger.dropped_for(reason).to_string()),
        );
        row.extend(after_drops(record));
        row.extend(account::cells(record));
        row.extend(several::cells(record));
        row.extend(frames::cells(record));
        row.extend(fault::cells(record));
        row.extend(verdict(record));
        row
    }));
    rows
}

/// What keeps the items; empty where no store of this project's does.
fn engine(system: &spec::System) -> String {
    let usual = system.system.engines().first().map(|_| spec::Engine::Slab);
    system
        .engine
        .or(usual)
        .map_or_else(String::new, |engine| engine.name().to_owned())
}

/// What is asked of the keys: their number, how skewed they are asked for, the share of gets; empty where frames are
/// forwarded.
fn workload(trial: &Trial) -> [String; 3] {
    let workload = trial.workload();
    [
        cell(workload.map(|it| it.keys.get())),
        cell(workload.map(|it| it.popularity.theta())),
        cell(workload.map(|it| it.get_ratio)),
    ]
}

fn before_drops(record: &TrialRecord, sweep: Option<&spec::Sweep>) -> Vec<String> {
    let (trial, ledger) = (&record.trial, &record.ledger);
    let [keys, theta, get_ratio] = workload(trial);
    vec![
        record.trial_id.to_string(),
        trial.block.to_string(),
        trial.system.system.to_string(),
        trial.system.label.clone(),
        trial.system.io.name().to_owned(),
        engine(&trial.system),
        trial.topology.kind.name().to_owned(),
        trial.topology.kind.fidelity().to_owned(),
        keys,
        theta,
        get_ratio,
        sweep.map(|sweep| sweep.of(trial)).unwrap_or_default(),
        trial.load.to_string(),
        cell(trial.load.rate().map(spec::Rate::get)),
        format!("{:.1}", record.achieved_rps()),
        ledger.offered.to_string(),
        ledger.unsent.to_string(),
        ledger.sent.to_string(),
        ledger.answered.to_string(),
        ledger.timed_out.to_string(),
    ]
}

fn after_drops(record: &TrialRecord) -> Vec<String> {
    let (latency, steering, cost) = (&record.latency, &record.steering, &record.cost);
    let per_reply = |ns: Option<u64>| {
        let replies = cost.replies_measured;
        decimal(
            ns.filter(|_| replies > 0)
                .map(|ns| ns as f64 / replies as f64),
        )
    };
    let both = cost
        .server_cpu_ns
        .zip(cost.napi_cpu_ns)
        .map(|(server, napi)| server + napi);
    vec![
        record.ledger.remainder().to_string(),
        cell(latency.p50_ns),
        cell(latency.p90_ns),
        cell(latency.p99_ns),
        cell(latency.p99_9_ns),
        cell(latency.p99_99_ns),
        cell(latency.max_ns),
        decimal(latency.mean_ns),
        cell(record.send_lag.p99_ns),
        cell(steering.handoffs),
        cell(steering.frame_returns),
        cell(steering.wakeups_app),
        cell(steering.wakeups_kernel),
        cell(steering.cross_core_hops),
        cell(steering.misroutes),
        per_reply(both),
        per_reply(cost.server_cpu_ns),
        per_reply(cost.napi_cpu_ns),
        ratio(cost.ksoftirqd_share),
        per_reply(cost.client_cpu_ns),
        per_reply(cost.client_napi_cpu_ns),
        per_reply(cost.load_cpu_ns),
        per_reply(
            both.zip(cost.load_cpu_ns)
                .map(|(both, load)| both.saturating_sub(load)),
        ),
        cell(record.drain.map(|drain| drain.drain_ns)),
        cell(record.drain.and_then(|drain| drain.first_idle_ns)),
        cost.replies_measured.to_string(),
        cost.requests_executed.to_string(),
        ratio(record.imbalance.map(|it| it.measured)),
        ratio(record.imbalance.and_then(|it| it.expected)),
        ratio(record.imbalance.and_then(|it| it.bound)),
        ratio(record.cache_hit_ratio),
        ratio(record.unused_packet_memory),
    ]
}

fn verdict(record: &TrialRecord) -> Vec<String> {
    let smells: BTreeSet<&str> = record
        .smells
        .iter()
        .map(crate::smell::Smell::code)
        .collect();
    vec![
        record.valid.to_string(),
        smells.into_iter().collect::<Vec<_>>().join(";"),
        record.started.to_string(),
        record.sequence.to_string(),
    ]
}

/// `failures.csv`.
pub(crate) fn failures<'a>(records: impl Iterator<Item = &'a FailureRecord>) -> Rows {
    let mut rows = vec![FAILURE.map(String::from).to_vec()];
    rows.extend(records.map(|record| {
        let trial = &record.trial;
        vec![
            record.trial_id.to_string(),
            trial.block.to_string(),
            trial.system.system.to_string(),
            trial.system.label.clone(),
            trial.system.io.name().to_owned(),
            trial.load.to_string(),
            record.status.name().to_owned(),
            record.reason.clone(),
            record.attempts.to_string(),
            record.failed_at.to_string(),
            record.sequence.to_string(),
        ]
    }));
    rows
}

fn search(record: &CapacityRecord, sweep: Option<&spec::Sweep>) -> Vec<String> {
    let trial = &record.first;
    let [keys, theta, get_ratio] = workload(trial);
    vec![
        trial.system.system.to_string(),
        trial.system.label.clone(),
        trial.system.io.name().to_owned(),
        trial.topology.kind.name().to_owned(),
        trial.topology.kind.fidelity().to_owned(),
        keys,
        theta,
        get_ratio,
        sweep.map(|sweep| sweep.of(trial)).unwrap_or_default(),
    ]
}

fn header(columns: &[&str]) -> Vec<String> {
    let all = SEARCH.iter().chain(columns);
    all.map(ToString::to_string).collect()
}

/// `capacity.csv`: a row for each search.
pub(crate) fn capacity(records: &[CapacityRecord], sweep: Option<&spec::Sweep>) -> Rows {
    let columns = [
        "owners",
        "passing_rps",
        "failing_rps",
        "passing_payload_gbps",
        "upper_verdict",
        "complete",
        "inversions",
        "trials",
        "refused",
    ];
    let mut rows = vec![header(&columns)];
    rows.extend(records.iter().map(|record| {
        let inversions = record.inversions.iter();
        let inversions = inversions.map(|[low, high]| format!("{low}<{high}"));
        let trials: usize = record.rates.iter().map(|rate| rate.trials.len()).sum();
        let mut row = search(record, sweep);
        row.extend([
            record.first.system.owners.to_string(),
            cell(record.passing_rps),
            cell(record.failing_rps),
            frames::gbps(record.passing_payload_gbps()),
            cell(record.upper_verdict().map(|verdict| verdict.name())),
            record.complete.to_string(),
            inversions.collect::<Vec<_>>().join(";"),
            trials.to_string(),
            cell(record.refused.as_ref()),
        ]);
        row
    }));
    rows
}

/// `capacity_rates.csv`: a row for each rate that a search tried.
pub(crate) fn capacity_rates(records: &[CapacityRecord], sweep: Option<&spec::Sweep>) -> Rows {
    let columns = [
        "owners", "rate_rps", "passed", "failed", "invalid", "verdict",
    ];
    let mut rows = vec![header(&columns)];
    for record in records {
        rows.extend(record.rates.iter().map(|rate| {
            let mut row = search(record, sweep);
            row.extend([
                record.first.system.owners.to_string(),
                rate.rate_rps.to_string(),
                rate.passed.to_string(),
                rate.failed.to_string(),
                rate.invalid.to_string(),
                cell(rate.verdict.map(|verdict| verdict.name())),
            ]);
            row
        }));
    }
    rows
}

/// `probes.csv`.
pub(crate) fn probes<'a>(records: impl Iterator<Item = &'a ProbeRecord>) -> Rows {
    let header = PROBE
        .into_iter()
        .chain(["status"])
        .map(String::from)
        .collect();
    let mut rows = vec![header];
    rows.extend(records.map(|record| {
        vec![
            record.cell_id.clone(),
            record.mechanism.clone(),
            record.pair_class.clone(),
            record.mode.clone(),
            cell(record.writer_cpu),
            cell(record.reader_cpu),
            record.samples.to_string(),
            cell(record.time.p50_ns),
            cell(record.time.p90_ns),
            cell(record.time.p99_ns),
            cell(record.time.p99_9_ns),
            cell(record.time.max_ns),
            decimal(record.time.mean_ns),
            record.status.text().to_owned(),
        ]
    }));
    rows
}
