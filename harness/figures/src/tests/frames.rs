//! Round trips of frames have the figures of requests, which then count frames and say so.

use std::fs;
use std::path::Path;

use crate::figure::{Drawing, Figure};
use crate::packets::Packets;
use crate::run::Run;
use crate::synthetic::{set_columns, write_latency};

use super::assert_legible;

/// A run of round trips of frames of two lengths, each with everything that a figure may be drawn from.
fn round_trips(run: &Path) -> Run {
    let shape = Packets {
        queues: &[2],
        rates: &[10_000, 20_000],
        ..Packets::SATURATED
    };
    shape.write(run);
    set_columns(
        run,
        &[
            ("round_trip", "true"),
            ("p50_ns", "30000"),
            ("p99_ns", "90000"),
            ("p99_9_ns", "99000"),
        ],
    );
    let mut trials = csv::Reader::from_path(run.join("trials.csv")).unwrap();
    for row in trials.records() {
        let folder = run.join("trials").join(&row.unwrap()[0]);
        write_latency(&folder, &[(30_000, 90), (90_000, 9)], 1);
        let steps = "start_ns,requests,p50_ns,p99_ns\n0,9,30000,90000\n1000000,9,30000,\n";
        fs::write(folder.join("intervals.csv"), steps).unwrap();
    }
    let comparison = "label,io,baseline,baseline_io,load,swept,metric,ratio,ratio_low,ratio_high,blocks,verdict\n\
                      netslice,af_xdp,kernel_forward,af_xdp,10 kframes/s,frame_size 60 B,cpu_ns_per_request,2,1.9,2.1,10,slower\n";
    fs::write(run.join("comparison.csv"), comparison).unwrap();
    Run::read(run).unwrap()
}

#[test]
fn where_frames_are_counted_no_figure_says_requests() {
    let folder = tempfile::tempdir().unwrap();
    let run = round_trips(folder.path());
    let mut drawn = Vec::new();
    for figure in Figure::ALL {
        let Drawing::Picture(picture) = figure.draw(&run).unwrap() else {
            continue;
        };
        drawn.push(figure);
        assert_legible(figure.id(), &picture.scene);
        for (text, _) in picture.scene.text_boxes() {
            let of_requests = ["request", "req/s", "server", "client"];
            assert!(
                !of_requests.iter().any(|word| text.contains(word)),
                "{}: {text}",
                figure.id()
            );
        }
    }
    let expected = [
        Figure::LatencyCdf,
        Figure::LatencyOverLoad,
        Figure::LatencyOverTime,
        Figure::CpuCost,
        Figure::Crossings,
        Figure::OverSweep,
        Figure::Ledger,
        Figure::Comparison,
        Figure::RoundTrips,
    ];
    assert_eq!(drawn, expected);
    let cost = Figure::CpuCost.draw(&run).unwrap();
    let Drawing::Picture(cost) = cost else {
        panic!("there is a cost to draw");
    };
    let texts: Vec<&str> = cost.scene.text_boxes().iter().map(|it| it.0).collect();
    for text in ["CPU time per frame", "CPU time (ns/frame)"] {
        assert!(texts.contains(&text), "{text}: {texts:?}");
    }
}
