//! CPU time per request of a drain: what it cost to load the server's sockets, and what its threads
//! cost to work them off. Systems divide the work differently between the two, so only the whole bar
//! compares them.

use polars::prelude::col;
use stats::median;

use crate::canvas::page::{Entry, Sample};
use crate::canvas::style::Rgb;
use crate::caption::{self, Shows};
use crate::data::{Data, estimate_fields};
use crate::error::Result;
use crate::facets;
use crate::figure::{Drawing, Skip};
use crate::run::{Cell, Run, Trials};

use super::bars::{self, Bar};
use super::estimate;

/// The parts: column, name, colour.
const PARTS: [(&str, &str, Rgb); 2] = [
    (
        "load_cpu_ns_per_request",
        "loading: server NAPI",
        Rgb(0xe6, 0x9f, 0x00),
    ),
    (
        "drain_cpu_ns_per_request",
        "draining: server threads and NAPI",
        Rgb(0x00, 0x72, 0xb2),
    ),
];

/// The other columns, in the order of a cell's values: the sum, and the times for the data file.
const COLUMNS: [&str; 3] = ["cpu_ns_per_request", "drain_ns", "first_idle_ns"];

const LEAD: &str = "Requests waited in the server's sockets, then all its threads began at one instant, with no \
                    generator running. Compare whole bars only: what NAPI, an XDP program and the copy do while \
                    requests are loaded differs between systems as much as what follows.";

/// Why the columns are empty on loopback, in the empty panel.
const NONE: [&str; 3] = [
    "not measured here: on loopback,",
    "softirq time is charged",
    "to the sender",
];

fn middle(cell: &Cell, value: usize) -> Option<f64> {
    let recorded: Vec<f64> = cell.values[value].iter().copied().flatten().collect();
    median(&recorded)
}

fn bar(cell: &Cell) -> Bar {
    let parts = PARTS.iter().enumerate();
    Bar {
        stack: parts
            .filter_map(|(part, (.., colour))| Some((middle(cell, COLUMNS.len() + part)?, *colour)))
            .collect(),
        apart: Vec::new(),
        whole: estimate(&cell.values[0]),
    }
}

pub(crate) fn draw(run: &Run) -> Result<Drawing> {
    let trials = match &run.drains {
        None => return Ok(Drawing::Skipped(Skip::NoTrials)),
        Some(drains) if drains.series.is_empty() => return Ok(Drawing::Skipped(Skip::NoDrains)),
        Some(drains) => drains,
    };
    let columns = COLUMNS.into_iter().chain(PARTS.map(|(column, ..)| column));
    let cells = trials.cells(&columns.map(col).collect::<Vec<_>>())?;
    let facets = facets::by_load(trials, &cells, 4);
    let entry = |(_, name, colour): &(&str, &str, Rgb)| Entry::new(Sample::Bar(*colour), *name);
    let legend = PARTS.iter().map(entry).collect();
    let names: Vec<String> = (0..trials.series.len()).map(|i| trials.name(i)).collect();
    let title = ("CPU time per request of a drain", LEAD);
    let around = caption::of_trials(run, trials, &cells, Shows::Whiskers, title, legend);
    let scene = bars::draw(
        &around,
        &facets,
        &names,
        "CPU time (ns/request)",
        &bar,
        &NONE,
    );
    Ok(Drawing::picture(scene, data(trials, &cells)))
}

fn data(trials: &Trials, cells: &[Cell]) -> Data {
    let header = [
        "requests",
        "cpu_ns_per_request",
        "low_ns_per_request",
        "high_ns_per_request",
        "blocks",
        "spread",
        "drain_ns",
        "first_idle_ns",
    ];
    let mut data = Data::by_cell(header.into_iter().chain(PARTS.map(|(column, ..)| column)));
    for cell in cells {
        let mut row = trials.row(cell, []);
        row.extend(estimate_fields(estimate(&cell.values[0]).as_ref()));
        let medians = (1..COLUMNS.len() + PARTS.len()).map(|value| middle(cell, value));
        row.extend(medians.map(|value| value.map_or_else(String::new, |value| value.to_string())));
        data.push(row);
    }
    data
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::synthetic::{Synthetic, set_columns};
    use crate::tests::assert_legible;

    #[test]
    fn both_parts_are_drawn_and_told() {
        let folder = tempfile::tempdir().unwrap();
        let made_up = Synthetic {
            topologies: &["veth"],
            loads: &[20e3],
            blocks: 3,
        };
        made_up.write(folder.path());
        set_columns(
            folder.path(),
            &[
                ("load", "drain 20000"),
                ("load_cpu_ns_per_request", "900"),
                ("drain_cpu_ns_per_request", "1500"),
                ("drain_ns", "60000000"),
                ("first_idle_ns", "40000000"),
            ],
        );
        let run = Run::read(folder.path()).unwrap();
        let Drawing::Picture(picture) = draw(&run).unwrap() else {
            panic!("there are drains to draw");
        };
        assert_legible("drain", &picture.scene);
        let trials = run.drains.as_ref().unwrap();
        let columns = COLUMNS.into_iter().chain(PARTS.map(|(column, ..)| column));
        let cells = trials.cells(&columns.map(col).collect::<Vec<_>>()).unwrap();
        let bar = bar(&cells[0]);
        assert_eq!(bar.stack.iter().map(|(ns, _)| *ns).sum::<f64>(), 2400.0);
        assert_eq!(cells[0].load_rps, 20_000.0);
    }

    #[test]
    fn a_run_without_drains_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let made_up = Synthetic {
            topologies: &["veth"],
            loads: &[20e3],
            blocks: 1,
        };
        made_up.write(folder.path());
        let run = Run::read(folder.path()).unwrap();
        assert!(matches!(
            draw(&run).unwrap(),
            Drawing::Skipped(Skip::NoDrains)
        ));
    }
}
