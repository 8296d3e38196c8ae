//! Where the offered requests ended: answered, unsent, dropped for a named reason, or unexplained.

use polars::prelude::col;

use crate::canvas::page::{Entry, Sample};
use crate::canvas::style::Rgb;
use crate::caption::{self, Shows};
use crate::data::Data;
use crate::error::Result;
use crate::facets;
use crate::figure::Drawing;
use crate::run::{Cell, Run, Trials, one};

use super::bars::{self, Bar};
use super::usable;

const ANSWERED: Rgb = Rgb(0x00, 0x72, 0xb2);
const UNSENT: Rgb = Rgb(0xc4, 0xc4, 0xc4);
const DROPPED: Rgb = Rgb(0xe6, 0x9f, 0x00);
const REMAINDER: Rgb = Rgb(0x8c, 0x1c, 0x13);

const COUNTS: [&str; 4] = ["offered", "answered", "unsent", "remainder"];

const LEAD: &str = "Unsent: not accepted for transmission before the deadline. Dropped: lost at a counter that says why; the \
                    reasons are in the CSV. A remainder invalidates a trial.";

pub(crate) fn draw(run: &Run) -> Result<Drawing> {
    let trials = match usable(run) {
        Ok(trials) => trials,
        Err(skip) => return Ok(Drawing::Skipped(skip)),
    };
    let drops = trials.drop_columns();
    let values = COUNTS
        .into_iter()
        .chain(drops.iter().map(String::as_str))
        .map(col);
    let cells = trials.cells(&values.collect::<Vec<_>>())?;
    let facets = facets::by_load(trials, &cells, 4);
    let entry = |colour, text| Entry::new(Sample::Bar(colour), text);
    let legend = vec![
        entry(ANSWERED, "answered"),
        entry(UNSENT, "unsent"),
        entry(DROPPED, "dropped"),
        entry(REMAINDER, "remainder"),
    ];
    let counted = trials.counted();
    let (title, lead) = (
        format!("Where the offered {} ended", counted.name()),
        format!("Shares of all offered {}. {LEAD}", counted.name()),
    );
    let title = (title.as_str(), lead.as_str());
    let around = caption::of_trials(run, trials, &cells, Shows::Sums, title, legend);
    let names: Vec<String> = (0..trials.series.len()).map(|i| trials.name(i)).collect();
    let none = format!("no {} was offered", one(counted));
    let scene = bars::draw(
        &around,
        &facets,
        &names,
        "share of offered (%)",
        &bar,
        &[none.as_str()],
    );
    Ok(Drawing::picture(scene, data(trials, &cells, &drops)))
}

/// The sums over blocks: offered, answered, unsent, remainder, then each drop reason.
fn sums(cell: &Cell) -> Vec<f64> {
    cell.values
        .iter()
        .map(|blocks| blocks.iter().flatten().sum())
        .collect()
}

fn bar(cell: &Cell) -> Bar {
    let sums = sums(cell);
    let [offered, answered, unsent, remainder] = [sums[0], sums[1], sums[2], sums[3]];
    if offered <= 0.0 {
        return Bar::default();
    }
    let dropped = sums[COUNTS.len()..].iter().sum();
    let parts = [
        (answered, ANSWERED),
        (unsent, UNSENT),
        (dropped, DROPPED),
        (remainder.abs(), REMAINDER),
    ];
    let stack = parts
        .map(|(count, colour)| (count / offered * 100.0, colour))
        .to_vec();
    Bar {
        stack,
        ..Bar::default()
    }
}

fn data(trials: &Trials, cells: &[Cell], drops: &[String]) -> Data {
    let mut data = Data::by_cell(["offered_rps", "ended", "requests", "share"]);
    for cell in cells {
        let sums = sums(cell);
        let ends = COUNTS
            .into_iter()
            .chain(drops.iter().map(String::as_str))
            .zip(&sums)
            .skip(1);
        for (ended, requests) in ends {
            let share = requests / sums[0];
            let further = [ended.to_owned(), requests.to_string(), share.to_string()];
            data.push(trials.row(cell, further));
        }
    }
    data
}
