//! The measure phase in steps, as CSV and as Parquet: the same table twice.

use std::fs::{self, File};

use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::Field;

mod support;

use support::{create, data, trials};

/// A cell as CSV has it: a decimal for reals, nothing where there is no value.
fn text(field: &Field) -> String {
    if let Field::Double(value) = field {
        return format!("{value:.1}");
    }
    if *field == Field::Null {
        return String::new();
    }
    field.to_string()
}

#[test]
fn both_files_hold_the_same_table() {
    let output = tempfile::tempdir().expect("a temporary folder");
    let mut folder = create(output.path());
    let trial = trials().remove(0);
    let place = folder.trial_folder(&trial.id());
    folder.record_trial(&data(trial, 0)).expect("recorded");

    let csv = fs::read_to_string(place.join("intervals.csv")).expect("written");
    let mut lines = csv.lines().map(|line| line.split(',').collect::<Vec<_>>());
    let header = lines.next().expect("a header");
    let rows: Vec<_> = lines.collect();

    let file = File::open(place.join("intervals.parquet")).expect("written");
    let reader = SerializedFileReader::new(file).expect("Parquet");
    let schema = reader.metadata().file_metadata().schema();
    let names: Vec<_> = schema
        .get_fields()
        .iter()
        .map(|field| field.name())
        .collect();
    assert_eq!(names, header);
    let read: Vec<Vec<String>> = reader
        .into_iter()
        .map(|row| {
            row.expect("a row")
                .get_column_iter()
                .map(|(_, field)| text(field))
                .collect()
        })
        .collect();
    assert_eq!(read, rows);
}

#[test]
fn requests_are_conserved_and_the_unanswered_rank_last() {
    let output = tempfile::tempdir().expect("a temporary folder");
    let mut folder = create(output.path());
    let trial = trials().remove(0);
    let place = folder.trial_folder(&trial.id());
    let data = data(trial, 0);
    folder.record_trial(&data).expect("recorded");

    let mut reader = csv::Reader::from_path(place.join("intervals.csv")).expect("written");
    let rows: Vec<std::collections::HashMap<String, String>> = reader
        .deserialize()
        .collect::<Result<_, _>>()
        .expect("rows of text");
    let sum = |name: &str| {
        rows.iter()
            .map(|row| row[name].parse::<u64>().expect("a number"))
            .sum::<u64>()
    };
    assert_eq!(sum("requests"), 5000);
    assert_eq!(sum("answered"), data.latency.len());
    assert_eq!(sum("unanswered"), data.unanswered_measured);
    assert_eq!(
        sum("length_ns"),
        500_000_000,
        "the steps fill the measure phase"
    );
    // 50 of the second step's 2500 requests were not answered: its 99th percentile is one of them.
    assert!(!rows[0]["p99_ns"].is_empty());
    assert!(rows[1]["p99_ns"].is_empty() && rows[1]["max_ns"].is_empty());
}
