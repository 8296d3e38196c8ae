//! The recorded files of one run.

mod histogram;
mod machine;
mod names;
mod probes;
mod series;
mod table;
mod trials;

use std::path::Path;

pub(crate) use machine::Machine;
pub(crate) use names::{micros, rate};
pub(crate) use probes::{Probe, Probes};
pub(crate) use trials::{Cell, Trials};

use crate::error::{Error, Result};

/// What figures are drawn from. A table that was not recorded is `None`.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) trials: Option<Trials>,
    pub(crate) probes: Option<Probes>,
    pub(crate) machine: Machine,
}

impl Run {
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let known = ["run.json", "trials.csv", "probes.csv"];
        if !known.iter().any(|name| path.join(name).exists()) {
            return Err(Error::NotARun {
                path: path.to_owned(),
            });
        }
        Ok(Self {
            trials: Trials::read(path)?,
            probes: Probes::read(path)?,
            machine: Machine::read(path)?,
        })
    }
}
