//! Statistics over blocks and histograms; pure, and the same during a run as in the figures.
//!
//! The unit of repetition is the block (one pass over every system and load), because what
//! differs between blocks, a machine's drift and its neighbours, is shared by the trials of one
//! block. So a block contributes one value, the blocks are what the bootstrap resamples, and two
//! systems are compared by their ratio within each block. Percentiles are never averaged:
//! histograms are merged and ranked anew.

mod estimate;
mod histogram;
mod median;
mod quantile;

pub use estimate::{Estimate, MIN_BLOCKS, Spread, estimate_median, estimate_ratio};
pub use histogram::Histogram;
pub use median::median;
pub use quantile::Quantile;
