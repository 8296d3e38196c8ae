//! `mica_erew`: the client computes the partition and addresses it by UDP port.
//!
//! MICA in its exclusive-read exclusive-write mode (Lim et al., NSDI'14;
//! ENCP'19 section 5): each core owns a partition and alone reads and writes it; clients
//! specify the core by UDP port, and Flow Director maps the port to the core's queue. The
//! steering costs the server nothing, and the partitioning is exposed to every client.
//!
//! Partition p listens on port `base + p`: a socket of its own over UDP, the XDP policy `port`
//! over AF_XDP. The server trusts no client: the owner is recomputed from the key bytes, and a
//! request at the wrong port is counted as a misroute and handed to its owner.

use super::{Addressing, Design, EngineKind, Refusal, Steering, SystemChoice, choice};
use crate::handoff::mesh::SpinPerMessage;
use crate::server::dispatch::Here;
use crate::server::stores::OneEach;

/// See the [module](self).
#[derive(Debug, Clone, Copy)]
pub struct MicaErew;

impl Design for MicaErew {
    type Polling = SpinPerMessage;
    type Dispatch = Here;
    type Stores = OneEach;
    const ADDRESSING: Addressing = Addressing::Key;
    const STEERING: Steering = Steering::Port;
    const ENGINES: &'static [EngineKind] = &[EngineKind::Log, EngineKind::Slab];
    const NAME: &str = "mica_erew";

    fn check(choice: &SystemChoice) -> Result<(), Refusal> {
        choice::port_per_owner(choice)
    }
}
