//! What every caption says: fidelity and topology, blocks, invalid trials, machine, advice.

use stats::MIN_BLOCKS;

use crate::canvas::page::{Entry, Surround};
use crate::run::{Cell, Floor, Run, Trials};

/// What the marks of a figure show of the blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shows {
    /// Medians over blocks with whiskers.
    Whiskers,
    /// Histograms merged over blocks.
    Merged,
    /// Sums over blocks.
    Sums,
    /// Ratios with the intervals of their own.
    Ratios,
    /// Differences with the intervals of their own, beside the spread of what was measured.
    Differences,
    /// Every block, and medians over them.
    Blocks,
}

/// Title, subtitle and caption of a figure of trials; `lead` is the sentence that is the figure's
/// own.
pub(crate) fn of_trials(
    run: &Run,
    trials: &Trials,
    cells: &[Cell],
    shows: Shows,
    (title, lead): (&str, &str),
    legend: Vec<Entry>,
) -> Surround {
    let settings = match trials.settings.as_slice() {
        [one] => one.describe(),
        _ => "settings differ within the figure: see headings and axes".to_owned(),
    };
    let (fewest, most) = block_range(cells);
    let blocks = match (fewest, most) {
        (1, 1) => "1 block".to_owned(),
        (a, b) if a == b => format!("{a} blocks"),
        (a, b) => format!("{a} to {b} blocks"),
    };
    let mut caption = vec![lead.to_owned(), spread(shows, fewest, most)];
    caption.push(match trials.invalid {
        0 => "No trial was invalid.".to_owned(),
        1 => "1 invalid trial is left out.".to_owned(),
        n => format!("{n} invalid trials are left out."),
    });
    caption.extend(trials.floor.map(Floor::describe));
    caption.push(format!("Machine: {}.", run.machine.describe()));
    caption.extend(advice(run, trials));
    caption.retain(|sentence| !sentence.is_empty());
    Surround {
        title: title.to_owned(),
        subtitle: format!("{settings} · {blocks}"),
        caption: caption.join(" "),
        legend,
    }
}

fn block_range(cells: &[Cell]) -> (usize, usize) {
    let counts = || cells.iter().map(Cell::blocks);
    (counts().min().unwrap_or(0), counts().max().unwrap_or(0))
}

fn spread(shows: Shows, fewest: usize, most: usize) -> String {
    let few = fewest < MIN_BLOCKS;
    let text = match shows {
        Shows::Whiskers if !few => "Median over blocks; whiskers: its 95% bootstrap interval.",
        Shows::Whiskers if most < MIN_BLOCKS => {
            "Fewer than 10 blocks, too few for an interval: median over blocks, whiskers from the smallest to the largest block."
        }
        Shows::Whiskers => {
            "Median over blocks; whiskers: its 95% bootstrap interval, or, with fewer than 10 blocks, from the smallest to the largest block."
        }
        Shows::Merged if few => "Histograms merged over blocks, fewer than 10.",
        Shows::Merged => "Histograms merged over blocks.",
        Shows::Ratios if !few => "Whiskers: 95% block bootstrap interval of the ratio.",
        Shows::Ratios => {
            "Whiskers: 95% block bootstrap interval of the ratio, or, with fewer than 10 blocks, from the smallest to the largest block."
        }
        Shows::Differences if !few => "Whiskers of differences: 95% block bootstrap interval.",
        Shows::Differences => {
            "Whiskers of differences: 95% block bootstrap interval, or, with fewer than 10 blocks, from the smallest to the largest block."
        }
        Shows::Blocks if !few => "Thin: each block; thick: their median.",
        Shows::Blocks => "Thin: each block, fewer than 10; thick: their median.",
        Shows::Sums if few => "Summed over blocks, fewer than 10.",
        Shows::Sums => "Summed over blocks.",
    };
    text.to_owned()
}

/// The smells of the run and of its valid trials, in short words.
fn advice(run: &Run, trials: &Trials) -> Option<String> {
    let of_run = run
        .machine
        .smells
        .iter()
        .filter(|s| !trials.smells.contains_key(*s));
    let mut all: Vec<String> = of_run.map(|s| s.replace('_', " ")).collect();
    for (smell, count) in &trials.smells {
        let plural = if *count == 1 { "" } else { "s" };
        all.push(format!(
            "{} ({count} trial{plural})",
            smell.replace('_', " ")
        ));
    }
    (!all.is_empty()).then(|| format!("Advice: {}.", all.join(", ")))
}
