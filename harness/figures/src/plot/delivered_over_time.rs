//! What each slice delivers in the course of the measure phase, where one of them is killed in it: whether the others notice, which
//! NetSlices (Marian, Lee, Weatherspoon, ANCS 2012) claims in section 1 and does not show.
//!
//! A panel a slice, so that slices of one rate do not hide each other; all panels have the same axes. Every block is drawn, for
//! a median over blocks would hide what a crash does to some of them.

use std::collections::BTreeSet;

use polars::prelude::col;
use stats::median;

use crate::canvas::axis::Axis;
use crate::canvas::page::{Entry, Grid, Page, Sample};
use crate::canvas::panel::{Panel, Strip};
use crate::canvas::scene::{At, Rect, Scene};
use crate::canvas::style::{Dash, Rgb};
use crate::caption::{self, Shows};
use crate::data::Data;
use crate::error::Result;
use crate::figure::{Drawing, Skip};
use crate::run::{Cell, DeliveredStep, Run, Trials};

use super::forwarded;

const LEAD: &str = "Frames that the receiver got from each slice; the process of one of them is killed (SIGKILL) in the measure \
                    phase. Where nothing of it reaches the others, they go on as before. Steps are level at their average, \
                    so that the one which holds the signal shows a part of what the dead slice delivered before.";

/// The columns of trials.csv, in the order of a cell's values.
const COLUMNS: [&str; 4] = ["block", "killed_slice", "killed_after_ns", "gone_after_ns"];

const SURVIVES: Rgb = Rgb(0x00, 0x72, 0xb2);
const DIES: Rgb = Rgb(0xd5, 0x5e, 0x00);
/// The time from the signal until the process is gone.
const LEAVING: Rgb = Rgb::GRID;

/// So many slices stand one above the other; more stand side by side.
const TALLEST: usize = 4;

/// What a slice delivered between two moments, ms since the start of the measure phase.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Stretch {
    start_ms: f64,
    end_ms: f64,
    /// Thousand frames a second.
    kfps: f64,
}

impl Stretch {
    fn of(step: &DeliveredStep) -> Self {
        Self {
            start_ms: step.start_ns / 1e6,
            end_ms: (step.start_ns + step.length_ns) / 1e6,
            kfps: step.frames * 1e6 / step.length_ns.max(1.0),
        }
    }

    fn length_ms(&self) -> f64 {
        self.end_ms - self.start_ms
    }

    /// Goes on until `next` ends, and has its frames too.
    fn join(&mut self, next: &Self) {
        let both_ms = self.length_ms() + next.length_ms();
        self.kfps = (self.kfps * self.length_ms() + next.kfps * next.length_ms()) / both_ms;
        self.end_ms = next.end_ms;
    }
}

/// One block of a cell.
struct Block {
    number: f64,
    /// The slice that was killed.
    killed: u32,
    /// When the signal was sent, ms since the start of the measure phase.
    signal_ms: f64,
    /// When the process had ended and its sockets were closed.
    gone_ms: f64,
    steps: Vec<DeliveredStep>,
}

/// One slice of a cell.
struct Slice {
    number: u32,
    killed: bool,
    /// Index = block.
    blocks: Vec<Vec<Stretch>>,
    median: Vec<Stretch>,
}

/// A system at one load.
struct Row {
    cell: Cell,
    blocks: Vec<Block>,
    slices: Vec<Slice>,
}

impl Row {
    /// `None` where no slice was killed.
    fn read(trials: &Trials, cell: Cell) -> Result<Option<Self>> {
        let recorded = trials.delivered(&cell)?.into_iter().enumerate();
        let block = |(nth, steps): (usize, Option<Vec<DeliveredStep>>)| {
            let [number, killed, signal_ns, after_ns] =
                std::array::from_fn(|column| cell.values[column][nth]);
            Some(Block {
                number: number?,
                killed: killed? as u32,
                signal_ms: signal_ns? / 1e6,
                gone_ms: (signal_ns? + after_ns?) / 1e6,
                steps: steps?,
            })
        };
        let blocks: Vec<Block> = recorded.filter_map(block).collect();
        let slices = slices(&blocks);
        Ok((!slices.is_empty()).then_some(Self {
            cell,
            blocks,
            slices,
        }))
    }

    /// Its panels in `columns` take so many rows of the grid.
    fn lines(&self, columns: usize) -> usize {
        self.slices.len().div_ceil(columns)
    }

    fn heading(&self, trials: &Trials) -> String {
        let name = trials.name(self.cell.series);
        let load = (trials.load_title)(self.cell.load_rps);
        match trials.settings.as_slice() {
            [_] => format!("{name}, {load}"),
            several => format!("{name}, {load} · {}", several[self.cell.setting].describe()),
        }
    }
}

/// Each slice that any block names.
fn slices(blocks: &[Block]) -> Vec<Slice> {
    let steps = blocks.iter().flat_map(|block| &block.steps);
    let numbers: BTreeSet<u32> = steps.map(|step| step.queue).collect();
    let slice = |number| {
        let of_slice = |block: &Block| -> Vec<Stretch> {
            let own = block.steps.iter().filter(|step| step.queue == number);
            own.map(Stretch::of).collect()
        };
        let steps: Vec<Vec<Stretch>> = blocks.iter().map(of_slice).collect();
        Slice {
            number,
            killed: blocks.iter().any(|block| block.killed == number),
            median: medians(&steps),
            blocks: steps.iter().map(|steps| joined(steps)).collect(),
        }
    };
    numbers.into_iter().map(slice).collect()
}

/// The medians over blocks of each step: all blocks look at the same moments.
fn medians(blocks: &[Vec<Stretch>]) -> Vec<Stretch> {
    let steps = blocks.iter().map(Vec::len).max().unwrap_or(0);
    let of_step = |nth: usize| {
        let of = |value: fn(&Stretch) -> f64| {
            let steps = blocks.iter().filter_map(|steps| steps.get(nth));
            median(&steps.map(value).collect::<Vec<_>>())
        };
        Some(Stretch {
            start_ms: of(|step| step.start_ms)?,
            end_ms: of(|step| step.end_ms)?,
            kfps: of(|step| step.kfps)?,
        })
    };
    (0..steps).filter_map(of_step).collect()
}

/// The steps of a block, those that a late look cut short joined to the ones before: over so short a time a few frames that came
/// together look like a rate.
fn joined(steps: &[Stretch]) -> Vec<Stretch> {
    let lengths: Vec<f64> = steps.iter().map(Stretch::length_ms).collect();
    let short_ms = median(&lengths).unwrap_or(0.0) / 2.0;
    let mut joined: Vec<Stretch> = Vec::new();
    for step in steps {
        match joined.last_mut() {
            Some(last) if step.length_ms() < short_ms => last.join(step),
            Some(_) | None => joined.push(*step),
        }
    }
    joined
}

pub(crate) fn draw(run: &Run) -> Result<Drawing> {
    let trials = match forwarded(run) {
        Ok(trials) => trials,
        Err(skip) => return Ok(Drawing::Skipped(skip)),
    };
    if !trials.has_values(COLUMNS[1]) {
        return Ok(Drawing::Skipped(Skip::NoFault));
    }
    let mut rows = Vec::new();
    for cell in trials.cells(&COLUMNS.map(col))? {
        rows.extend(Row::read(trials, cell)?);
    }
    let Some(most) = rows.iter().map(|row| row.slices.len()).max() else {
        return Ok(Drawing::Skipped(Skip::NoFault));
    };
    let cells: Vec<Cell> = rows.iter().map(|row| row.cell.clone()).collect();
    let title = ("Frames delivered over time", LEAD);
    let around = caption::of_trials(run, trials, &cells, Shows::Blocks, title, legend());
    let columns = if most > TALLEST { 2 } else { 1 };
    let grid = Grid {
        rows: rows.iter().map(|row| row.lines(columns)).sum(),
        columns,
        row_height: 220.0,
        headings: headings(trials, &rows, columns),
        ..Grid::default()
    };
    let mut page = Page::lay_out(&around, &grid);
    let drawn = || rows.iter().flat_map(|row| &row.slices);
    let drawn = || drawn().flat_map(|slice| slice.blocks.iter().flatten());
    let end_ms = drawn().map(|step| step.end_ms).fold(0.0, f64::max);
    let most = drawn().map(|step| step.kfps).fold(0.0, f64::max);
    let mut place = 0;
    for row in &rows {
        for (nth, slice) in row.slices.iter().enumerate() {
            let state = if slice.killed { ", killed" } else { "" };
            let title = format!("slice {}{state}", slice.number);
            let x = Axis::linear("since the start of the measure phase (ms)", 0.0, end_ms, 10);
            let top = if most > 0.0 { most * 1.08 } else { 1.0 };
            let y = Axis::linear("delivered (kframes/s)", 0.0, top, 4);
            let panel = Panel::new(page.panels[place + nth], title, x, y, Strip::None);
            draw_slice(&mut page.scene, &panel, row, slice, top);
        }
        place += row.lines(columns) * columns;
    }
    Ok(Drawing::picture(page.scene, data(trials, &rows)))
}

/// What each row of the figure shows, by the row of the grid where it begins.
fn headings(trials: &Trials, rows: &[Row], columns: usize) -> Vec<(usize, String)> {
    let mut line = 0;
    let heading = |row: &Row| {
        let at = line;
        line += row.lines(columns);
        (at, row.heading(trials))
    };
    rows.iter().map(heading).collect()
}

fn draw_slice(scene: &mut Scene, panel: &Panel, row: &Row, slice: &Slice, top: f64) {
    let signals = || row.blocks.iter().map(|block| block.signal_ms);
    let gone = row.blocks.iter().map(|block| block.gone_ms);
    let (left, upper) = panel.at(signals().fold(f64::INFINITY, f64::min), top);
    let (right, lower) = panel.at(gone.fold(0.0, f64::max), 0.0);
    let leaving = Rect {
        left,
        top: upper,
        right,
        bottom: lower,
    };
    scene.rect(leaving, LEAVING);
    panel.frame(scene);
    let colour = if slice.killed { DIES } else { SURVIVES };
    for block in &slice.blocks {
        scene.line(stairs(panel, block), 0.9, colour.pale());
    }
    for signal_ms in signals() {
        let line = [panel.at(signal_ms, 0.0), panel.at(signal_ms, top)];
        scene.dashed(&line, Dash::Long, 0.9, Rgb::INK);
    }
    scene.line(stairs(panel, &slice.median), 2.2, colour);
}

/// A line that is level within each step.
fn stairs(panel: &Panel, steps: &[Stretch]) -> Vec<At> {
    let level = |step: &Stretch| [step.start_ms, step.end_ms].map(|ms| panel.at(ms, step.kfps));
    steps.iter().flat_map(level).collect()
}

fn legend() -> Vec<Entry> {
    let line = |colour, dash, text| Entry::new(Sample::Line(colour, dash, None), text);
    let slice = |colour: Rgb, text| {
        [
            Entry::new(Sample::Heading, text),
            line(colour, Dash::Solid, "median of blocks"),
            line(colour.pale(), Dash::Solid, "each block"),
        ]
    };
    let mut legend = Vec::from(slice(DIES, "killed slice"));
    legend.extend(slice(SURVIVES, "other slices"));
    legend.extend([
        Entry::new(Sample::Heading, "its end"),
        line(Rgb::INK, Dash::Long, "signal, each block"),
        Entry::new(Sample::Bar(LEAVING), "until it was gone"),
    ]);
    legend
}

/// Every block, then the median over them.
fn data(trials: &Trials, rows: &[Row]) -> Data {
    let mut data = Data::by_cell([
        "offered_rps",
        "block",
        "slice",
        "killed",
        "start_ms",
        "end_ms",
        "delivered_kfps",
        "signal_ms",
        "gone_ms",
    ]);
    for row in rows {
        let middle = |of: fn(&Block) -> f64| {
            let middle = median(&row.blocks.iter().map(of).collect::<Vec<_>>());
            middle.map_or_else(String::new, |ms| ms.to_string())
        };
        let [signal_ms, gone_ms] = [middle(|it| it.signal_ms), middle(|it| it.gone_ms)];
        for slice in &row.slices {
            let mut push = |block: &str, steps: &[Stretch], signal_ms: &str, gone_ms: &str| {
                for step in steps {
                    let further = [
                        block.to_owned(),
                        slice.number.to_string(),
                        slice.killed.to_string(),
                        step.start_ms.to_string(),
                        step.end_ms.to_string(),
                        step.kfps.to_string(),
                        signal_ms.to_owned(),
                        gone_ms.to_owned(),
                    ];
                    data.push(trials.row(&row.cell, further));
                }
            };
            for (block, steps) in row.blocks.iter().zip(&slice.blocks) {
                let [number, signal_ms, gone_ms] =
                    [block.number, block.signal_ms, block.gone_ms].map(|it| it.to_string());
                push(&number, steps, &signal_ms, &gone_ms);
            }
            push("median", &slice.median, &signal_ms, &gone_ms);
        }
    }
    data
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fmt::Write as _;
    use std::fs;
    use std::path::Path;

    use super::*;
    use crate::packets::Packets;
    use crate::synthetic::{set_column, set_columns};
    use crate::tests::assert_legible;

    const STEP_NS: u32 = 20_000_000;

    /// A run in whose trials slice 0 is killed in the third step of five; slice 1 delivers 50 frames a step, and 5 more for each
    /// block so far.
    fn killed(shape: &Packets, folder: &Path) -> Run {
        shape.write(folder);
        set_columns(
            folder,
            &[("killed_slice", "0"), ("gone_after_ns", "12000000")],
        );
        set_column(folder, "killed_after_ns", |_, block| {
            (50_000_000 + block * 1_000).to_string()
        });
        let mut trials = csv::Reader::from_path(folder.join("trials.csv")).unwrap();
        for row in trials.records() {
            let row = row.unwrap();
            let (place, block) = (folder.join("trials").join(&row[0]), &row[1]);
            let block: u32 = block.parse().unwrap();
            fs::create_dir_all(&place).unwrap();
            let mut text = "start_ns,length_ns,queue,frames\n".to_owned();
            for (step, of_dead) in [40, 40, 20, 0, 0].into_iter().enumerate() {
                let start_ns = step as u32 * STEP_NS;
                writeln!(text, "{start_ns},{STEP_NS},0,{of_dead}").unwrap();
                writeln!(text, "{start_ns},{STEP_NS},1,{}", 50 + 5 * block).unwrap();
            }
            fs::write(place.join("delivered.csv"), text).unwrap();
        }
        Run::read(folder).unwrap()
    }

    fn picture(run: &Run, folder: &Path) -> (Scene, Vec<BTreeMap<String, String>>) {
        let Drawing::Picture(picture) = draw(run).unwrap() else {
            panic!("there are steps to draw");
        };
        let file = folder.join("data.csv");
        picture.data.write(&file).unwrap();
        let mut reader = csv::Reader::from_path(&file).unwrap();
        let rows = reader.deserialize().map(|row| row.unwrap()).collect();
        (picture.scene, rows)
    }

    #[test]
    fn every_block_of_each_slice_is_drawn_with_the_moment_of_the_signal() {
        let folder = tempfile::tempdir().unwrap();
        let run = killed(&Packets::TWO_SLICES, folder.path());
        let (scene, rows) = picture(&run, folder.path());
        assert_legible("delivered_over_time", &scene);
        let texts: Vec<&str> = scene.text_boxes().iter().map(|(text, _)| *text).collect();
        for text in ["slice 0, killed", "slice 1", "netslice, 10 kframes/s"] {
            assert!(texts.contains(&text), "{text}: {texts:?}");
        }
        let of = |block: &str, slice: &str, column: &str| -> Vec<f64> {
            let found = rows
                .iter()
                .filter(|row| row["block"] == block && row["slice"] == slice);
            found.map(|row| row[column].parse().unwrap()).collect()
        };
        for block in 1..=10 {
            let name = block.to_string();
            assert_eq!(of(&name, "0", "delivered_kfps"), [2.0, 2.0, 1.0, 0.0, 0.0]);
            let expected = f64::from(50 + 5 * block) / 20.0;
            assert_eq!(of(&name, "1", "delivered_kfps"), [expected; 5]);
            let [signal_ms, gone_ms] = [50_000, 62_000].map(|us| f64::from(us + block) / 1e3);
            assert_eq!(of(&name, "1", "signal_ms"), [signal_ms; 5]);
            assert_eq!(of(&name, "0", "gone_ms"), [gone_ms; 5]);
        }
        assert_eq!(of("median", "0", "start_ms"), [0.0, 20.0, 40.0, 60.0, 80.0]);
        assert_eq!(of("median", "1", "delivered_kfps"), [3.875; 5]);
        assert!(rows.iter().all(|row| {
            let expected = if row["slice"] == "0" { "true" } else { "false" };
            row["killed"] == expected
        }));
    }

    #[test]
    fn systems_and_loads_have_rows_of_their_own() {
        let folder = tempfile::tempdir().unwrap();
        let run = killed(&Packets::RATES, folder.path());
        let (scene, rows) = picture(&run, folder.path());
        assert_legible("delivered_over_time", &scene);
        let loads: BTreeSet<&str> = rows.iter().map(|row| row["offered_rps"].as_str()).collect();
        assert_eq!(loads.len(), 6);
        let titles = scene.text_boxes();
        let of_dead = titles.iter().filter(|(text, _)| *text == "slice 0, killed");
        assert_eq!(of_dead.count(), 6);
    }

    #[test]
    fn a_step_that_a_late_look_cut_short_is_joined_to_the_one_before() {
        let step = |start_ms: f64, end_ms: f64, kfps: f64| Stretch {
            start_ms,
            end_ms,
            kfps,
        };
        // The look at 40 ms came at 59 ms, and the next one found a burst.
        let steps = [
            step(0.0, 20.0, 5.0),
            step(20.0, 59.0, 4.0),
            step(59.0, 60.0, 44.0),
            step(60.0, 80.0, 5.0),
        ];
        let expected = [steps[0], step(20.0, 60.0, 5.0), steps[3]];
        assert_eq!(joined(&steps), expected);
        assert_eq!(joined(&[]), []);
    }

    #[test]
    fn a_run_that_kills_no_slice_has_nothing_to_show() {
        let folder = tempfile::tempdir().unwrap();
        Packets::SATURATED.write(folder.path());
        let skipped = || {
            let run = Run::read(folder.path()).unwrap();
            matches!(draw(&run).unwrap(), Drawing::Skipped(Skip::NoFault))
        };
        assert!(skipped(), "recorded before slices could be killed");
        set_columns(
            folder.path(),
            &COLUMNS.map(|column| (column, if column == "block" { "1" } else { "" })),
        );
        assert!(skipped());
    }
}
