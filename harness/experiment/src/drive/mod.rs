//! Running what was planned: one trial, one probe cell, a capacity search, and a whole run of them.

mod capacity;
mod cost;
mod drain;
mod frames;
mod merge;
pub(crate) mod probe;
mod regions;
pub(crate) mod run;
mod scans;
mod secret;
pub(crate) mod skew;
pub(crate) mod stall;
mod switched;
mod trace;
pub(crate) mod trial;
mod watch;
