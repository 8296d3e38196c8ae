//! Running what was planned: one trial, one probe cell, and a whole run of them.

mod merge;
pub(crate) mod probe;
pub(crate) mod run;
pub(crate) mod stall;
mod trace;
mod trial;
