//! The recorded run in results/reference: a real one, so that schema and analysis are held to what
//! a machine gave and not to what a test made up.

use std::fs;
use std::path::{Path, PathBuf};

use steerbench_figures::{Figure, Outcome, draw_all};

fn reference() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../results/reference")
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target);
        } else {
            fs::copy(&path, &target).unwrap();
        }
    }
}

#[test]
fn every_figure_is_drawn_from_the_recorded_run() {
    let folder = tempfile::tempdir().unwrap();
    copy(&reference(), folder.path());
    analysis::record_tables(folder.path()).unwrap();
    let drawn = draw_all(folder.path()).unwrap();
    assert_eq!(drawn.len(), Figure::ALL.len());
    for one in drawn {
        // Those of the instrument's validation and of other loads than open loops need runs of their
        // own.
        let elsewhere = [
            Figure::ClosedLoop,
            Figure::Drain,
            Figure::Saturation,
            Figure::GroundTruth,
            Figure::Stall,
            Figure::AaAb,
            Figure::Capacity,
            Figure::OverSweep,
            Figure::Imbalance,
            Figure::MisroutesOverTime,
            Figure::PacketThroughput,
            Figure::ThroughputOverBatch,
            Figure::CpuOverRate,
            Figure::RoundTrips,
            Figure::Maelstrom,
            Figure::DeliveredOverTime,
        ];
        if elsewhere.contains(&one.figure) {
            continue;
        }
        let Outcome::Written { svg, png, csv } = one.outcome else {
            panic!("{:?} was not drawn", one.figure);
        };
        for file in [svg, png, csv] {
            assert!(
                fs::metadata(&file).unwrap().len() > 200,
                "{}",
                file.display()
            );
        }
    }
    // What the systems are by definition shows in what was recorded.
    let crossings = fs::read_to_string(folder.path().join("figures/crossings.csv")).unwrap();
    let handoffs = |label: &str| -> Vec<f64> {
        crossings
            .lines()
            .filter(|line| line.contains(label) && line.contains(",handoffs,"))
            .map(|line| {
                let after = line.split(",handoffs,").nth(1).unwrap();
                after.split(',').next().unwrap().parse().unwrap()
            })
            .collect()
    };
    assert_eq!(handoffs("xdp_steered"), [0.0, 0.0]);
    for share in handoffs("sphinx_xsk") {
        assert!((0.45..0.55).contains(&share), "{share}");
    }
}
