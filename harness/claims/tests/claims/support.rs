//! Runs to hold claims against: written by `record` as a run writes them, with known numbers.

use std::time::Duration;

use claims::{Claim, Finding, Verdict, judge};
use hdrhistogram::Histogram;
use record::{
    CounterRow, FrameResult, Percentiles, ProbeRecord, ProbeRound, ProbeStatus, RunFolder, RunId,
    RunRecord, SCHEMA_VERSION, Timestamp, TrialData,
};
use serde_json::json;
use spec::{Io, Spec, SystemKind, Trial, expand};
use tempfile::TempDir;

/// Requests of each trial.
pub(crate) const REQUESTS: u64 = 1000;

const LONGEST_NS: u64 = 10_000_000_000;

/// What one trial measured.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shape {
    /// The middle of the latencies, which lie within 10% of it.
    pub(crate) latency_ns: f64,
    /// Requests of the measure phase without a reply.
    pub(crate) unanswered: u64,
    /// Server and NAPI together, per request; nothing on loopback.
    pub(crate) cpu_ns: Option<f64>,
    pub(crate) handoffs: Option<u64>,
    pub(crate) misroutes: Option<u64>,
    pub(crate) valid: bool,
    /// Of a packet trial.
    pub(crate) frames: Option<FrameResult>,
}

/// A quiet system: 100 us, 10 us of CPU.
pub(crate) const QUIET: Shape = Shape {
    latency_ns: 100_000.0,
    unanswered: 0,
    cpu_ns: Some(10_000.0),
    handoffs: Some(0),
    misroutes: Some(0),
    valid: true,
    frames: None,
};

/// Sphinx over AF_XDP and xdp_steered at two loads.
pub(crate) fn spec(blocks: u32) -> Spec {
    const SYSTEMS: &str = "{system: sphinx, label: sphinx_xsk, io: af_xdp}, xdp_steered";
    spec_of(blocks, SYSTEMS, "5 kreq/s, 20 kreq/s")
}

/// These systems at these rates.
pub(crate) fn spec_of(blocks: u32, systems: &str, rates: &str) -> Spec {
    let text = format!(
        "
name: made
topology: {{kind: veth, queues: 2}}
systems: [{systems}]
workload: {{keys: 1 k, key_size: 16 B, value_size: 64 B, popularity: uniform, get_ratio: 1.0}}
load: {{rates: [{rates}]}}
phases: {{warmup: 100 ms, measure: 500 ms, timeout: 100 ms}}
blocks: {blocks}
"
    );
    Spec::parse(&text, "made.yaml").unwrap_or_else(|error| panic!("{error}"))
}

/// A run whose trials are as `shape` says; it lives as long as the folder that comes with it.
pub(crate) fn run(spec: &Spec, shape: impl Fn(&Trial) -> Shape) -> (TempDir, RunFolder) {
    let output = tempfile::tempdir().expect("a temporary folder");
    let started = Timestamp::now();
    let mut record = RunRecord::begin(spec, RunId::new(started, "made"), started);
    record.environment = json!({"cpu_model": "abacus", "kernel_release": "6.18"});
    let mut folder = RunFolder::create(output.path(), record).expect("a writable folder");
    for (sequence, trial) in (0..).zip(expand(spec)) {
        let shape = shape(&trial);
        folder
            .record_trial(&data(trial, sequence, shape))
            .expect("recorded");
    }
    (output, folder)
}

/// A factor near 1 that differs from block to block without a pattern, up to `size` away.
pub(crate) fn wobble(block: u32, salt: u32, size: f64) -> f64 {
    const STEPS: [f64; 13] = [
        0.3, -0.8, 0.9, -0.2, 0.6, -1.0, 0.1, -0.5, 1.0, -0.6, 0.4, -0.1, -0.3,
    ];
    1.0 + size * STEPS[((block * 5 + salt * 7) % 13) as usize]
}

pub(crate) fn is(trial: &Trial, system: SystemKind, io: Io) -> bool {
    trial.system.system == system && trial.system.io == io
}

/// Latencies within 10% of `middle_ns`.
pub(crate) fn times(middle_ns: f64, count: u64) -> Histogram<u64> {
    let mut histogram = Histogram::new_with_bounds(1, LONGEST_NS, 3).expect("sane bounds");
    for index in 0..count {
        let at = 0.9 + 0.2 * index as f64 / count as f64;
        histogram.record((middle_ns * at) as u64).expect("in range");
    }
    histogram
}

fn data(trial: Trial, sequence: u32, shape: Shape) -> TrialData {
    let mut data = TrialData::empty(trial, sequence, Timestamp::now(), LONGEST_NS).expect("sane");
    let lost = u64::from(!shape.valid);
    data.ledger.offered = REQUESTS;
    data.ledger.sent = REQUESTS;
    data.ledger.answered = REQUESTS - lost;
    data.ledger.timed_out = lost;
    data.latency = times(shape.latency_ns, REQUESTS - shape.unanswered);
    data.unanswered_measured = shape.unanswered;
    data.frames = shape.frames;
    data.steering.handoffs = shape.handoffs;
    data.steering.misroutes = shape.misroutes;
    let cpu_ns = shape.cpu_ns.map(|each| (each * REQUESTS as f64) as u64);
    data.cost.server_cpu_ns = cpu_ns;
    data.cost.napi_cpu_ns = cpu_ns.map(|_| 0);
    data.cost.replies_measured = REQUESTS;
    data.cost.requests_executed = REQUESTS;
    let by_owner = [("xdp_redirected_0", 600), ("xdp_redirected_1", 400)];
    data.counters = by_owner
        .map(|(name, value)| CounterRow {
            scope: "server".to_owned(),
            name: name.to_owned(),
            value,
        })
        .to_vec();
    data
}

/// Adds a cell of the probe with a round per middle time.
pub(crate) fn add_probe(folder: &mut RunFolder, pair_class: &str, middles_ns: &[f64]) {
    let record = ProbeRecord {
        schema_version: SCHEMA_VERSION,
        cell_id: format!("wakeup-eventfd-{pair_class}-idle"),
        mechanism: "eventfd".to_owned(),
        pair_class: pair_class.to_owned(),
        mode: "idle".to_owned(),
        writer_cpu: Some(0),
        reader_cpu: Some(1),
        samples: 0,
        time: Percentiles::default(),
        rounds: Vec::new(),
        status: ProbeStatus::Ok,
    };
    let rounds: Vec<ProbeRound> = middles_ns
        .iter()
        .map(|middle| ProbeRound {
            times: times(*middle, 1000),
            started: Timestamp::now(),
            length: Duration::from_secs(1),
        })
        .collect();
    folder.record_probe(record, &rounds).expect("recorded");
}

/// A claim with this subject and test.
pub(crate) fn claim(subject: &str, test: &str) -> Claim {
    Claim::parse(&text(subject, test), "made.yaml").unwrap_or_else(|error| panic!("{error}"))
}

/// Its YAML.
pub(crate) fn text(subject: &str, test: &str) -> String {
    format!(
        "id: made\npaper: encp19\nsection: '3.2'\nstatement: It is so.\nreading: As it says.\n\
         subject: {subject}\nexperiment: enberg2019/notification.yaml\n{test}\n"
    )
}

/// What the runs say of the claim.
pub(crate) fn finding(claim: &Claim, runs: &[RunFolder]) -> Finding {
    let claims = std::slice::from_ref(claim);
    let mut judgements = judge(claims, runs).expect("readable runs");
    assert_eq!(judgements.len(), 1);
    judgements.remove(0).finding
}

/// The cells that most claims here compare.
pub(crate) const XDP: &str = "{server: {system: xdp_steered}}";
pub(crate) const SPHINX: &str = "{server: {system: sphinx, io: af_xdp}}";

/// Latency of sphinx over AF_XDP is `ratio` times that of xdp_steered, with a wobble; half of its
/// requests are handed off.
pub(crate) fn apart(ratio: f64, size: f64) -> impl Fn(&Trial) -> Shape {
    move |trial| {
        let sphinx = trial.system.system == SystemKind::Sphinx;
        let factor = if sphinx { ratio } else { 1.0 };
        let salt = u32::from(sphinx);
        Shape {
            latency_ns: QUIET.latency_ns * factor * wobble(trial.block, salt, size),
            cpu_ns: QUIET
                .cpu_ns
                .map(|ns| ns * factor * wobble(trial.block, salt, size)),
            handoffs: Some(if sphinx { 500 } else { 0 }),
            ..QUIET
        }
    }
}

/// A run of sphinx and xdp_steered.
pub(crate) fn made(blocks: u32, shape: impl Fn(&Trial) -> Shape) -> (TempDir, [RunFolder; 1]) {
    let (output, folder) = run(&spec(blocks), shape);
    (output, [folder])
}

/// What such a run says of the claim.
pub(crate) fn verdict(claim: &Claim, blocks: u32, shape: impl Fn(&Trial) -> Shape) -> Verdict {
    found(claim, blocks, shape).verdict
}

/// The same with its number.
pub(crate) fn found(claim: &Claim, blocks: u32, shape: impl Fn(&Trial) -> Shape) -> Finding {
    let (_output, runs) = made(blocks, shape);
    finding(claim, &runs)
}
