//! CPU time per request by component: what the server's threads and its NAPI threads ran during
//! the measure phase, for each reply sent in it. The client's own cost stands apart.

use polars::prelude::col;
use spec::Counted;
use stats::{Estimate, median};

use crate::canvas::page::{Entry, Sample};
use crate::canvas::style::Rgb;
use crate::caption::{self, Shows};
use crate::data::{Data, estimate_fields};
use crate::error::Result;
use crate::facets;
use crate::figure::Drawing;
use crate::run::{Cell, Run, Trials, one};

use super::bars::{self, Bar};
use super::{estimate, usable};

/// A component: its column, its colour, and whether it is part of the server's cost.
const COMPONENTS: [(&str, Rgb, bool); 4] = [
    ("server_cpu_ns_per_request", Rgb(0x00, 0x72, 0xb2), true),
    ("napi_cpu_ns_per_request", Rgb(0xe6, 0x9f, 0x00), true),
    ("client_cpu_ns_per_request", Rgb(0x9a, 0x9a, 0x9a), false),
    (
        "client_napi_cpu_ns_per_request",
        Rgb(0xcc, 0xcc, 0xcc),
        false,
    ),
];

const TOTAL: &str = "cpu_ns_per_request";

/// What the components are called where this is counted.
struct Names {
    lead: &'static str,
    /// In the order of [`COMPONENTS`].
    components: [&'static str; COMPONENTS.len()],
    /// Those that are part of the cost, and those that stand apart.
    headings: [&'static str; 2],
}

const fn names(of: Counted) -> Names {
    match of {
        Counted::Requests => Names {
            lead: "Run time of the server's threads and NAPI threads over the measure phase for each reply; the client's \
                   is drawn thinner below and is not part of the server's.",
            components: [
                "server threads",
                "server NAPI",
                "client threads",
                "client NAPI",
            ],
            headings: ["server", "client, apart"],
        },
        Counted::Frames => Names {
            lead: "Run time of the system's threads (u-peers) and of its hosts' NAPI threads (k-peers) over the measure \
                   phase for each frame that came back; that of the ends is drawn thinner below and is not part of it.",
            components: ["u-peers", "k-peers", "sender's threads", "NAPI of both"],
            headings: ["system", "ends, apart"],
        },
    }
}

/// Why the columns are empty on loopback, in the empty panel.
const NONE: [&str; 3] = [
    "not measured here: on loopback,",
    "softirq time is charged",
    "to the sender",
];

struct Cost {
    total: Option<Estimate>,
    components: [Option<f64>; COMPONENTS.len()],
}

fn cost(cell: &Cell) -> Cost {
    let middle = |i: usize| {
        let recorded: Vec<f64> = cell.values[i].iter().copied().flatten().collect();
        median(&recorded)
    };
    let components = std::array::from_fn(|i| middle(i + 1));
    Cost {
        total: estimate(&cell.values[0]),
        components,
    }
}

fn bar(cell: &Cell) -> Bar {
    let Cost { total, components } = cost(cell);
    let part = |of_server: bool| {
        let all = COMPONENTS.iter().zip(components);
        let ours = all.filter(move |((.., server), _)| *server == of_server);
        ours.filter_map(|((_, colour, _), value)| Some((value?, *colour)))
            .collect()
    };
    Bar {
        stack: part(true),
        apart: part(false),
        whole: total,
    }
}

pub(crate) fn draw(run: &Run) -> Result<Drawing> {
    let trials = match usable(run) {
        Ok(trials) => trials,
        Err(skip) => return Ok(Drawing::Skipped(skip)),
    };
    let columns = std::iter::once(TOTAL).chain(COMPONENTS.map(|(column, ..)| column));
    let cells = trials.cells(&columns.map(col).collect::<Vec<_>>())?;
    let facets = facets::by_load(trials, &cells, 4);
    let Names {
        lead,
        components,
        headings,
    } = names(trials.counted());
    let heading = |text| Entry::new(Sample::Heading, text);
    let entry = |i: usize| Entry::new(Sample::Bar(COMPONENTS[i].1), components[i]);
    let legend = vec![
        heading(headings[0]),
        entry(0),
        entry(1),
        heading(headings[1]),
        entry(2),
        entry(3),
    ];
    let spins = |i: usize| run.machine.spinning.contains(&trials.series[i].label);
    let name = |i| {
        if spins(i) {
            format!("{} *", trials.name(i))
        } else {
            trials.name(i)
        }
    };
    let names: Vec<String> = (0..trials.series.len()).map(name).collect();
    let mut lead = lead.to_owned();
    if (0..trials.series.len()).any(spins) {
        lead.push_str(" * spins: it also burns CPU time without work, so its total is not comparable with a sleeper's.");
    }
    let one = one(trials.counted());
    let title = format!("CPU time per {one}");
    let title = (title.as_str(), lead.as_str());
    let around = caption::of_trials(run, trials, &cells, Shows::Whiskers, title, legend);
    let axis = format!("CPU time (ns/{one})");
    let scene = bars::draw(&around, &facets, &names, &axis, &bar, &NONE);
    Ok(Drawing::picture(scene, data(trials, &cells, &spins)))
}

fn data(trials: &Trials, cells: &[Cell], spins: &dyn Fn(usize) -> bool) -> Data {
    let header = [
        "offered_rps",
        "spins",
        "cpu_ns_per_request",
        "low_ns_per_request",
        "high_ns_per_request",
        "blocks",
        "spread",
    ];
    let mut data = Data::by_cell(
        header
            .into_iter()
            .chain(COMPONENTS.map(|(column, ..)| column)),
    );
    for cell in cells {
        let Cost { total, components } = cost(cell);
        let mut row = trials.row(cell, [spins(cell.series).to_string()]);
        row.extend(estimate_fields(total.as_ref()));
        row.extend(components.map(|c| c.map_or_else(String::new, |v| v.to_string())));
        data.push(row);
    }
    data
}
