//! A small run to record.

use hdrhistogram::Histogram;
use record::{
    Activity, Cost, CounterRow, DeviceState, DropCount, FrameResult, Hardware, Imbalance, Interval,
    Ledger, Machine, ProgramRuns, RoleHardware, RunFolder, RunId, RunRecord, Scans, Steering,
    Timestamp, TrialData,
};
use serde_json::json;
use spec::{Spec, Trial, expand};

const TEXT: &str = "
name: tiny
topology: {kind: veth, queues: 2}
systems: [sphinx, xdp_steered]
workload:
  keys: 1 k
  key_size: 16 B
  value_size: 64 B
  popularity: {zipf: 0.99}
  get_ratio: 0.95
load: {rates: [10 kreq/s]}
phases: {warmup: 100 ms, measure: 500 ms, timeout: 100 ms}
blocks: 2
floor: false
";

pub(crate) fn spec() -> Spec {
    Spec::parse(TEXT, "tiny.yaml").expect("a good spec")
}

pub(crate) fn trials() -> Vec<Trial> {
    expand(&spec())
}

/// A new folder below `output`.
pub(crate) fn create(output: &std::path::Path) -> RunFolder {
    let started = Timestamp::now();
    let run = RunRecord::begin(&spec(), RunId::new(started, "a test"), started);
    RunFolder::create(output, run).expect("a writable folder")
}

pub(crate) fn histogram(values: impl IntoIterator<Item = u64>) -> Histogram<u64> {
    let mut histogram = Histogram::new_with_bounds(1, 10_000_000_000, 3).expect("sane bounds");
    for value in values {
        histogram.record(value).expect("within bounds");
    }
    histogram
}

/// A trial of 6000 requests of which 100 were dropped for a named reason, 50 of them measured.
pub(crate) fn data(trial: Trial, sequence: u32) -> TrialData {
    let now = Timestamp::now();
    TrialData {
        trial,
        sequence,
        started: now,
        finished: now,
        measure_started: now,
        ledger: Ledger {
            offered: 6000,
            unsent: 0,
            sent: 6000,
            answered: 5900,
            timed_out: 100,
            further_parts: 0,
            drops: vec![DropCount {
                reason: "rx_ring_full".to_owned(),
                counter: "xsk/rx_ring_full".to_owned(),
                requests: 100,
            }],
            duplicates: 0,
        },
        latency: histogram((1..=4950).map(|index| index * 100)),
        unanswered_measured: 50,
        untimed_answers: None,
        send_lag: histogram([500; 1000]),
        steering: Steering {
            handoffs: Some(2500),
            misroutes: Some(0),
            ..Steering::default()
        },
        imbalance: Some(Imbalance {
            measured: 1.25,
            expected: Some(1.2),
            bound: Some(1.125),
        }),
        cache_hit_ratio: Some(0.5),
        unused_packet_memory: Some(1_900.0),
        scans: Some(Scans {
            scans: 1000,
            keys: 16_000,
            handoffs: Some(950),
        }),
        frames: Some(FrameResult {
            frame_bytes: 1_514,
            payload_bytes: 92_000_000,
            recovered: 3,
            repairs: 2_250,
            lost: Some(4),
            link_bytes: Some(140_000_000),
        }),
        recovery: Some(histogram([250_000; 3])),
        cost: cost(),
        drain: None,
        machine: Some(machine()),
        hardware: Some(hardware()),
        programs: vec![ProgramRuns {
            program: "steer".to_owned(),
            runs: 1_000,
            run_ns: 90_000,
        }],
        obtained: json!({"xdp": "native", "bind": "copy"}),
        intervals: vec![
            Interval {
                start_ns: 0,
                requests: 2500,
                latency: histogram((1..=2500).map(|index| index * 100)),
            },
            Interval {
                start_ns: 250_000_000,
                requests: 2500,
                latency: histogram((1..=2450).map(|index| index * 200)),
            },
        ],
        steering_steps: None,
        devices: vec![DeviceState {
            host: "server host".to_owned(),
            device: json!({"driver": "veth"}),
        }],
        counters: vec![CounterRow {
            scope: "xdp:steer".to_owned(),
            name: "redirected".to_owned(),
            value: 5900,
        }],
        stall: None,
        trace: None,
        smells: Vec::new(),
    }
}

/// What the trial cost.
fn cost() -> Cost {
    Cost {
        dispatcher_cpu_ns: None,
        dispatcher_empty_ns: None,
        switch_cpu_ns: None,
        server_cpu_ns: Some(50_000_000),
        napi_cpu_ns: Some(25_000_000),
        load_cpu_ns: None,
        ksoftirqd_share: Some(0.001),
        client_cpu_ns: None,
        client_napi_cpu_ns: None,
        replies_measured: 5000,
        requests_executed: 5000,
        server_activity: Some(Activity {
            wait_ns: 5_000_000,
            voluntary_switches: 400,
            involuntary_switches: 30,
            minor_faults: 2,
            major_faults: 0,
        }),
        client_activity: None,
        ksoftirqd_cpu_ns: Some(100_000),
        unaccounted_share: Some(0.08),
    }
}

fn machine() -> Machine {
    Machine {
        window_ns: 520_000_000,
        cpus: 2,
        busy_ns: 300_000_000,
        own_ns: 250_000_000,
        kernel_ns: 1_000_000,
        foreign_ns: 26_000_000,
        foreign_wait_ns: 9_000_000,
        steal_ns: 10_400_000,
        tasks_begun: 3,
        busiest_foreign: Some("cc1 (process 77)".to_owned()),
        pressure_share: Some(0.125),
    }
}

fn hardware() -> RoleHardware {
    RoleHardware {
        server: Hardware::Counted {
            cycles: 30_000_000,
            instructions: 20_000_000,
            cache_misses: 1_000,
        },
        client: Hardware::Absent {
            reason: "no such counters".to_owned(),
        },
    }
}
