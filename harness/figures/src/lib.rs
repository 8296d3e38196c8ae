//! Figures from the recorded files of a run, and nothing else: neither network nor privilege.
//!
//! [`draw`] reads `trials.csv`, `probes.csv`, `run.json` and the latency histograms of a
//! result folder and writes `figures/<id>.svg`, `.png` and the `.csv` behind each picture. polars
//! does the grouping; [`stats`] the medians, intervals and merged percentiles.
//!
//! What holds for every figure: invalid trials are left out and counted in the caption; fidelity
//! and topology are named, and different ones are different panels; a percentile beyond the
//! timeout is drawn as "> timeout", never dropped; spread over blocks is visible, and fewer than
//! ten blocks say so.

mod canvas;
mod caption;
mod data;
mod error;
mod facets;
mod figure;
#[cfg(test)]
mod packets;
mod plot;
mod run;
#[cfg(test)]
mod synthetic;
#[cfg(test)]
mod tests;

use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

pub use error::{Error, Result};
pub use figure::{Figure, Skip};

use canvas::render;
use figure::Drawing;
use run::Run;

/// What became of one figure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drawn {
    /// Which figure.
    pub figure: Figure,
    /// Its files, or why it was not drawn.
    pub outcome: Outcome,
}

/// The files of a figure, or why it was not drawn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The figure was written to these files.
    Written {
        /// The picture, scalable.
        svg: PathBuf,
        /// The picture in pixels.
        png: PathBuf,
        /// The numbers in the picture.
        csv: PathBuf,
    },
    /// The run holds nothing to draw it from.
    Skipped(Skip),
}

/// Threads that draw, at most: each has some 50 MB of pixels in hand.
const THREADS: usize = 4;

/// Draws every figure that the run at `run` has the data for, into its folder `figures`.
///
/// # Errors
/// As [`draw`].
pub fn draw_all(run: &Path) -> Result<Vec<Drawn>> {
    draw(run, &Figure::ALL)
}

/// Draws those of `figures` that the run at `run` has the data for, into its folder `figures`. The outcomes are in their order.
///
/// # Errors
/// When a recorded file cannot be read or does not have the expected form, or when a figure
/// cannot be written. A missing table is no error: its figures are [`Outcome::Skipped`].
pub fn draw(run: &Path, figures: &[Figure]) -> Result<Vec<Drawn>> {
    if figures.is_empty() {
        return Ok(Vec::new());
    }
    let loaded = Run::read(run)?;
    let folder = run.join("figures");
    std::fs::create_dir_all(&folder).map_err(|e| Error::write(&folder, e))?;
    let next = AtomicUsize::new(0);
    // Whoever is free takes the next one.
    let work = || {
        let mut drawn = Vec::new();
        loop {
            let place = next.fetch_add(1, Ordering::Relaxed);
            let Some(figure) = figures.get(place) else {
                return drawn;
            };
            drawn.push((place, draw_one(&loaded, *figure, &folder)));
        }
    };
    let cpus = thread::available_parallelism().map_or(1, usize::from);
    let mut drawn: Vec<(usize, Result<Drawn>)> = thread::scope(|scope| {
        let threads: Vec<_> = (0..cpus.min(THREADS)).map(|_| scope.spawn(work)).collect();
        let ended = threads.into_iter().map(thread::ScopedJoinHandle::join);
        ended
            .flat_map(|drawn| drawn.unwrap_or_else(|panic| resume_unwind(panic)))
            .collect()
    });
    drawn.sort_by_key(|(place, _)| *place);
    drawn.into_iter().map(|(_, drawn)| drawn).collect()
}

fn draw_one(run: &Run, figure: Figure, folder: &Path) -> Result<Drawn> {
    let picture = match figure.draw(run)? {
        Drawing::Picture(picture) => picture,
        Drawing::Skipped(skip) => {
            return Ok(Drawn {
                figure,
                outcome: Outcome::Skipped(skip),
            });
        }
    };
    let file = |extension| folder.join(format!("{}.{extension}", figure.id()));
    let (svg, png, csv) = (file("svg"), file("png"), file("csv"));
    let document = render::svg(&picture.scene).map_err(|e| Error::render(&svg, e))?;
    std::fs::write(&svg, document).map_err(|e| Error::write(&svg, e))?;
    let pixels = render::png(&picture.scene).map_err(|e| Error::render(&png, e))?;
    std::fs::write(&png, pixels).map_err(|e| Error::write(&png, e))?;
    picture.data.write(&csv)?;
    Ok(Drawn {
        figure,
        outcome: Outcome::Written { svg, png, csv },
    })
}
