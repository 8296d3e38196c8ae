//! `rss_shared`: receive-side scaling alone, over one store with striped locks.
//!
//! The baseline that knows nothing of partitions (ENCP'19 section 3.2, "RSS only"; memcached's
//! own design: any worker serves any key under a lock taken by key hash). Packets spread over
//! threads by their flow; no request ever changes threads, and the price is paid in locks and in
//! cache lines that move between cores.

use super::{Addressing, Design, Refusal, Steering, SystemChoice, choice};
use crate::handoff::mesh::SpinPerMessage;
use crate::server::dispatch::Here;
use crate::server::stores::OneForAll;

/// See the [module](self).
#[derive(Debug, Clone, Copy)]
pub struct RssShared;

impl Design for RssShared {
    type Polling = SpinPerMessage;
    type Dispatch = Here;
    type Stores = OneForAll;
    const BATCHES: bool = false;
    const OTHER_WIRES: bool = true;
    const ADDRESSING: Addressing = Addressing::Flow;
    const STEERING: Steering = Steering::Queue;
    const NAME: &str = "rss_shared";

    fn check(choice: &SystemChoice) -> Result<(), Refusal> {
        choice::hands_nothing_over(choice)?;
        choice::queue_per_owner(choice)
    }
}
