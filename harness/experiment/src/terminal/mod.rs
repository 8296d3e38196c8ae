//! What a person at a terminal sees, and what a log file gets instead.

mod capacity;
mod claims;
mod comparison;
mod environment;
mod frames;
mod progress;
mod shortfall;
mod summary;
mod table;

pub(crate) use claims::print_claims;
pub(crate) use comparison::print_comparison;
pub(crate) use environment::print_environment;
pub(crate) use progress::Progress;
pub(crate) use shortfall::failed_and_refused;
pub(crate) use summary::{print_run, trial_row};
pub(crate) use table::Table;
