//! The open-loop client: pacing, matching, ledger, histograms.
//!
//! The schedule is fixed before the first packet and nothing that the server does changes it. A
//! request that cannot leave in time leaves late, and its lag is recorded; it is never skipped.
//! Latency counts from the intended send time, so that a stall of the client or of the server is
//! seen by every request that it delays (Tene's "coordinated omission").

mod config;
mod latency;
mod ledger;
mod report;

pub use config::{Addressing, ClientConfig, Pacing, Protocol, QueueChoice, TransportConfig};
pub use latency::Latency;
pub use ledger::{Ledger, Unbalanced};
pub use report::{ClientReport, Interval, Measured, NamedDrop};
