//! Inference over blocks: intervals by resampling them, tests by pairing them.

mod bootstrap;
mod compare;
mod dependence;
mod estimate;
mod family;
mod merged;
mod sample;
mod signed_rank;
#[cfg(test)]
mod simulation;

pub use compare::{Comparison, Incomparable, compare};
pub use dependence::Dependence;
pub use estimate::{Estimate, MIN_BLOCKS, Spread, estimate, estimate_median, estimate_ratio};
pub use family::{Better, Judged, LEVEL, Verdict, blocks_needed, holm, judge, judge_alone};
pub use sample::Sample;
