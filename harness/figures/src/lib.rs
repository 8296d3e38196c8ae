//! Figures from the recorded files of a run, and nothing else: neither network nor privilege.
//!
//! [`draw_all`] reads `trials.csv`, `probes.csv`, `run.json` and the latency histograms of a
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

use std::path::{Path, PathBuf};

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

/// Draws every figure that the run at `run` has the data for, into its folder `figures`.
///
/// # Errors
/// When a recorded file cannot be read or does not have the expected form, or when a figure
/// cannot be written. A missing table is no error: its figures are [`Outcome::Skipped`].
pub fn draw_all(run: &Path) -> Result<Vec<Drawn>> {
    let loaded = Run::read(run)?;
    let folder = run.join("figures");
    std::fs::create_dir_all(&folder).map_err(|e| Error::write(&folder, e))?;
    Figure::ALL
        .into_iter()
        .map(|figure| draw(&loaded, figure, &folder))
        .collect()
}

fn draw(run: &Run, figure: Figure, folder: &Path) -> Result<Drawn> {
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
