//! Statistics of blocks, series and queues; pure, and the same during a run as in the figures.
//!
//! The unit of repetition is the block (one pass over every system and load), because what
//! differs between blocks, a machine's drift and its neighbours, is shared by the trials of one
//! block. So the blocks are what the bootstrap resamples, and two systems are compared by pairs
//! within blocks. Percentiles are never averaged: histograms are merged and ranked anew.
//!
//! - [`estimate`], [`compare`], [`judge`]: numbers over blocks, with intervals, and verdicts.
//! - [`series`]: values inside one trial: the law they follow, drift, autocorrelation.
//! - [`queue`]: what queueing theory says a measurement must show.
//! - [`skew`]: what skewed popularity does to the loads of owners.
//! - [`truth`]: traced requests against what is known to be true of them.

mod blocks;
pub mod capacity;
mod histogram;
mod median;
mod quantile;
pub mod queue;
mod random;
mod ranks;
pub mod series;
mod share;
pub mod skew;
pub mod truth;

pub use blocks::*;
pub use histogram::{Histogram, Moments};
pub use median::median;
pub use quantile::Quantile;
pub use share::Share;
