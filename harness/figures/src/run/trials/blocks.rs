//! What the blocks of a cell recorded in the folders of their trials.

use std::path::{Path, PathBuf};

use stats::Histogram;

use super::super::histogram;
use super::super::intervals::{self, DeliveredStep, SteeringStep, Step};
use super::{Cell, Trials};
use crate::error::Result;

impl Trials {
    /// The merged latency of a cell over its blocks, in nanoseconds from the intended send time.
    pub(crate) fn histogram(&self, cell: &Cell) -> Result<Histogram> {
        let folders: Vec<PathBuf> = self.folders(cell).collect();
        histogram::merged(folders.iter().map(PathBuf::as_path))
    }

    /// The latency of each block of a cell, in the order of the cell's values, as [`histogram`](Self::histogram) has it of all.
    pub(crate) fn histograms(&self, cell: &Cell) -> Result<Vec<Histogram>> {
        self.each(cell, |folder| histogram::merged(std::iter::once(folder)))
    }

    /// The intervals of each block of a cell, for the blocks that recorded any.
    pub(crate) fn intervals(&self, cell: &Cell) -> Result<Vec<Vec<Step>>> {
        self.recorded(cell, intervals::read)
    }

    /// Where the requests of each block of a cell went, for the blocks that recorded it.
    pub(crate) fn steering(&self, cell: &Cell) -> Result<Vec<Vec<SteeringStep>>> {
        self.recorded(cell, intervals::read_steering)
    }

    /// What each queue delivered in each block of a cell, in the order of the cell's values; `None` for a block that did not
    /// record it.
    pub(crate) fn delivered(&self, cell: &Cell) -> Result<Vec<Option<Vec<DeliveredStep>>>> {
        self.each(cell, intervals::read_delivered)
    }

    /// What `read` finds in the folders of a cell's trials, where there is something.
    fn recorded<T>(
        &self,
        cell: &Cell,
        read: impl Fn(&Path) -> Result<Option<T>>,
    ) -> Result<Vec<T>> {
        Ok(self.each(cell, read)?.into_iter().flatten().collect())
    }

    /// What `read` makes of each of these folders.
    fn each<T>(&self, cell: &Cell, read: impl Fn(&Path) -> Result<T>) -> Result<Vec<T>> {
        self.folders(cell).map(|folder| read(&folder)).collect()
    }

    /// The folders of a cell's trials, in the order of its values.
    fn folders(&self, cell: &Cell) -> impl Iterator<Item = PathBuf> {
        let ids = cell.trial_ids.iter();
        ids.map(|id| self.run.join("trials").join(id))
    }
}
