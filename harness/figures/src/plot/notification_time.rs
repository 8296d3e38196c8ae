//! Thread notification time: from `write` in one thread to the return of `read` in another.
//!
//! The shape is Figure 4 of Enberg, Rao and Tarkoma, "Partition-Aware Packet Steering Using XDP
//! and eBPF for Improving Application-Level Parallelism" (ENCP'19), whose numbers are drawn in:
//! a 99.9th percentile of 4.32 us on the same NUMA node and 6.09 us on a remote one, on a Xeon
//! E5-2686 v4, against the 12 ns between 64-byte packets at 40 Gb/s.

use stats::Histogram;

use crate::canvas::axis::Axis;
use crate::canvas::font::{Align, TextStyle};
use crate::canvas::page::{Entry, Grid, Page, Sample, Surround};
use crate::canvas::panel::{LABEL, Panel, Strip};
use crate::canvas::scene::Scene;
use crate::canvas::style::{Dash, Marker, Rgb, colour};
use crate::data::Data;
use crate::error::Result;
use crate::figure::{Drawing, Skip};
use crate::run::{Probe, Probes, Run, micros};

/// A value of the paper.
struct Reference {
    us: f64,
    /// How it is written at its line.
    name: &'static str,
    /// How it is written in the legend.
    legend: &'static str,
    /// For a percentile: its share, and the side of the line that its name stands on.
    percentile: Option<(f64, Align)>,
}

const PAPER: [Reference; 3] = [
    Reference {
        us: 0.012,
        name: "12 ns",
        legend: "12 ns: 64 B at 40 Gb/s",
        percentile: None,
    },
    Reference {
        us: 4.32,
        name: "4.32 ",
        legend: "4.32 µs: same node",
        percentile: Some((0.999, Align::Right)),
    },
    Reference {
        us: 6.09,
        name: " 6.09 µs",
        legend: "6.09 µs: remote node",
        percentile: Some((0.999, Align::Left)),
    },
];

struct Curve<'a> {
    probe: &'a Probe,
    histogram: Histogram,
    colour: Rgb,
    dash: Dash,
}

pub(crate) fn draw(run: &Run) -> Result<Drawing> {
    let Some(probes) = &run.probes else {
        return Ok(Drawing::Skipped(Skip::NoProbes));
    };
    let mechanisms = distinct(probes, |p| &p.mechanism);
    let classes = distinct(probes, |p| &p.pair_class);
    let mut curves = Vec::new();
    for probe in probes.cells.iter().filter(|p| p.ran()) {
        let index = |all: &[&str], one: &str| all.iter().position(|v| *v == one).unwrap_or(0);
        curves.push(Curve {
            histogram: probes.histogram(probe)?,
            colour: colour(index(&mechanisms, &probe.mechanism)),
            dash: Dash::nth(index(&classes, &probe.pair_class)),
            probe,
        });
    }
    if curves.is_empty() {
        return Ok(Drawing::Skipped(Skip::NoProbeRan));
    }
    let modes: Vec<&[Curve<'_>]> = curves
        .chunk_by(|a, b| a.probe.mode == b.probe.mode)
        .collect();
    let around = surround(run, probes, &mechanisms, &classes);
    let mut page = {
        let grid = Grid {
            rows: modes.len(),
            columns: 1,
            row_height: 300.0,
            ..Grid::default()
        };
        Page::lay_out(&around, &grid)
    };
    let highest = curves
        .iter()
        .filter_map(|c| last_us(&c.histogram))
        .fold(10.0, f64::max);
    let places = page.panels.clone();
    for (curves, place) in modes.into_iter().zip(places) {
        let x = Axis::log("notification time (µs)", 0.01, highest);
        let y = Axis::linear("share of wakeups", 0.0, 1.0, 5);
        let panel = Panel::new(place, mode_title(&curves[0].probe.mode), x, y, Strip::None);
        panel.frame(&mut page.scene);
        for curve in curves {
            let mut points = vec![];
            for (ns, share) in curve.histogram.cdf() {
                if points.is_empty() {
                    points.push(panel.at(micros(ns as f64), 0.0));
                }
                points.push(panel.at(micros(ns as f64), share));
            }
            page.scene.dashed(&points, curve.dash, 2.0, curve.colour);
        }
        references(&panel, &mut page.scene);
    }
    Ok(Drawing::picture(page.scene, data(&curves)))
}

fn distinct<'a>(probes: &'a Probes, field: impl Fn(&'a Probe) -> &'a String) -> Vec<&'a str> {
    let mut all: Vec<&str> = probes.cells.iter().map(|p| field(p).as_str()).collect();
    all.sort_unstable();
    all.dedup();
    all
}

fn last_us(histogram: &Histogram) -> Option<f64> {
    histogram.cdf().last().map(|&(ns, _)| micros(ns as f64))
}

fn words(code: &str) -> String {
    code.replace('_', " ")
}

fn mode_title(mode: &str) -> String {
    match mode {
        "idle" => "idle: at least 200 µs between notifications".to_owned(),
        other => format!("{}: the next notification at once", words(other)),
    }
}

/// Draws the paper's values. The packet time is named beside its line, where no wakeup gets to;
/// the percentiles above the plot, clear of the curves.
fn references(panel: &Panel, scene: &mut Scene) {
    let style = TextStyle::new(LABEL).colour(Rgb::REFERENCE);
    for Reference {
        us,
        name,
        percentile,
        ..
    } in PAPER
    {
        let ((x, bottom), (_, top)) = (panel.at(us, 0.0), panel.at(us, 1.0));
        scene.dashed(&[(x, bottom), (x, top)], Dash::Dots, 1.4, Rgb::REFERENCE);
        let Some((share, align)) = percentile else {
            scene.text(name, (x + 10.0, bottom - 10.0), style.upwards());
            continue;
        };
        scene.marker(
            panel.at(us, share),
            Marker::Diamond,
            5.0,
            Rgb::REFERENCE,
            true,
        );
        scene.text(name, (x, top - 14.0), style.align(align));
    }
}

fn surround(run: &Run, probes: &Probes, mechanisms: &[&str], classes: &[&str]) -> Surround {
    let mut legend = vec![Entry::new(Sample::Heading, "mechanism")];
    for (i, name) in mechanisms.iter().enumerate() {
        legend.push(Entry::new(
            Sample::Line(colour(i), Dash::Solid, None),
            words(name),
        ));
    }
    legend.push(Entry::new(Sample::Heading, "CPU pair"));
    for (i, name) in classes.iter().enumerate() {
        legend.push(Entry::new(
            Sample::Line(Rgb::INK, Dash::nth(i), None),
            words(name),
        ));
    }
    legend.push(Entry::new(Sample::Heading, "ENCP'19, Figure 4"));
    for Reference {
        legend: text,
        percentile,
        ..
    } in PAPER
    {
        let marker = percentile.map(|_| (Marker::Diamond, true));
        legend.push(Entry::new(
            Sample::Line(Rgb::REFERENCE, Dash::Dots, marker),
            text,
        ));
    }
    let refused: Vec<String> = probes
        .cells
        .iter()
        .filter(|p| !p.ran())
        .map(refusal)
        .collect();
    let mut caption = format!(
        "From the call of write in one pinned thread to the return of read in another. Diamonds: the 99.9th \
         percentiles of ENCP'19, Figure 4, for eventfd on a Xeon E5-2686 v4. Machine here: {}.",
        run.machine.describe()
    );
    if !refused.is_empty() {
        caption.push_str(&format!(" Not run: {}.", refused.join("; ")));
    }
    Surround {
        title: "Thread notification time".to_owned(),
        subtitle: "measured on this machine, without network".to_owned(),
        caption,
        legend,
    }
}

fn refusal(probe: &Probe) -> String {
    let Probe {
        mechanism,
        pair_class,
        mode,
        status,
        ..
    } = probe;
    format!(
        "{} {} {} ({status})",
        words(mode),
        words(mechanism),
        words(pair_class)
    )
}

fn data(curves: &[Curve<'_>]) -> Data {
    let mut data = Data::new(["mode", "mechanism", "pair_class", "time_us", "share"]);
    for Curve {
        probe, histogram, ..
    } in curves
    {
        for (ns, share) in histogram.cdf() {
            data.push(vec![
                probe.mode.clone(),
                probe.mechanism.clone(),
                probe.pair_class.clone(),
                micros(ns as f64).to_string(),
                share.to_string(),
            ]);
        }
    }
    data
}
