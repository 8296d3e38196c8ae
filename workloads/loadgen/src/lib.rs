//! The client: pacing, matching, ledger, histograms.
//!
//! It drives an open loop, or a closed one for the questions that a closed loop answers (round
//! trips, throughput at a given concurrency). In the open loop the schedule is fixed before the
//! first packet and nothing that the server does changes it. A request that cannot leave in time
//! leaves late, and its lag is recorded; it is never skipped. Latency counts from the intended send
//! time, so that a stall of the client or of the server is seen by every request that it delays
//! (Tene's "coordinated omission").

mod addressing;
mod af_xdp;
mod assembly;
mod client;
mod config;
mod drive;
mod engine;
mod error;
mod fitting;
pub mod frames;
mod gaps;
mod hold;
mod lanes;
mod latency;
mod ledger;
mod live;
mod memory;
mod phases;
mod recording;
mod rehearsal;
mod report;
mod rules;
mod saturate;
mod scatter;
mod sealing;
mod supply;
mod tally;
#[cfg(test)]
mod tests;
mod trace;
mod transport;
mod udp;
mod window;
mod wire;

pub use client::{Armed, Client};
pub use config::{
    Addressing, Calls, ClientConfig, Holds, Learns, Mode, Pacing, Protocol, QueueChoice, Scatter,
    TransportConfig,
};
pub use error::ClientError;
pub use gaps::Gaps;
pub use hold::Hold;
pub use latency::Latency;
pub use ledger::{Ledger, Unbalanced};
pub use pktio::region::Regions;
pub use recording::Recording;
pub use report::{ClientReport, Interval, Losses, Measured, NamedCount};
pub use trace::{Trace, Traced};
