//! Replies that were held until virtual departure times: measured percentiles against those of the
//! queue's recursion on the same arrivals, and how much later replies came than it says.

use std::collections::BTreeMap;

use analysis::truth::{self, Account};
use stats::truth::{Bias, HeldReplies};

use crate::canvas::axis::Axis;
use crate::canvas::page::{Entry, Grid, Page, Sample, Surround};
use crate::canvas::panel::{Panel, Strip};
use crate::canvas::scene::Scene;
use crate::canvas::style::{Dash, Marker, Rgb, colour};
use crate::data::Data;
use crate::error::Result;
use crate::figure::{Drawing, Skip};
use crate::run::{Run, micros};

const PERCENTILES: [(f64, &str); 3] = [(0.5, "p50"), (0.9, "p90"), (0.99, "p99")];

const LEAD: &str = "The server holds each reply until its virtual departure. Lines: latency from the intended send as \
                    the recursion (Lindley; Kiefer and Wolfowitz) predicts it from the actual sends; marks: as it was \
                    measured. Bias: how much later each reply came than predicted, its way there and back included; \
                    mark at the median, whisker from the 5th to the 95th percentile.";

/// All blocks of one label at one rate.
struct Point {
    load: f64,
    offered_rps: f64,
    blocks: usize,
    replies: HeldReplies,
}

type Labels = BTreeMap<String, Vec<Point>>;

pub(crate) fn draw(run: &Run) -> Result<Drawing> {
    let Some(folder) = run.traced()? else {
        return Ok(Drawing::Skipped(Skip::NoHeldReplies));
    };
    let labels = by_label(truth::held_replies(&folder)?);
    if labels.is_empty() {
        return Ok(Drawing::Skipped(Skip::NoHeldReplies));
    }
    let scene = scene(run, &folder.run().fidelity, &labels);
    Ok(Drawing::picture(scene, data(&labels)))
}

fn scene(run: &Run, fidelity: &str, labels: &Labels) -> Scene {
    let blocks = labels.values().flatten().map(|point| point.blocks).max();
    let floor = run.trials.as_ref().and_then(|trials| trials.floor);
    let around = Surround {
        title: "Measured latency against ground truth".to_owned(),
        subtitle: format!("{fidelity} · up to {} blocks", blocks.unwrap_or(0)),
        caption: [LEAD.to_owned()]
            .into_iter()
            .chain(floor.map(|floor| floor.describe()))
            .chain([format!("Machine: {}.", run.machine.describe())])
            .collect::<Vec<_>>()
            .join(" "),
        legend: legend(),
    };
    let grid = Grid {
        rows: 2,
        columns: labels.len(),
        row_height: 290.0,
        ..Grid::default()
    };
    let mut page = Page::lay_out(&around, &grid);
    let (highest, widest) = (highest_us(labels), widest_us(labels));
    for (column, (label, points)) in labels.iter().enumerate() {
        let load = || Axis::linear("load of the virtual servers", 0.0, 1.0, 4);
        let y = Axis::log("latency (µs)", highest.0, highest.1);
        let panel = Panel::new(page.panels[column], label, load(), y, Strip::None);
        panel.frame(&mut page.scene);
        for (index, (q, _)) in PERCENTILES.iter().enumerate() {
            percentile(&panel, &mut page.scene, points, *q, index);
        }
        let y = Axis::linear("bias (µs)", widest.0, widest.1, 4);
        let place = page.panels[labels.len() + column];
        let panel = Panel::new(place, format!("{label}: bias"), load(), y, Strip::None);
        panel.frame(&mut page.scene);
        bias(&panel, &mut page.scene, points);
    }
    page.scene
}

/// The valid trials, blocks merged, in the order of their loads.
fn by_label(accounts: Vec<Account<HeldReplies>>) -> Labels {
    let mut labels = Labels::new();
    for account in accounts.into_iter().filter(|account| account.valid) {
        let points = labels.entry(account.label).or_default();
        let same = |point: &&mut Point| point.offered_rps == account.offered_rps;
        match points.iter_mut().find(same) {
            Some(point) => {
                // Blocks draw other keys, and with them a slightly other load.
                let blocks = point.blocks as f64;
                point.load = (point.load * blocks + account.load) / (blocks + 1.0);
                point.blocks += 1;
                point.replies.merge(account.of);
            }
            None => points.push(Point {
                load: account.load,
                offered_rps: account.offered_rps,
                blocks: 1,
                replies: account.of,
            }),
        }
    }
    for points in labels.values_mut() {
        points.sort_by(|a, b| a.offered_rps.total_cmp(&b.offered_rps));
    }
    labels
}

fn legend() -> Vec<Entry> {
    let of = |(index, (_, name)): (usize, &(f64, &str))| {
        let look = Some((Marker::nth(index), true));
        Entry::new(Sample::Line(colour(index), Dash::Solid, look), *name)
    };
    PERCENTILES.iter().enumerate().map(of).collect()
}

fn in_us(ns: Option<u64>) -> Option<f64> {
    ns.map(|ns| micros(ns as f64))
}

fn percentile(panel: &Panel, scene: &mut Scene, points: &[Point], q: f64, index: usize) {
    let line: Vec<_> = points
        .iter()
        .filter_map(|point| Some(panel.at(point.load, in_us(point.replies.predicted_ns(q))?)))
        .collect();
    scene.dashed(&line, Dash::Solid, 1.5, colour(index));
    for point in points {
        if let Some(us) = in_us(point.replies.measured_ns(q)) {
            let at = panel.at(point.load, us);
            scene.marker(at, Marker::nth(index), 4.5, colour(index), true);
        }
    }
}

fn bias(panel: &Panel, scene: &mut Scene, points: &[Point]) {
    let zero = [panel.at(0.0, 0.0), panel.at(1.0, 0.0)];
    scene.dashed(&zero, Dash::Dots, 1.0, Rgb::MUTED);
    for point in points {
        let Some(bias) = point.replies.bias() else {
            continue;
        };
        let at = |ns: i64| panel.at(point.load, micros(ns as f64));
        let (middle, low, high) = (at(bias.median_ns), at(bias.p5_ns), at(bias.p95_ns));
        panel.whisker(scene, middle, low, high, Rgb::INK);
        scene.marker(middle, Marker::Circle, 4.5, Rgb::INK, true);
    }
}

/// The range of latencies, µs.
fn highest_us(labels: &Labels) -> (f64, f64) {
    let (mut low, mut high) = (f64::INFINITY, 1.0f64);
    for point in labels.values().flatten() {
        for (q, _) in PERCENTILES {
            let both = [point.replies.measured_ns(q), point.replies.predicted_ns(q)];
            for us in both.into_iter().filter_map(in_us) {
                (low, high) = (low.min(us), high.max(us));
            }
        }
    }
    (low.min(high).max(0.1), high)
}

/// The range of biases, µs, 0 included.
fn widest_us(labels: &Labels) -> (f64, f64) {
    let all = labels.values().flatten();
    all.filter_map(|point| point.replies.bias())
        .fold((0.0f64, 1.0f64), |(low, high), bias| {
            let us = |ns: i64| micros(ns as f64);
            (low.min(us(bias.p5_ns)), high.max(us(bias.p95_ns) * 1.1))
        })
}

fn data(labels: &Labels) -> Data {
    let mut data = Data::new([
        "label",
        "offered_rps",
        "load",
        "blocks",
        "requests",
        "p50_us",
        "predicted_p50_us",
        "p90_us",
        "predicted_p90_us",
        "p99_us",
        "predicted_p99_us",
        "bias_median_us",
        "bias_p5_us",
        "bias_p95_us",
        "bias_p99_us",
        "share_within_50_us",
    ]);
    for (label, points) in labels {
        for point in points {
            data.push(row(label, point));
        }
    }
    data
}

fn row(label: &str, point: &Point) -> Vec<String> {
    let text = |us: Option<f64>| us.map_or_else(|| "inf".to_owned(), |us| us.to_string());
    let mut row = vec![
        label.to_owned(),
        point.offered_rps.to_string(),
        format!("{:.3}", point.load),
        point.blocks.to_string(),
    ];
    let bias = point.replies.bias();
    row.push(bias.map_or(0, |bias| bias.n).to_string());
    for (q, _) in PERCENTILES {
        row.push(text(in_us(point.replies.measured_ns(q))));
        row.push(text(in_us(point.replies.predicted_ns(q))));
    }
    let of = |ns: fn(Bias) -> i64| {
        let ns = bias.map(ns);
        ns.map_or_else(String::new, |ns| micros(ns as f64).to_string())
    };
    row.extend([
        of(|bias| bias.median_ns),
        of(|bias| bias.p5_ns),
        of(|bias| bias.p95_ns),
        of(|bias| bias.p99_ns),
        bias.map_or_else(String::new, |bias| format!("{:.4}", bias.within_50us)),
    ]);
    row
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;

    use stats::truth::Seen;

    use super::*;
    use crate::tests::assert_legible;

    /// A thousand requests, 1 ms apart, 100 us of service each, every reply 7 us after its departure.
    fn account(label: &str, block: u32, valid: bool) -> Account<HeldReplies> {
        let seen: Vec<Seen> = (0..1000)
            .map(|index| Seen {
                due_ns: index * 1_000_000,
                sent_ns: index * 1_000_000 + 3000,
                reply_ns: Some(index * 1_000_000 + 110_000),
                service_ns: 100_000,
            })
            .collect();
        Account {
            label: label.to_owned(),
            offered_rps: 1000.0,
            servers: NonZeroUsize::MIN,
            load: 0.1,
            block,
            valid,
            of: HeldReplies::new(NonZeroUsize::MIN, &seen, &(0..u64::MAX)),
        }
    }

    #[test]
    fn the_numbers_are_the_accounts_and_invalid_trials_are_left_out() {
        let accounts = [
            account("one", 1, true),
            account("one", 2, true),
            account("one", 3, false),
            account("two_servers", 1, true),
        ];
        let labels = by_label(accounts.into());
        let [point] = labels["one"].as_slice() else {
            panic!("one rate");
        };
        assert_eq!(point.blocks, 2);
        let row = row("one", point);
        assert_eq!(row[..5], ["one", "1000", "0.100", "2", "2000"]);
        assert_eq!(row[5..7], ["110", "103"], "measured, predicted p50 in us");
        assert_eq!(row[11..], ["7", "7", "7", "7", "1.0000"], "bias in us");
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("run.json"), "{}").unwrap();
        let run = Run::read(folder.path()).unwrap();
        assert_legible("ground_truth", &scene(&run, "veth", &labels));
    }
}
