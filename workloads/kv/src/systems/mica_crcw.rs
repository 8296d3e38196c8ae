//! `mica_crcw`: any thread reads and writes any key.
//!
//! MICA in its concurrent-read concurrent-write mode (Lim et al., NSDI'14, section 4.1.1): one store for
//! all cores; readers verify versions, writers take a lock by a version's odd bit. A client sends
//! any request to any core's port, so no request is in the wrong place and none changes threads.

use super::{Addressing, Design, EngineKind, Refusal, Steering, SystemChoice, choice};
use crate::handoff::mesh::SpinPerMessage;
use crate::server::dispatch::Here;
use crate::server::stores::OneLogForAll;

/// See the [module](self).
#[derive(Debug, Clone, Copy)]
pub struct MicaCrcw;

impl Design for MicaCrcw {
    type Polling = SpinPerMessage;
    type Dispatch = Here;
    type Stores = OneLogForAll;
    const BATCHES: bool = false;
    const ADDRESSING: Addressing = Addressing::Flow;
    const STEERING: Steering = Steering::Port;
    const ENGINES: &'static [EngineKind] = &[EngineKind::Log];
    const NAME: &str = "mica_crcw";

    fn check(choice: &SystemChoice) -> Result<(), Refusal> {
        choice::hands_nothing_over(choice)?;
        choice::port_per_owner(choice)
    }
}
