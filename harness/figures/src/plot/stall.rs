//! A server that was stopped for a while: the tail of the measured latency beside theory without
//! coordinated omission, and beside what a client would report that waits for its replies.

use std::collections::BTreeMap;

use analysis::truth::{self, Account};
use stats::truth::Stalled;

use crate::canvas::axis::Axis;
use crate::canvas::page::{Entry, Grid, Page, Sample, Surround};
use crate::canvas::panel::{Panel, Strip};
use crate::canvas::scene::Scene;
use crate::canvas::style::{Dash, Rgb, colour};
use crate::data::Data;
use crate::error::Result;
use crate::figure::{Drawing, Skip};
use crate::run::{Run, micros};

const LEAD: &str = "The server's process was stopped in the measure phase. Theory: whatever was due meanwhile waits for \
                    the end of the stall and for the backlog before it, beside the way there and back. A client that \
                    waits for each reply before it sends again, and counts from there, sees the stall once (coordinated \
                    omission); its curve is computed from the same trace.";

/// The highest share of requests whose tail is drawn, and the lowest.
const SHARES: (f64, f64) = (1.0, 0.0001);

/// What is drawn, with its look.
type Curve = (&'static str, fn(&Stalled, f64) -> Option<u64>, Dash, f64);
const CURVES: [Curve; 3] = [
    ("theory", Stalled::theory_ns, Dash::Solid, 5.0),
    ("measured", Stalled::measured_ns, Dash::Solid, 1.8),
    ("client that waits", Stalled::waiting_ns, Dash::Long, 1.8),
];

fn look(curve: usize) -> Rgb {
    match curve {
        0 => Rgb::AXIS,
        other => colour(other - 1),
    }
}

pub(crate) fn draw(run: &Run) -> Result<Drawing> {
    let Some(folder) = run.traced()? else {
        return Ok(Drawing::Skipped(Skip::NoStall));
    };
    let cells = by_label(truth::stalled(&folder)?);
    if cells.is_empty() {
        return Ok(Drawing::Skipped(Skip::NoStall));
    }
    let scene = scene(run, &folder.run().fidelity, &cells);
    Ok(Drawing::picture(scene, data(&cells)))
}

fn scene(run: &Run, fidelity: &str, cells: &Cells) -> Scene {
    let blocks = cells.values().map(|(blocks, _)| *blocks).max();
    let entry = |(index, (name, _, dash, _)): (usize, &Curve)| {
        Entry::new(Sample::Line(look(index), *dash, None), *name)
    };
    let around = Surround {
        title: "A stalled server without coordinated omission".to_owned(),
        subtitle: format!("{fidelity} · up to {} blocks", blocks.unwrap_or(0)),
        caption: format!("{LEAD} Machine: {}.", run.machine.describe()),
        legend: CURVES.iter().enumerate().map(entry).collect(),
    };
    let columns = cells.len().min(3);
    let grid = Grid {
        rows: cells.len().div_ceil(columns),
        columns,
        row_height: 330.0,
        ..Grid::default()
    };
    let mut page = Page::lay_out(&around, &grid);
    let (low, high) = range(cells);
    for (place, ((label, rps), (_, stalled))) in cells.iter().enumerate() {
        let x = Axis::log("latency (µs)", low, high);
        let y = Axis::log("share that takes longer", SHARES.1, SHARES.0);
        let title = format!("{label}, {} kreq/s", *rps as f64 / 1e3);
        let panel = Panel::new(page.panels[place], title, x, y, Strip::None);
        panel.frame(&mut page.scene);
        for (index, (_, of, dash, width)) in CURVES.iter().enumerate() {
            let points = tail(stalled, *of);
            let points: Vec<_> = points
                .iter()
                .map(|(us, share)| panel.at(*us, *share))
                .collect();
            page.scene.dashed(&points, *dash, *width, look(index));
        }
    }
    page.scene
}

type Cells = BTreeMap<(String, u64), (usize, Stalled)>;

/// The valid trials by label and rate, blocks merged and counted.
fn by_label(accounts: Vec<Account<Stalled>>) -> Cells {
    let mut cells = Cells::new();
    for account in accounts.into_iter().filter(|account| account.valid) {
        let key = (account.label, account.offered_rps as u64);
        match cells.get_mut(&key) {
            Some((blocks, stalled)) => {
                *blocks += 1;
                stalled.merge(account.of);
            }
            None => {
                cells.insert(key, (1, account.of));
            }
        }
    }
    cells
}

/// Latency in µs and the share of requests that take longer, from all of them down to few; it ends
/// where requests were not answered.
fn tail(stalled: &Stalled, of: fn(&Stalled, f64) -> Option<u64>) -> Vec<(f64, f64)> {
    const STEPS: i32 = 200;
    let step = (SHARES.1 / SHARES.0).powf(1.0 / f64::from(STEPS));
    (0..=STEPS)
        .map_while(|index| {
            let share = SHARES.0 * step.powi(index);
            Some((micros(of(stalled, 1.0 - share)? as f64), share))
        })
        .collect()
}

fn range(cells: &Cells) -> (f64, f64) {
    let (mut low, mut high) = (f64::INFINITY, 1.0f64);
    for (_, stalled) in cells.values() {
        for (_, of, ..) in CURVES {
            for (us, _) in tail(stalled, of) {
                (low, high) = (low.min(us), high.max(us));
            }
        }
    }
    (low.clamp(0.1, high), high)
}

fn data(cells: &Cells) -> Data {
    let mut data = Data::new([
        "label",
        "offered_rps",
        "blocks",
        "requests",
        "share_that_takes_longer",
        "measured_us",
        "theory_us",
        "waiting_client_us",
    ]);
    for ((label, rps), (blocks, stalled)) in cells {
        for share in [0.5, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001] {
            let us = |ns: Option<u64>| {
                ns.map_or_else(|| "inf".to_owned(), |ns| micros(ns as f64).to_string())
            };
            data.push(vec![
                label.clone(),
                rps.to_string(),
                blocks.to_string(),
                stalled.n().to_string(),
                share.to_string(),
                us(stalled.measured_ns(1.0 - share)),
                us(stalled.theory_ns(1.0 - share)),
                us(stalled.waiting_ns(1.0 - share)),
            ]);
        }
    }
    data
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;

    use stats::truth::Seen;

    use super::*;
    use crate::tests::assert_legible;

    /// A second at 1000 requests a second without queueing; 100 ms of stall from 400 ms on.
    fn account(block: u32) -> Account<Stalled> {
        const MS: u64 = 1_000_000;
        let seen: Vec<Seen> = (0..1000)
            .map(|index| {
                let due_ns = index * MS;
                let stalled = (400..500).contains(&index);
                let from = if stalled { 500 * MS } else { due_ns };
                Seen {
                    due_ns,
                    sent_ns: due_ns,
                    reply_ns: Some(from + 20_000),
                    service_ns: 0,
                }
            })
            .collect();
        let (measure_ns, stall_ns) = (0..1000 * MS, 400 * MS..500 * MS);
        Account {
            label: "stopped".to_owned(),
            offered_rps: 1000.0,
            servers: NonZeroUsize::MIN,
            load: 0.0,
            block,
            valid: true,
            of: Stalled::new(NonZeroUsize::MIN, &seen, &measure_ns, &stall_ns),
        }
    }

    #[test]
    fn the_tail_is_the_stall_and_the_waiting_client_omits_it() {
        let cells = by_label(vec![account(1), account(2)]);
        let (blocks, stalled) = &cells[&("stopped".to_owned(), 1000)];
        assert_eq!((*blocks, stalled.n()), (2, 2000));
        let longest = |of: fn(&Stalled, f64) -> Option<u64>| {
            let tail = tail(stalled, of);
            tail.iter().filter(|(us, _)| *us > 50_000.0).count()
        };
        assert!(longest(Stalled::measured_ns) > 80);
        assert_eq!(longest(Stalled::measured_ns), longest(Stalled::theory_ns));
        assert!(longest(Stalled::waiting_ns) < 60);
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("run.json"), "{}").unwrap();
        let run = Run::read(folder.path()).unwrap();
        assert_legible("stall", &scene(&run, "veth", &cells));
    }
}
