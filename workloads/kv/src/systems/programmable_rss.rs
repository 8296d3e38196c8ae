//! `programmable_rss`: RSS whose hash is a program's: any core serves any key.
//!
//! ENCP'19, section 5 and reference 32: a programmable NIC or XDP may spread flows by any function, not
//! by the one that is built in. Here XDP hashes the flow (Toeplitz as a NIC does, or a cheaper mix),
//! looks the owner up in the same table of slots that keys are steered by, and redirects to that owner's
//! AF_XDP socket of the queue that the frame came by. So owners may be more or fewer than queues, and
//! which queue the NIC chose plays no part. It still knows nothing of keys: one store with striped locks
//! lies behind it, as behind `rss_shared`, which spreads flows by the NIC's hash.

use super::{Addressing, Design, IoKind, Refusal, Steering, SystemChoice, choice};
use crate::handoff::mesh::SpinPerMessage;
use crate::server::dispatch::Here;
use crate::server::stores::OneForAll;

/// See the [module](self).
#[derive(Debug, Clone, Copy)]
pub struct ProgrammableRss;

impl Design for ProgrammableRss {
    type Polling = SpinPerMessage;
    type Dispatch = Here;
    type Stores = OneForAll;
    const UDP: bool = false;
    const BATCHES: bool = false;
    const ADDRESSING: Addressing = Addressing::Flow;
    const STEERING: Steering = Steering::Flow;
    const NAME: &str = "programmable_rss";

    fn check(choice: &SystemChoice) -> Result<(), Refusal> {
        choice::hands_nothing_over(choice)?;
        match choice.io {
            IoKind::Udp | IoKind::Memory => Err(Refusal::SteeringNeedsAfXdp(choice.system)),
            IoKind::AfXdp => Ok(()),
        }
    }
}
