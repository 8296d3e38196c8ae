//! One file per command. Each reads its arguments, does its work, and prints.

pub(crate) mod bundle;
pub(crate) mod check;
pub(crate) mod claims;
pub(crate) mod clean;
pub(crate) mod compare;
pub(crate) mod doctor;
#[cfg(feature = "figures")]
pub(crate) mod figures;
pub(crate) mod list;
mod perform;
pub(crate) mod reproduce;
pub(crate) mod rerun;
pub(crate) mod resume;
pub(crate) mod run;
pub(crate) mod schema;
pub(crate) mod serve;
pub(crate) mod show;
mod tally;
mod traffic;
pub(crate) mod validate;
