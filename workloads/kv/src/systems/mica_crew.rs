//! `mica_crew`: any thread reads, the owner alone writes; the client addresses accordingly.
//!
//! MICA in its concurrent-read exclusive-write mode (Lim et al., NSDI'14, section 4.1.1): each core
//! owns a partition and alone writes it, while all cores read it by optimistic versions. A client may send a get
//! to any core, so that a popular key's gets spread, and sends a write to the owner's port. The
//! owner is recomputed from the key bytes: a write at the wrong port is a misroute and is handed to
//! its owner; a get is served where it arrives.

use super::{Addressing, Design, EngineKind, Refusal, Steering, SystemChoice, choice};
use crate::handoff::mesh::SpinPerMessage;
use crate::server::dispatch::Here;
use crate::server::stores::OneEachToRead;

/// See the [module](self).
#[derive(Debug, Clone, Copy)]
pub struct MicaCrew;

impl Design for MicaCrew {
    type Polling = SpinPerMessage;
    type Dispatch = Here;
    type Stores = OneEachToRead;
    const ADDRESSING: Addressing = Addressing::Key;
    const STEERING: Steering = Steering::Port;
    const ENGINES: &'static [EngineKind] = &[EngineKind::Log];
    const NAME: &str = "mica_crew";

    fn check(choice: &SystemChoice) -> Result<(), Refusal> {
        choice::port_per_owner(choice)
    }
}
