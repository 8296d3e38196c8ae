//! Processes that die, trials that fail, file systems that refuse: nothing finished is lost.

mod support;
mod tables;

use std::fs;

use record::{CapacityRecord, FailureStatus, RateRecord, RateVerdict, RecordError, RunFolder};
use support::{create, data, trials};
use tables::{files, table};

#[test]
fn a_killed_run_leaves_whole_trials_and_resumes() {
    let output = tempfile::tempdir().expect("a temporary folder");
    let mut folder = create(output.path());
    folder
        .record_trial(&data(trials().remove(0), 0))
        .expect("recorded");
    // What a process leaves that died in the middle of its second trial, before the table.
    let unfinished = folder.path().join("trials/.unfinished-0123456789abcdef");
    fs::create_dir(&unfinished).expect("made");
    fs::write(unfinished.join("trial.json"), "{\"schema_ver").expect("written");
    fs::remove_file(folder.path().join("trials.csv")).expect("removed");

    let read = RunFolder::open(folder.path()).expect("unfinished trials do not disturb a reader");
    assert_eq!(read.trials().len(), 1);
    let mut resumed = RunFolder::resume(folder.path()).expect("resumable");
    assert!(!unfinished.exists());
    assert_eq!(
        table(&folder.path().join("trials.csv")).1.len(),
        1,
        "the table is back"
    );
    let open: Vec<_> = trials()
        .into_iter()
        .filter(|trial| !resumed.finished(&trial.id()))
        .collect();
    assert_eq!(open.len(), trials().len() - 1);
    // Recorded out of order, listed in the run's order.
    for (sequence, trial) in (1..).zip(open).collect::<Vec<_>>().into_iter().rev() {
        resumed
            .record_trial(&data(trial, sequence))
            .expect("recorded");
    }
    let (_, rows) = table(&folder.path().join("trials.csv"));
    let sequence: Vec<_> = rows.iter().map(|row| row["sequence"].as_str()).collect();
    assert_eq!(sequence, ["0", "1", "2", "3"]);
}

#[test]
fn recording_again_replaces() {
    let output = tempfile::tempdir().expect("a temporary folder");
    let mut folder = create(output.path());
    folder
        .record_trial(&data(trials().remove(0), 0))
        .expect("recorded");
    let mut again = data(trials().remove(0), 0);
    again.steering.handoffs = Some(7);
    folder.record_trial(&again).expect("replaced");
    assert_eq!(folder.trials().len(), 1);
    let (_, rows) = table(&folder.path().join("trials.csv"));
    assert_eq!((rows.len(), rows[0]["handoffs"].as_str()), (1, "7"));
}

#[test]
fn a_trial_without_data_is_recorded_with_its_reason_until_it_has_some() {
    let output = tempfile::tempdir().expect("a temporary folder");
    let mut folder = create(output.path());
    let all = trials();
    let reason = "the server agent (process 7) is stuck, \"again\"";
    folder
        .record_failure(&all[1], 1, FailureStatus::Failed, reason)
        .expect("recorded");
    folder
        .record_failure(&all[0], 0, FailureStatus::Refused, "too few CPUs")
        .expect("recorded");
    let again = folder
        .record_failure(&all[1], 1, FailureStatus::Failed, reason)
        .expect("recorded");
    assert_eq!(again.attempts, 2);
    let (header, rows) = table(&folder.path().join("failures.csv"));
    assert_eq!(
        header.join(","),
        "trial_id,block,system,label,io,load,status,reason,attempts,failed_at,sequence"
    );
    let told: Vec<(&str, &str, &str)> = rows
        .iter()
        .map(|row| {
            (
                row["status"].as_str(),
                row["reason"].as_str(),
                row["attempts"].as_str(),
            )
        })
        .collect();
    assert_eq!(
        told,
        [("refused", "too few CPUs", "1"), ("failed", reason, "2")]
    );
    assert!(!folder.finished(&all[1].id()), "it is to be tried again");

    let back = RunFolder::resume(folder.path()).expect("resumable");
    assert_eq!(back.failures(), folder.failures());
    folder = back;
    for (sequence, trial) in (0..).zip(all) {
        folder
            .record_trial(&data(trial, sequence))
            .expect("recorded");
    }
    assert!(folder.failures().is_empty());
    assert!(!folder.path().join("failures.csv").exists());
    assert!(files(&folder.path().join("failures")).is_empty());
}

#[test]
fn a_failure_that_outlived_its_trials_record_is_forgotten() {
    let output = tempfile::tempdir().expect("a temporary folder");
    let mut folder = create(output.path());
    let trial = trials().remove(0);
    folder
        .record_failure(&trial, 0, FailureStatus::Failed, "once")
        .expect("recorded");
    let file = folder
        .path()
        .join("failures")
        .join(format!("{}.json", trial.id()));
    let text = fs::read_to_string(&file).expect("written");
    folder.record_trial(&data(trial, 0)).expect("recorded");
    // As if the process had died before removing it.
    fs::write(&file, text).expect("written");
    let back = RunFolder::resume(folder.path()).expect("resumable");
    assert!(back.failures().is_empty());
    assert_eq!(back.trials().len(), 1);
}

#[test]
fn at_every_instant_of_a_replacement_a_whole_trial_is_there() {
    let output = tempfile::tempdir().expect("a temporary folder");
    let mut folder = create(output.path());
    let id = trials().remove(0).id();
    folder
        .record_trial(&data(trials().remove(0), 0))
        .expect("recorded");
    let place = folder.trial_folder(&id);
    let done = std::sync::atomic::AtomicBool::new(false);
    let order = std::sync::atomic::Ordering::SeqCst;
    std::thread::scope(|scope| {
        let watcher = scope.spawn(|| {
            let mut looks = 0_u32;
            while !done.load(order) {
                assert!(
                    place.join("trial.json").is_file() && place.join("latency.csv").is_file(),
                    "look {looks}: the trial is gone"
                );
                looks += 1;
            }
            looks
        });
        for _ in 0..40 {
            folder
                .record_trial(&data(trials().remove(0), 0))
                .expect("replaced");
        }
        done.store(true, order);
        assert!(watcher.join().expect("no gap was seen") > 0);
    });
    assert_eq!(files(&folder.path().join("trials")), [id.as_str()]);
}

#[test]
fn what_cannot_be_written_is_told_with_the_place_and_leaves_no_litter() {
    let output = tempfile::tempdir().expect("a temporary folder");
    let mut folder = create(output.path());
    let trial = trials().remove(0);
    let id = trial.id();
    // A file where a folder should be: what fails is the last step, after the files were written.
    let place = folder.trial_folder(&id);
    fs::write(&place, "in the way").expect("written");
    let error = folder
        .record_trial(&data(trial.clone(), 0))
        .expect_err("a folder cannot replace a file");
    assert!(error.to_string().contains(id.as_str()), "{error}");
    assert!(folder.trials().is_empty());
    assert_eq!(files(&folder.path().join("trials")), [id.as_str()]);
    fs::remove_file(&place).expect("removed");
    folder.record_trial(&data(trial, 0)).expect("recorded");
}

#[test]
fn a_refusal_of_the_file_system_comes_with_a_remedy() {
    let told = |kind: std::io::ErrorKind| {
        let path = "results/trials.csv".into();
        let source = kind.into();
        RecordError::Io { path, source }.to_string()
    };
    for kind in [
        std::io::ErrorKind::StorageFull,
        std::io::ErrorKind::PermissionDenied,
        std::io::ErrorKind::ReadOnlyFilesystem,
    ] {
        let told = told(kind);
        assert!(told.starts_with("results/trials.csv: "), "{told}");
        assert!(told.contains("--output"), "{told}");
    }
    assert!(!told(std::io::ErrorKind::Interrupted).contains("--output"));
}

#[test]
fn a_capacity_is_recorded_with_all_that_was_tried() {
    let output = tempfile::tempdir().expect("a temporary folder");
    let mut folder = create(output.path());
    let asked: spec::Capacity = serde_json::from_value(serde_json::json!({
        "from": "10 kreq/s", "to": "40 kreq/s", "service_level": {"p99": "200 us"}
    }))
    .expect("a capacity");
    let rate = |rate_rps, passed, failed, verdict| RateRecord {
        rate_rps,
        passed,
        failed,
        invalid: 1,
        verdict,
        trials: trials().iter().map(spec::Trial::id).collect(),
    };
    let record = CapacityRecord {
        asked,
        first: trials().remove(0),
        passing_rps: Some(10_000),
        failing_rps: Some(40_000),
        complete: true,
        refused: None,
        inversions: vec![[10_000, 40_000]],
        rates: vec![
            rate(10_000, 4, 1, Some(RateVerdict::Passes)),
            rate(40_000, 3, 2, Some(RateVerdict::Fails)),
        ],
    };
    folder
        .record_capacity(vec![record.clone()])
        .expect("recorded");
    let (_, rows) = table(&folder.path().join("capacity.csv"));
    assert_eq!(rows.len(), 1);
    for (column, value) in [
        ("label", trials()[0].system.label.as_str()),
        ("passing_rps", "10000"),
        ("failing_rps", "40000"),
        ("passing_payload_gbps", ""),
        ("upper_verdict", "fails"),
        ("complete", "true"),
        ("inversions", "10000<40000"),
        ("trials", "8"),
        ("refused", ""),
    ] {
        assert_eq!(rows[0][column], value, "{column}");
    }
    let (_, rows) = table(&folder.path().join("capacity_rates.csv"));
    let shares: Vec<(&str, &str)> = rows
        .iter()
        .map(|row| (row["rate_rps"].as_str(), row["passed"].as_str()))
        .collect();
    assert_eq!(shares, [("10000", "4"), ("40000", "3")]);
    let back = RunFolder::open(folder.path()).expect("a result");
    assert_eq!(back.run().capacity, [record]);
}
