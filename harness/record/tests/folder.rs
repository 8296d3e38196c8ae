//! The folder: whole trials or none, the promised tables, everything read back.

mod support;
mod tables;

use std::fs;
use std::time::Duration;

use base64::Engine;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::Deserializer;
use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};
use record::{
    Distribution, DropCount, Percentiles, ProbeRecord, ProbeRound, ProbeStatus, RecordError,
    RunFolder, Severity, Smell, Timestamp, TraceRow, runs_below,
};
use support::{create, data, histogram, spec, trials};
use tables::{files, table};

#[test]
fn a_run_is_laid_out_as_promised() {
    let output = tempfile::tempdir().expect("a temporary folder");
    let mut folder = create(output.path());
    assert_eq!(
        folder.path().parent(),
        Some(output.path().join("tiny").as_path())
    );
    assert_eq!(files(folder.path()), ["run.json", "spec.yaml", "trials"]);
    let trial = trials().remove(0);
    let id = trial.id();
    folder.record_trial(&data(trial, 0)).expect("recorded");
    assert_eq!(
        files(folder.path()),
        ["run.json", "spec.yaml", "trials", "trials.csv"]
    );
    assert_eq!(
        files(&folder.trial_folder(&id)),
        [
            "counters.csv",
            "intervals.csv",
            "intervals.parquet",
            "latency.csv",
            "latency.hlog",
            "recovery.hlog",
            "send_lag.hlog",
            "trial.json"
        ]
    );
    let yaml = fs::read_to_string(folder.path().join("spec.yaml")).expect("written");
    let back = spec::Spec::parse(&yaml, "spec.yaml").expect("a run can be repeated from it");
    assert_eq!(back, spec().resolved());
}

#[test]
fn the_table_has_a_row_a_trial_and_a_column_a_reason() {
    let output = tempfile::tempdir().expect("a temporary folder");
    let mut folder = create(output.path());
    for (sequence, trial) in (0..).zip(trials()) {
        let mut data = data(trial, sequence);
        if sequence == 2 {
            data.ledger.drops[0].requests = 60;
            data.ledger.drops.push(DropCount {
                reason: "fill_empty".to_owned(),
                counter: "xsk/fill_empty".to_owned(),
                requests: 39,
            });
        }
        folder.record_trial(&data).expect("recorded");
    }
    let (header, rows) = table(&folder.path().join("trials.csv"));
    // The other columns are those of docs/results.md, which a test of its own compares.
    let around = "timed_out,drop_fill_empty,drop_rx_ring_full,remainder";
    assert!(header.join(",").contains(around), "{header:?}");
    assert_eq!(rows.len(), 4);
    let row = &rows[0];
    for (column, value) in [
        ("block", "1"),
        ("topology", "veth"),
        ("keys", "1000"),
        ("theta", "0.99"),
        ("offered_rps", "10000"),
        ("achieved_rps", "9900.0"),
        ("drop_rx_ring_full", "100"),
        ("drop_fill_empty", "0"),
        ("remainder", "0"),
        ("p99_9_ns", ""),
        ("max_ns", ""),
        ("mean_ns", ""),
        ("handoffs", "2500"),
        ("frame_returns", ""),
        ("misroutes", "0"),
        ("cpu_ns_per_request", "15000.0"),
        ("server_cpu_ns_per_request", "10000.0"),
        ("napi_cpu_ns_per_request", "5000.0"),
        ("client_cpu_ns_per_request", ""),
        ("ksoftirqd_cpu_ns_per_request", "20.0"),
        ("unaccounted_share", "0.0800"),
        ("server_wait_ns_per_request", "1000.0"),
        ("server_involuntary_switches", "30"),
        ("client_voluntary_switches", ""),
        ("foreign_cpus", "0.0500"),
        ("steal_share", "0.0100"),
        ("pressure_share", "0.1250"),
        ("server_instructions", "20000000"),
        ("client_instructions", ""),
        ("valid", "true"),
        ("smells", ""),
    ] {
        assert_eq!(row[column], value, "{column}");
    }
    // 4950 of 5000 answered: the 99th percentile is the last answer, to HDR's three digits.
    let p99: u64 = row["p99_ns"].parse().expect("answered");
    assert!((495_000..=495_600).contains(&p99), "{p99}");
    assert_eq!(rows[2]["remainder"], "1");
    assert_eq!(
        (rows[2]["valid"].as_str(), rows[2]["smells"].as_str()),
        ("false", "remainder")
    );
}

#[test]
fn everything_is_read_back() {
    let output = tempfile::tempdir().expect("a temporary folder");
    let mut folder = create(output.path());
    for (sequence, trial) in (0..).zip(trials()) {
        folder
            .record_trial(&data(trial, sequence))
            .expect("recorded");
    }
    let finished = Timestamp::now();
    folder
        .update_run(|run| run.finished = Some(finished))
        .expect("written");
    let back = RunFolder::open(folder.path()).expect("a result");
    assert_eq!(back.run(), folder.run());
    assert_eq!(back.run().finished, Some(finished));
    assert_eq!(back.trials(), folder.trials());
    assert!(trials().iter().all(|trial| back.finished(&trial.id())));
    let id = &back.trials()[0].trial_id;
    let latency = back.latency(id).expect("its distribution");
    assert_eq!((latency.answered(), latency.unanswered), (4950, 50));
    assert_eq!(
        latency.percentiles().p50_ns,
        back.trials()[0].latency.p50_ns
    );
    assert_eq!(
        back.counters(id).expect("its counters"),
        data(trials().remove(0), 0).counters
    );
    assert_eq!(runs_below(output.path()).expect("listed"), [folder.path()]);
    assert_eq!(runs_below(folder.path()).expect("listed"), [folder.path()]);
}

/// Three requests of a system that holds replies: answered, unanswered, never sent.
fn traced() -> [TraceRow; 3] {
    let row = |request, sent_ns, reply_ns| TraceRow {
        request,
        intended_ns: 150_000_000 + u64::from(request) * 1000,
        sent_ns,
        reply_ns,
        service_ns: Some(100_000),
    };
    [
        row(0, Some(150_000_100), Some(150_107_100)),
        row(1, Some(150_001_000), None),
        row(2, None, None),
    ]
}

#[test]
fn a_trace_is_read_back() {
    let output = tempfile::tempdir().expect("a folder");
    let mut run = create(output.path());
    let mut traced_trial = trials().remove(0);
    traced_trial.system.servers = Some(1);
    let id = traced_trial.id();
    let mut traced_data = data(traced_trial, 0);
    traced_data.trace = Some(traced().to_vec());
    run.record_trial(&traced_data).expect("a trial");
    let untraced = run.record_trial(&data(trials().remove(1), 1));
    let untraced = untraced.expect("a trial").trial_id.clone();

    let run = RunFolder::open(run.path()).expect("it was written");
    assert_eq!(run.trace(&id).expect("a trace"), Some(traced().to_vec()));
    assert_eq!(run.trace(&untraced).expect("none"), None);
    let (columns, rows) = table(&run.trial_folder(&id).join("trace.csv"));
    let promised = [
        "request",
        "intended_ns",
        "sent_ns",
        "reply_ns",
        "service_ns",
    ];
    assert_eq!(
        (columns.as_slice(), rows.len()),
        (&promised.map(String::from)[..], 3)
    );
    let parquet = std::fs::read(run.trial_folder(&id).join("trace.parquet")).expect("a file");
    assert!(parquet.starts_with(b"PAR1") && parquet.ends_with(b"PAR1"));
}

#[test]
fn hlog_files_hold_the_same_histogram() {
    let output = tempfile::tempdir().expect("a temporary folder");
    let mut folder = create(output.path());
    let data = data(trials().remove(0), 0);
    let id = folder
        .record_trial(&data)
        .expect("recorded")
        .trial_id
        .clone();
    let log = fs::read(folder.trial_folder(&id).join("latency.hlog")).expect("written");
    let mut intervals = 0;
    let mut started = None;
    for entry in IntervalLogIterator::new(&log) {
        match entry.expect("a well-formed log") {
            LogEntry::Interval(interval) => {
                assert_eq!(interval.duration(), Duration::from_millis(500));
                let bytes = base64::engine::general_purpose::STANDARD
                    .decode(interval.encoded_histogram())
                    .expect("base64");
                let histogram: Histogram<u64> = Deserializer::new()
                    .deserialize(&mut bytes.as_slice())
                    .expect("version 2");
                assert_eq!(histogram, data.latency);
                intervals += 1;
            }
            LogEntry::StartTime(time) => started = Some(time),
            LogEntry::BaseTime(_) => {}
        }
    }
    assert_eq!(intervals, 1);
    let since_epoch = data
        .measure_started
        .system_time()
        .duration_since(std::time::UNIX_EPOCH);
    let difference = started
        .expect("a start")
        .abs_diff(since_epoch.expect("after 1970"));
    assert!(difference < Duration::from_millis(2), "{difference:?}");
}

#[test]
fn what_is_no_result_is_called_that() {
    let output = tempfile::tempdir().expect("a temporary folder");
    for path in [output.path().to_owned(), output.path().join("missing")] {
        let error = RunFolder::open(&path).expect_err("no result");
        assert!(matches!(error, RecordError::NotAResult { .. }), "{error}");
    }
    let folder = create(output.path());
    let again = RunFolder::create(output.path(), folder.run().clone());
    assert!(matches!(again.expect_err("taken"), RecordError::Exists(_)));

    let run_json = folder.path().join("run.json");
    let text = fs::read_to_string(&run_json).expect("written");
    fs::write(
        &run_json,
        text.replace("\"schema_version\": 2", "\"schema_version\": 99"),
    )
    .expect("written");
    let error = RunFolder::open(folder.path()).expect_err("another version");
    assert!(
        error
            .to_string()
            .contains("has schema version 99, and this program reads version 2"),
        "{error}"
    );
    assert!(error.to_string().contains("it is newer"), "{error}");
    let mut old: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    old["schema_version"] = 1.into();
    old["git"] = serde_json::json!({ "commit": "0123abc", "dirty": false });
    fs::write(&run_json, old.to_string()).expect("written");
    let error = RunFolder::open(folder.path())
        .expect_err("an older version")
        .to_string();
    for part in ["has schema version 1", "by commit 0123abc", "spec.yaml"] {
        assert!(error.contains(part), "{error}");
    }
    fs::write(&run_json, &text[..text.len() / 2]).expect("written");
    let error = RunFolder::open(folder.path()).expect_err("cut off");
    assert!(matches!(error, RecordError::Damaged { .. }), "{error}");
}

fn probe(cell_id: &str, status: ProbeStatus) -> ProbeRecord {
    ProbeRecord {
        schema_version: record::SCHEMA_VERSION,
        cell_id: cell_id.to_owned(),
        mechanism: "eventfd".to_owned(),
        pair_class: "same_node".to_owned(),
        mode: "idle".to_owned(),
        writer_cpu: Some(0),
        reader_cpu: Some(1),
        samples: 0,
        time: Percentiles::default(),
        rounds: Vec::new(),
        status,
    }
}

fn round(times: Histogram<u64>) -> ProbeRound {
    ProbeRound {
        times,
        started: Timestamp::now(),
        length: Duration::from_secs(1),
    }
}

#[test]
fn a_probe_from_before_there_were_rounds_has_one() {
    let output = tempfile::tempdir().expect("a temporary folder");
    let mut folder = create(output.path());
    let rounds = [round(histogram([4_320; 9])), round(histogram([50]))];
    folder
        .record_probe(probe("wakeup-a", ProbeStatus::Ok), &rounds)
        .expect("recorded");
    let path = folder.probe_folder("wakeup-a").join("rounds.csv");
    let text = fs::read_to_string(&path).expect("written");
    fs::write(&path, text.replace("\n2,", "\n3,")).expect("written");
    let error = folder.probe_rounds("wakeup-a").expect_err("one is missing");
    assert!(matches!(error, RecordError::Damaged { .. }), "{error}");
    fs::remove_file(&path).expect("it is there");
    let each = folder.probe_rounds("wakeup-a").expect("the merged times");
    assert_eq!(each.len(), 1);
    assert_eq!(each[0].answered(), 10);
}

#[test]
fn probes_are_recorded_refused_ones_too() {
    let output = tempfile::tempdir().expect("a temporary folder");
    let mut folder = create(output.path());
    let rounds = [
        round(histogram([4_320; 699])),
        round(histogram([4_320; 300].into_iter().chain([6_090]))),
    ];
    folder
        .record_probe(probe("wakeup-a", ProbeStatus::Ok), &rounds)
        .expect("recorded");
    let refused = ProbeStatus::Refused("no, \"never\"".to_owned());
    folder
        .record_probe(probe("wakeup-b", refused), &[])
        .expect("recorded");

    let (header, rows) = table(&folder.path().join("probes.csv"));
    assert_eq!(
        header.join(","),
        "cell_id,mechanism,pair_class,mode,writer_cpu,reader_cpu,samples,p50_ns,p90_ns,p99_ns,\
         p99_9_ns,max_ns,mean_ns,status"
    );
    assert_eq!(
        (rows[0]["samples"].as_str(), rows[0]["status"].as_str()),
        ("1000", "ok")
    );
    assert_eq!(
        (rows[1]["p50_ns"].as_str(), rows[1]["status"].as_str()),
        ("", "no, \"never\"")
    );
    assert_eq!(
        files(&folder.probe_folder("wakeup-a")),
        ["latency.csv", "latency.hlog", "probe.json", "rounds.csv"]
    );
    let back = RunFolder::open(folder.path()).expect("a result");
    assert_eq!(back.probes(), folder.probes());
    assert_eq!(
        back.probe_times("wakeup-a").expect("its times").answered(),
        1000
    );
    let each = back.probe_rounds("wakeup-a").expect("its rounds");
    assert_eq!(
        each.iter().map(Distribution::answered).collect::<Vec<_>>(),
        [699, 301]
    );
    let first = |round: &Percentiles| round.p99_99_ns;
    assert_eq!(
        back.probes()[0]
            .rounds
            .iter()
            .map(first)
            .collect::<Vec<_>>(),
        [each[0].percentile(99_990), each[1].percentile(99_990)]
    );
    assert!(back.probes()[1].rounds.is_empty());
    let log = fs::read_to_string(folder.probe_folder("wakeup-a").join("latency.hlog"));
    let log = log.expect("written");
    let intervals = IntervalLogIterator::new(log.as_bytes())
        .filter(|entry| matches!(entry, Ok(LogEntry::Interval(_))));
    assert_eq!(intervals.count(), 2);

    for (cell, status) in [
        ("../up", ProbeStatus::Refused(String::new())),
        ("c", ProbeStatus::Ok),
    ] {
        let error = folder
            .record_probe(probe(cell, status), &[])
            .expect_err(cell);
        assert!(matches!(error, RecordError::Unwritable { .. }), "{error}");
    }
}

#[test]
fn few_blocks_are_said_from_the_start() {
    let output = tempfile::tempdir().expect("a temporary folder");
    let folder = create(output.path());
    assert_eq!(
        folder.run().smells,
        [Smell::FewBlocks {
            blocks: 2,
            wanted: 10
        }]
    );
    assert_eq!(folder.run().smells[0].severity(), Severity::Advice);
    assert_eq!(folder.run().trials_planned, 4);
}
