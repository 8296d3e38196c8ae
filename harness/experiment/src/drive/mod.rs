//! Running what was planned: one trial, one probe cell, a capacity search, and a whole run of them.

mod capacity;
mod cost;
mod drain;
mod merge;
pub(crate) mod probe;
pub(crate) mod run;
pub(crate) mod skew;
mod stall;
mod trace;
pub(crate) mod trial;
mod watch;
