//! What a system serves when it is offered as much as a generator can make.

use polars::prelude::col;

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

const SERVED: Rgb = Rgb(0x00, 0x72, 0xb2);

const LEAD: &str = "Requests came as fast as a generator could make them, unpaced, so that there are rates and no \
                    latencies; how many were made, and where the others ended, is in the CSV. Where generator and \
                    server share CPUs, the rate is that of the sharing.";

/// The columns of trials.csv, in the order of a cell's values.
const COLUMNS: [&str; 4] = ["achieved_rps", "offered", "answered", "remainder"];

fn bar(cell: &Cell) -> Bar {
    let kilo: Vec<Option<f64>> = (cell.values[0].iter())
        .map(|rps| rps.map(|rps| rps / 1e3))
        .collect();
    let whole = estimate(&kilo);
    Bar {
        stack: whole.iter().map(|e| (e.value, SERVED)).collect(),
        apart: Vec::new(),
        whole,
    }
}

pub(crate) fn draw(run: &Run) -> Result<Drawing> {
    let trials = match &run.saturated {
        None => return Ok(Drawing::Skipped(Skip::NoTrials)),
        Some(saturated) if saturated.series.is_empty() => {
            return Ok(Drawing::Skipped(Skip::NotSaturated));
        }
        Some(saturated) => saturated,
    };
    let drops = trials.drop_columns();
    let columns = COLUMNS.into_iter().chain(drops.iter().map(String::as_str));
    let cells = trials.cells(&columns.map(col).collect::<Vec<_>>())?;
    let facets = facets::by_load(trials, &cells, 1);
    let legend = vec![Entry::new(Sample::Bar(SERVED), "replies")];
    let names: Vec<String> = (0..trials.series.len()).map(|i| trials.name(i)).collect();
    let title = ("Replies of saturated systems", LEAD);
    let around = caption::of_trials(run, trials, &cells, Shows::Whiskers, title, legend);
    let none = ["no request was answered"];
    let scene = bars::draw(&around, &facets, &names, "replies (kreq/s)", &bar, &none);
    Ok(Drawing::picture(scene, data(trials, &cells, &drops)))
}

/// One row a system and end of requests: the rate stands in each.
fn data(trials: &Trials, cells: &[Cell], drops: &[String]) -> Data {
    let mut data = Data::by_cell([
        "load",
        "achieved_rps",
        "low_rps",
        "high_rps",
        "blocks",
        "spread",
        "ended",
        "requests",
    ]);
    for cell in cells {
        let rate = estimate_fields(estimate(&cell.values[0]).as_ref());
        let ends = COLUMNS.into_iter().chain(drops.iter().map(String::as_str));
        for (ended, blocks) in ends.zip(&cell.values).skip(1) {
            let requests: f64 = blocks.iter().flatten().sum();
            let end = [ended.to_owned(), requests.to_string()];
            data.push(trials.row(cell, rate.clone().into_iter().chain(end)));
        }
    }
    data
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::synthetic::{Synthetic, set_columns};
    use crate::tests::assert_legible;

    #[test]
    fn the_bar_is_the_rate_and_the_rest_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let made_up = Synthetic {
            topologies: &["veth"],
            loads: &[20e3],
            blocks: 3,
        };
        made_up.write(folder.path());
        let run = Run::read(folder.path()).unwrap();
        assert!(matches!(
            draw(&run).unwrap(),
            Drawing::Skipped(Skip::NotSaturated)
        ));
        set_columns(folder.path(), &[("load", "saturate")]);
        let run = Run::read(folder.path()).unwrap();
        let Drawing::Picture(picture) = draw(&run).unwrap() else {
            panic!("there is a saturated system to draw");
        };
        assert_legible("saturation", &picture.scene);
        let trials = run.saturated.as_ref().unwrap();
        let cells = trials
            .cells(&COLUMNS.map(col))
            .expect("the columns of trials.csv");
        let rps: Vec<f64> = cells[0].values[0].iter().copied().flatten().collect();
        let middle = stats::median(&rps).expect("three blocks");
        assert!((bar(&cells[0]).stack[0].0 - middle / 1e3).abs() < 1e-9);
    }
}
