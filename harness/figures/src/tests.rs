//! Whole figures from a made-up run: the numbers behind them by hand, and the pictures' texts.

mod frames;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::canvas::scene::{Rect, Scene};
use crate::figure::{Drawing, Figure, Picture, Skip};
use crate::run::Run;
use crate::synthetic::{Synthetic, write_latency};
use crate::{Drawn, Error, Outcome, draw, draw_all};

fn picture(figure: Figure, run: &Run) -> Picture {
    match figure.draw(run).unwrap() {
        Drawing::Picture(picture) => picture,
        Drawing::Skipped(skip) => panic!("{}: {skip}", figure.id()),
    }
}

fn csv(run: &Path, figure: Figure) -> Vec<BTreeMap<String, String>> {
    let path = run.join("figures").join(format!("{}.csv", figure.id()));
    let mut reader = csv::Reader::from_path(path).unwrap();
    reader.deserialize().map(Result::unwrap).collect()
}

/// The synthetic runs that the pictures are checked with.
const SHAPES: [Synthetic<'static>; 3] = [
    Synthetic {
        topologies: &["veth"],
        loads: &[50e3, 125e3, 250e3, 500e3],
        blocks: 12,
    },
    Synthetic {
        topologies: &["loopback"],
        loads: &[20e3, 100e3],
        blocks: 3,
    },
    Synthetic {
        topologies: &["loopback", "veth"],
        loads: &[50e3, 125e3, 250e3],
        blocks: 3,
    },
];

#[test]
fn no_text_overlaps_another_or_leaves_the_page() {
    for shape in &SHAPES {
        let folder = tempfile::tempdir().unwrap();
        shape.write(folder.path());
        let run = Run::read(folder.path()).unwrap();
        for figure in from_tables() {
            assert_legible(figure.id(), &picture(figure, &run).scene);
        }
    }
}

/// The figures of an ordinary run; the others are tested where they are.
fn from_tables() -> impl Iterator<Item = Figure> {
    let elsewhere = [
        Figure::GroundTruth,
        Figure::Stall,
        Figure::Capacity,
        Figure::AaAb,
        Figure::Drain,
        Figure::Saturation,
        Figure::OverSweep,
        Figure::Imbalance,
        Figure::PacketThroughput,
        Figure::ThroughputOverBatch,
        Figure::CpuOverRate,
        Figure::RoundTrips,
        Figure::Maelstrom,
        Figure::DeliveredOverTime,
    ];
    Figure::ALL
        .into_iter()
        .filter(move |it| !elsewhere.contains(it))
}

/// No text overlaps another or leaves the page.
pub(crate) fn assert_legible(figure: &str, scene: &Scene) {
    let texts = scene.text_boxes();
    assert!(texts.len() > 10, "{figure}");
    for (i, (text, a)) in texts.iter().enumerate() {
        let inside =
            a.left >= 0.0 && a.top >= 0.0 && a.right <= scene.width && a.bottom <= scene.height;
        assert!(inside, "{figure}: '{text}' leaves the page: {a:?}");
        for (other, b) in &texts[..i] {
            assert!(!overlap(a, b), "{figure}: '{text}' covers '{other}'");
        }
    }
}

fn overlap(a: &Rect, b: &Rect) -> bool {
    a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom
}

#[test]
fn every_figure_is_written_and_says_what_captions_must() {
    let folder = tempfile::tempdir().unwrap();
    SHAPES[1].write(folder.path());
    let drawn = draw_all(folder.path()).unwrap();
    assert_eq!(drawn.len(), Figure::ALL.len());
    for Drawn { figure, outcome } in drawn {
        let Outcome::Written { svg, png, csv } = outcome else {
            let needs_more = !from_tables().any(|it| it == figure);
            assert!(needs_more, "{} was skipped", figure.id());
            continue;
        };
        assert!(fs::metadata(csv).unwrap().len() > 100);
        assert!(fs::read(png).unwrap().starts_with(b"\x89PNG"));
        let text = visible_text(&fs::read_to_string(svg).unwrap());
        assert!(
            text.contains("Example CPU @ 2.30GHz, Linux 6.18.0-example"),
            "{text}"
        );
        if figure != Figure::NotificationTime {
            assert!(text.contains("loopback"), "{text}");
            assert!(
                text.contains("1 invalid trial") || text.contains("2 invalid trials"),
                "{text}"
            );
            assert!(
                text.to_lowercase().contains("fewer than 10"),
                "{}: {text}",
                figure.id()
            );
            assert!(text.contains("client shares cpu"), "{text}");
        }
    }
}

/// The texts of an SVG in order; fails on tags that do not match.
fn visible_text(svg: &str) -> String {
    let (mut open, mut text) = (Vec::new(), String::new());
    for piece in svg.split('<').skip(1) {
        let (tag, after) = piece.split_once('>').expect("a tag ends");
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name));
        } else if !tag.ends_with('/') {
            open.push(tag.split_whitespace().next().unwrap());
        }
        text.push_str(after.trim_end_matches('\n').trim_start_matches('\n'));
        text.push(' ');
    }
    assert!(open.is_empty(), "left open: {open:?}");
    text.split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
        .replace("&gt;", ">")
}

/// A hand-written trial at 5000 requests a second: 100 offered, 60 answered.
struct Row {
    block: u32,
    /// p50, p99 and p99.9 in nanoseconds.
    percentiles: [&'static str; 3],
    executed: u32,
    handoffs: u32,
    /// The whole cost and the server threads' in nanoseconds for each request.
    cpu: [u32; 2],
    valid: bool,
}

/// A trial of which only the validity matters.
fn one(valid: bool) -> Row {
    Row {
        block: 1,
        percentiles: ["1"; 3],
        executed: 1,
        handoffs: 0,
        cpu: [1, 1],
        valid,
    }
}

/// Writes a run of one label.
fn by_hand(run: &Path, rows: &[Row]) {
    let mut text = "trial_id,block,system,label,io,topology,fidelity,keys,theta,get_ratio,load,offered_rps,achieved_rps,offered,\
                    unsent,answered,drop_ring_full,remainder,p50_ns,p99_ns,p99_9_ns,requests_executed,handoffs,\
                    wakeups_app,wakeups_kernel,cross_core_hops,cpu_ns_per_request,server_cpu_ns_per_request,\
                    napi_cpu_ns_per_request,client_cpu_ns_per_request,client_napi_cpu_ns_per_request,valid,smells\n"
        .to_owned();
    for (i, row) in rows.iter().enumerate() {
        let Row {
            block,
            percentiles,
            executed,
            handoffs,
            cpu,
            valid,
        } = row;
        text.push_str(&format!(
            "t{i},{block},sphinx,mine,udp,veth,veth,1000,0,1,5 kreq/s,5000,4000,100,10,60,30,0,{},{executed},{handoffs},,,,{},{},\
             ,,,{valid},\n",
            percentiles.join(","),
            cpu[0],
            cpu[1]
        ));
        let buckets = [(1000, 3), (u64::from(*block) * 1000, 1)];
        write_latency(&run.join("trials").join(format!("t{i}")), &buckets, 1);
    }
    fs::write(run.join("trials.csv"), text).unwrap();
}

fn three_valid_blocks_and_an_invalid_one() -> [Row; 4] {
    [
        Row {
            block: 3,
            percentiles: ["30000", "90000", ""],
            executed: 100,
            handoffs: 50,
            cpu: [900, 500],
            valid: true,
        },
        Row {
            block: 1,
            percentiles: ["10000", "70000", "99000"],
            executed: 200,
            handoffs: 20,
            cpu: [1100, 600],
            valid: true,
        },
        Row {
            block: 2,
            percentiles: ["20000", "", ""],
            executed: 100,
            handoffs: 30,
            cpu: [1000, 700],
            valid: true,
        },
        Row {
            block: 4,
            percentiles: ["77000000", "", ""],
            executed: 1,
            handoffs: 1,
            cpu: [1, 1],
            valid: false,
        },
    ]
}

#[test]
fn numbers_behind_the_figures_match_a_hand_computation() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path();
    let rows = three_valid_blocks_and_an_invalid_one();
    by_hand(run, &rows);
    let drawn = draw_all(run).unwrap();
    assert_eq!(drawn[0].outcome, Outcome::Skipped(Skip::NoProbes));

    let latency = csv(run, Figure::LatencyOverLoad);
    let fields = |row: &BTreeMap<String, String>, names: [&str; 5]| names.map(|n| row[n].clone());
    let shown = ["latency_us", "low_us", "high_us", "blocks", "spread"];
    assert_eq!(
        fields(&latency[0], shown),
        ["20", "10", "30", "3", "range_too_few_blocks"]
    );
    assert_eq!(
        fields(&latency[1], shown),
        ["90", "70", "inf", "3", "range_too_few_blocks"]
    );
    assert_eq!(
        fields(&latency[2], shown),
        ["inf", "99", "inf", "3", "range_too_few_blocks"]
    );

    // Handoffs per request: 0.5, 0.1 and 0.3.
    let crossings = csv(run, Figure::Crossings);
    assert_eq!(crossings[0]["crossing"], "handoffs");
    assert_eq!(
        [
            &crossings[0]["per_request"],
            &crossings[0]["low_per_request"]
        ],
        ["0.3", "0.1"]
    );
    assert_eq!(
        crossings[1]["per_request"], "",
        "not applicable stays empty"
    );

    let cost = &csv(run, Figure::CpuCost)[0];
    assert_eq!(
        [
            &cost["cpu_ns_per_request"],
            &cost["server_cpu_ns_per_request"]
        ],
        ["1000", "600"]
    );
    assert_eq!(cost["napi_cpu_ns_per_request"], "");

    // Merged over the valid blocks: 10 of 1 us (one of them from block 1), 2 us, 3 us, 3 lost.
    let cdf: Vec<_> = csv(run, Figure::LatencyCdf)
        .iter()
        .map(|r| (r["latency_us"].clone(), r["share"].parse::<f64>().unwrap()))
        .collect();
    let expected = [
        ("1", 10.0 / 15.0),
        ("2", 11.0 / 15.0),
        ("3", 12.0 / 15.0),
        ("inf", 1.0),
    ];
    assert_eq!(cdf, expected.map(|(us, share)| (us.to_owned(), share)));

    let ledger = csv(run, Figure::Ledger);
    let share = |ended| {
        ledger
            .iter()
            .find(|r| r["ended"] == ended)
            .map(|r| r["share"].as_str())
    };
    assert_eq!(share("answered"), Some("0.6"));
    assert_eq!(share("unsent"), Some("0.1"));
    assert_eq!(share("drop_ring_full"), Some("0.3"));
    assert_eq!(share("remainder"), Some("0"));
}

#[test]
fn twelve_blocks_give_an_interval_and_the_same_one_again() {
    let folder = tempfile::tempdir().unwrap();
    SHAPES[0].write(folder.path());
    draw_all(folder.path()).unwrap();
    let first = csv(folder.path(), Figure::LatencyOverLoad);
    draw_all(folder.path()).unwrap();
    assert_eq!(first, csv(folder.path(), Figure::LatencyOverLoad));
    let find = |label, io, load, percentile| {
        let wanted = [
            ("label", label),
            ("io", io),
            ("offered_rps", load),
            ("percentile", percentile),
        ];
        first
            .iter()
            .find(|r| wanted.iter().all(|(k, v)| r[*k] == *v))
            .unwrap()
    };
    let steered = find("xdp_steered", "af_xdp", "50000", "p50");
    assert_eq!(
        [&steered["blocks"], &steered["spread"]],
        ["12", "interval_95"]
    );
    let [low, value, high] =
        ["low_us", "latency_us", "high_us"].map(|k| steered[k].parse::<f64>().unwrap());
    assert!(low < value && value < high);
    // memcached can do 120 of 500 kreq/s, so that even its median lies beyond the timeout.
    assert_eq!(
        find("memcached", "udp", "500000", "p50")["latency_us"],
        "inf"
    );
    // The invalid trial is missing from its cell.
    assert_eq!(
        find("mica_erew_xsk", "af_xdp", "50000", "p50")["blocks"],
        "11"
    );
}

#[test]
fn those_asked_for_are_drawn_and_no_others() {
    let folder = tempfile::tempdir().unwrap();
    SHAPES[1].write(folder.path());
    assert_eq!(draw(folder.path(), &[]).unwrap(), []);
    let figures = folder.path().join("figures");
    assert!(!figures.exists());
    let asked = [Figure::Ledger, Figure::LatencyCdf];
    let drawn = draw(folder.path(), &asked).unwrap();
    assert!(drawn.iter().map(|one| one.figure).eq(asked));
    // Each as SVG, PNG and CSV.
    assert_eq!(fs::read_dir(figures).unwrap().count(), 6);
    for figure in Figure::ALL {
        assert_eq!(Figure::named(figure.id()), Some(figure));
    }
    assert_eq!(Figure::named("leger"), None);
}

#[test]
fn missing_tables_skip_and_a_strange_folder_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    assert!(matches!(
        draw_all(folder.path()),
        Err(Error::NotARun { .. })
    ));
    fs::write(folder.path().join("run.json"), "{}").unwrap();
    for Drawn { figure, outcome } in draw_all(folder.path()).unwrap() {
        let expected = match figure {
            Figure::NotificationTime => Skip::NoProbes,
            Figure::GroundTruth => Skip::NoHeldReplies,
            Figure::Stall => Skip::NoStall,
            Figure::Capacity => Skip::NoSearch,
            Figure::AaAb => Skip::NoRepeats,
            Figure::LatencyCdf
            | Figure::LatencyOverLoad
            | Figure::LatencyOverTime
            | Figure::MisroutesOverTime
            | Figure::ClosedLoop
            | Figure::CpuCost
            | Figure::Crossings
            | Figure::Ledger
            | Figure::Drain
            | Figure::Saturation
            | Figure::OverSweep
            | Figure::Imbalance
            | Figure::PacketThroughput
            | Figure::ThroughputOverBatch
            | Figure::CpuOverRate
            | Figure::RoundTrips
            | Figure::Maelstrom
            | Figure::DeliveredOverTime
            | Figure::Comparison => Skip::NoTrials,
        };
        assert_eq!(outcome, Outcome::Skipped(expected));
    }
    by_hand(folder.path(), &[one(false)]);
    let drawn = draw_all(folder.path()).unwrap();
    assert_eq!(drawn[1].outcome, Outcome::Skipped(Skip::NoValidTrials));
}

#[test]
fn damaged_files_are_named() {
    let folder = tempfile::tempdir().unwrap();
    by_hand(folder.path(), &[one(true)]);
    let latency = folder.path().join("trials/t0/latency.csv");
    fs::write(&latency, "value_ns,count\nsoon,1\n").unwrap();
    let error = draw_all(folder.path()).unwrap_err().to_string();
    assert!(
        error.contains("latency.csv") && error.contains("soon"),
        "{error}"
    );
    fs::remove_file(&latency).unwrap();
    assert!(matches!(draw_all(folder.path()), Err(Error::Read { path, .. }) if path == latency));
}

/// Depths take the place of rates in the figure of closed loops, and stay out of all others.
#[test]
fn closed_loops_never_share_an_axis_with_open_ones() {
    let folder = tempfile::tempdir().unwrap();
    SHAPES[1].write(folder.path());
    draw_all(folder.path()).unwrap();
    let values = |figure, column: &str| -> std::collections::BTreeSet<String> {
        csv(folder.path(), figure)
            .iter()
            .map(|row| row[column].clone())
            .collect()
    };
    let of = |texts: &[&str]| texts.iter().map(ToString::to_string).collect();
    assert_eq!(values(Figure::ClosedLoop, "depth"), of(&["1", "64", "8"]));
    for figure in [
        Figure::LatencyOverLoad,
        Figure::LatencyOverTime,
        Figure::LatencyCdf,
        Figure::CpuCost,
        Figure::Ledger,
    ] {
        let rates = values(figure, "offered_rps");
        assert_eq!(rates, of(&["100000", "20000"]), "{}", figure.id());
    }
}

#[test]
fn steps_of_blocks_are_put_together_by_their_medians() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path();
    by_hand(run, &three_valid_blocks_and_an_invalid_one());
    let header = "start_ns,requests,p50_ns,p99_ns\n";
    for (trial, rows) in [
        ("t0", "0,10,1000,5000\n1000000,10,9000,\n"),
        ("t1", "0,10,3000,7000\n1000000,0,,\n"),
        ("t2", "0,10,2000,6000\n1000000,10,8000,\n"),
    ] {
        let path = run.join("trials").join(trial).join("intervals.csv");
        fs::write(path, format!("{header}{rows}")).unwrap();
    }
    draw_all(run).unwrap();
    let steps: Vec<_> = csv(run, Figure::LatencyOverTime)
        .iter()
        .map(|row| ["start_ms", "p50_us", "p99_us"].map(|column| row[column].clone()))
        .collect();
    // In the second step block 1 offered nothing, and both other tails lie beyond the timeout.
    assert_eq!(steps, [["0", "2", "6"], ["1", "8.5", "inf"]]);
}
