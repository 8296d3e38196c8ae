//! docs/results.md names exactly the columns and fields that are written.

#[path = "support/page.rs"]
mod page;
mod support;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::Duration;

use page::{PAGE, documented};
use record::{
    DeliveredStep, FailureStatus, Percentiles, ProbeRecord, ProbeRound, ProbeStatus, RunFolder,
    RunRecord, SteeringStep, Timestamp, TraceRow, TrialRecord,
};
use support::{create, data, histogram, trials};

/// A run with one trial and one probe cell.
fn recorded(output: &Path) -> RunFolder {
    let mut folder = create(output);
    let mut data = data(trials().remove(0), 0);
    data.trace = Some(vec![TraceRow {
        request: 0,
        intended_ns: 0,
        sent_ns: Some(1),
        reply_ns: None,
        service_ns: None,
    }]);
    data.steering_steps = Some(vec![SteeringStep {
        start_ns: 0,
        length_ns: 20_000_000,
        requests_executed: 9,
        handoffs: None,
        misroutes: Some(1),
    }]);
    data.delivered_steps = Some(vec![DeliveredStep {
        start_ns: 0,
        length_ns: 20_000_000,
        queue: 1,
        frames: 40,
    }]);
    folder.record_trial(&data).expect("recorded");
    let cell = ProbeRecord {
        schema_version: record::SCHEMA_VERSION,
        cell_id: "wakeup-a".to_owned(),
        mechanism: "eventfd".to_owned(),
        pair_class: "same_node".to_owned(),
        mode: "idle".to_owned(),
        writer_cpu: Some(0),
        reader_cpu: Some(1),
        samples: 0,
        time: Percentiles::default(),
        rounds: Vec::new(),
        status: ProbeStatus::Ok,
    };
    let round = ProbeRound {
        times: histogram([4_320; 10]),
        started: Timestamp::now(),
        length: Duration::from_secs(1),
    };
    folder.record_probe(cell, &[round]).expect("recorded");
    let failed = FailureStatus::Failed;
    folder
        .record_failure(&trials()[1], 1, failed, "a test")
        .expect("recorded");
    folder.record_capacity(Vec::new()).expect("recorded");
    folder
}

/// The header of a CSV file; each column of drops as the page writes them all.
fn header(path: &Path) -> Vec<String> {
    let mut reader = csv::Reader::from_path(path).expect("a table");
    let header = reader.headers().expect("a header").clone();
    let general = |name: &str| match name.strip_prefix("drop_") {
        Some(_) => "drop_<reason>".to_owned(),
        None => name.to_owned(),
    };
    header.iter().map(general).collect()
}

#[test]
fn every_column_is_documented_and_in_order() {
    let output = tempfile::tempdir().expect("a temporary folder");
    let folder = recorded(output.path());
    let trial = folder.trial_folder(&folder.trials()[0].trial_id);
    for (file, path) in [
        ("trials.csv", folder.path().join("trials.csv")),
        ("failures.csv", folder.path().join("failures.csv")),
        ("capacity.csv", folder.path().join("capacity.csv")),
        (
            "capacity_rates.csv",
            folder.path().join("capacity_rates.csv"),
        ),
        ("probes.csv", folder.path().join("probes.csv")),
        (
            "trials/<trial_id>/intervals.csv",
            trial.join("intervals.csv"),
        ),
        ("trials/<trial_id>/latency.csv", trial.join("latency.csv")),
        ("trials/<trial_id>/steering.csv", trial.join("steering.csv")),
        (
            "trials/<trial_id>/delivered.csv",
            trial.join("delivered.csv"),
        ),
        ("trials/<trial_id>/trace.csv", trial.join("trace.csv")),
        ("trials/<trial_id>/counters.csv", trial.join("counters.csv")),
    ] {
        assert_eq!(
            documented(file),
            header(&path),
            "{file}: left documented, right written"
        );
    }
}

#[test]
fn every_field_is_documented() {
    for (file, schema) in [
        ("run.json", schemars::schema_for!(RunRecord)),
        (
            "trials/<trial_id>/trial.json",
            schemars::schema_for!(TrialRecord),
        ),
    ] {
        let schema = schema.to_value();
        let fields = schema["properties"].as_object().expect("an object");
        let fields: BTreeSet<String> = fields.keys().cloned().collect();
        let documented: BTreeSet<String> = documented(file).into_iter().collect();
        assert_eq!(documented, fields, "{file}: left documented, right written");
    }
}

#[test]
fn every_file_of_a_trial_is_documented() {
    let output = tempfile::tempdir().expect("a temporary folder");
    let folder = recorded(output.path());
    let trial = folder.trial_folder(&folder.trials()[0].trial_id);
    for entry in fs::read_dir(trial).expect("a folder") {
        let name = entry.expect("an entry").file_name();
        let name = name.to_str().expect("a plain name");
        assert!(PAGE.contains(name), "docs/results.md does not name {name}");
    }
}
