//! The probe agent: measures thread notification in a process with nothing else in it.

use anyhow::Result;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Deserializer, Serializer, V2Serializer};
use serde::{Deserialize, Serialize};
use wakeup::Cell;

use super::Role;

/// What was measured of a cell.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Times {
    /// HdrHistogram V2 of nanoseconds.
    histogram: Vec<u8>,
}

impl Times {
    fn of(histogram: &Histogram<u64>) -> Result<Self> {
        let mut bytes = Vec::new();
        V2Serializer::new().serialize(histogram, &mut bytes)?;
        Ok(Self { histogram: bytes })
    }

    /// The distribution in nanoseconds.
    pub(crate) fn histogram(&self) -> Result<Histogram<u64>> {
        Ok(Deserializer::new().deserialize(&mut self.histogram.as_slice())?)
    }
}

/// The role, which has no state.
pub(crate) struct ProbeRole;

impl Role for ProbeRole {
    type Request = Cell;
    type Answer = Times;

    fn handle(&mut self, cell: Cell) -> Result<Times> {
        Times::of(&wakeup::measure(&cell)?.histogram)
    }
}
