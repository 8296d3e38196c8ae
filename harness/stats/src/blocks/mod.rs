//! Inference over blocks: intervals by resampling them, tests by pairing them.

mod bootstrap;
mod compare;
mod dependence;
mod estimate;
mod family;
mod merged;
mod rank_sum;
mod sample;
mod signed_rank;
#[cfg(test)]
mod simulation;
mod walsh;

pub use compare::{Comparison, Incomparable, compare, compare_unpaired};
pub use estimate::{
    Estimate, MIN_BLOCKS, Spread, estimate, estimate_median, estimate_ratio,
    estimate_ratio_unpaired,
};
pub use family::{Better, Judged, LEVEL, Verdict, blocks_needed, holm, judge, judge_alone};
pub use sample::Sample;
