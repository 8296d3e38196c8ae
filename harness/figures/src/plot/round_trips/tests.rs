//! Table 1 of NetSlices from a made-up run.

use super::*;
use crate::packets::Packets;
use crate::synthetic::{set_column, set_columns, write_latency};
use crate::tests::assert_legible;
use std::path::Path;

/// The kernel, a slice without batches and one with, at one frame and at ten every 100 us: trials come in this order.
const SYSTEMS: [(&str, f64); 3] = [
    ("kernel_forward", 4.0),
    ("netslice", 3.0),
    ("netslice", 3.0),
];

/// What a frame takes through each, us, in the first block.
const US: [[u64; 3]; 2] = [[40, 60, 65], [80, 300, 100]];

fn nth(row: usize) -> (usize, usize) {
    (row % 2, row / 2 % SYSTEMS.len())
}

/// A run like Table 1's, in which the slice without batches loses half of what comes in bursts. Blocks differ by more than
/// systems do.
fn table(folder: &Path) -> Run {
    let shape = Packets {
        systems: &SYSTEMS,
        rates: &[10_000, 100_000],
        ..Packets::RATES
    };
    shape.write(folder);
    let us = |row: usize, block: u32| {
        let (burst, system) = nth(row);
        US[burst][system] + 50 * u64::from(block - 1)
    };
    set_columns(folder, &[("round_trip", "true")]);
    let of_row = |of: fn(usize, usize) -> &'static str| {
        move |row: usize, _: u32| {
            let (burst, system) = nth(row);
            of(burst, system).to_owned()
        }
    };
    let label = of_row(|_, system| ["kernel_forward", "unbatched", "batch_128"][system]);
    set_column(folder, "label", label);
    set_column(
        folder,
        "batch",
        of_row(|_, system| ["", "1", "128"][system]),
    );
    set_column(folder, "burst", of_row(|burst, _| ["1", "10"][burst]));
    set_column(
        folder,
        "swept",
        of_row(|burst, _| ["burst 1", "burst 10"][burst]),
    );
    set_column(folder, "p50_ns", |row, block| {
        (us(row, block) * 1000).to_string()
    });
    let mut trials = csv::Reader::from_path(folder.join("trials.csv")).unwrap();
    for (row, fields) in trials.records().enumerate() {
        let fields = fields.unwrap();
        let ns = us(row, fields[1].parse().unwrap()) * 1000;
        let seen = [(ns - 10_000, 50), (ns + 10_000, 50)];
        let lost = if nth(row) == (1, 1) { 100 } else { 0 };
        write_latency(&folder.join("trials").join(&fields[0]), &seen, lost);
    }
    Run::read(folder).unwrap()
}

#[test]
fn systems_stand_beside_the_table_and_above_the_kernel() {
    let folder = tempfile::tempdir().unwrap();
    let run = table(folder.path());
    let Drawing::Picture(picture) = draw(&run).unwrap() else {
        panic!("there are round trips to draw");
    };
    assert_legible("round_trips", &picture.scene);
    let trials = run.trials.as_ref().unwrap();
    let cells = trials.cells(&columns(trials)).unwrap();
    let rows: Vec<Row<'_>> = cells
        .chunk_by(|a, b| a.setting == b.setting)
        .flat_map(|cells| rows(trials, cells).unwrap())
        .collect();
    let of = |label: &str, rate: f64| {
        let mut rows = rows.iter();
        let is = |row: &&Row<'_>| row.name.starts_with(label) && row.cell.load_rps == rate;
        rows.find(is).unwrap()
    };
    // The mean of ten blocks 50 us apart from the first's; they and the two values of each spread.
    let (mean, deviation) = of("kernel_forward", 10e3).seen().unwrap();
    assert!((mean - 265.0).abs() < 1e-9, "{mean}");
    let expected = (50.0_f64.powi(2) * 99.0 / 12.0 + 100.0).sqrt();
    assert!((deviation - expected).abs() < 1e-9, "{deviation}");
    // What both suffered in a block is taken away.
    for (label, rate, us, paper) in [
        ("unbatched", 10e3, 20.0, 13.14),
        ("batch_128", 10e3, 25.0, 13.43),
        ("batch_128", 100e3, 20.0, 21.85),
    ] {
        let row = of(label, rate);
        for added in row.added {
            assert!((added.unwrap().value - us).abs() < 1e-9, "{label} {rate}");
        }
        let theirs = row.paper.and_then(|paper| paper.added_us()).unwrap();
        assert!((theirs - paper).abs() < 1e-9, "{label} {rate}: {theirs}");
        assert!(row.is_whole());
    }
    let losing = of("unbatched", 100e3);
    assert_eq!(losing.name, "unbatched, 50.0% missing");
    assert!(!losing.is_whole());
    let [means, medians] = losing.added;
    assert_eq!(means, None, "a mean knows nothing of what is missing");
    assert!((medians.unwrap().value - 220.0).abs() < 1e-9);
    let kernel = of("kernel_forward", 100e3);
    assert_eq!(kernel.added, [None; 2]);
    assert_eq!(kernel.paper.map(|paper| paper.mean_us), Some(279.48));
}

/// Frames of another length, or more often, are no row of the table.
#[test]
fn only_what_is_like_the_table_stands_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    table(folder.path());
    set_columns(folder.path(), &[("frame_bytes", "60")]);
    let run = Run::read(folder.path()).unwrap();
    let Drawing::Picture(picture) = draw(&run).unwrap() else {
        panic!("there are round trips to draw");
    };
    assert_legible("round_trips of short frames", &picture.scene);
    let texts: Vec<&str> = picture.scene.text_boxes().iter().map(|it| it.0).collect();
    assert!(texts.contains(&"no row of the table"), "{texts:?}");
    assert!(texts.iter().any(|text| text.contains("frames of 60 B")));
}

#[test]
fn requests_have_no_round_trips_of_frames() {
    let folder = tempfile::tempdir().unwrap();
    let requests = crate::synthetic::Synthetic {
        topologies: &["veth"],
        loads: &[20e3],
        blocks: 1,
    };
    requests.write(folder.path());
    let run = Run::read(folder.path()).unwrap();
    assert!(matches!(
        draw(&run).unwrap(),
        Drawing::Skipped(Skip::NoRoundTrips)
    ));
}
