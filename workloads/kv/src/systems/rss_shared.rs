//! `rss_shared`: receive-side scaling alone, over one store with striped locks.
//!
//! The baseline that knows nothing of partitions (ENCP'19 section 3.2, "RSS only"; memcached's
//! own design: any worker serves any key under a lock taken by key hash). Packets spread over
//! threads by their flow; no request ever changes threads, and the price is paid in locks and in
//! cache lines that move between cores.

use super::{Addressing, Description, Design, Steering, SystemKind};
use crate::handoff::mesh::SpinPerMessage;

/// See the [module](self).
#[derive(Debug, Clone, Copy)]
pub struct RssShared;

impl Design for RssShared {
    type Polling = SpinPerMessage;
    const KIND: SystemKind = SystemKind::RssShared;
    const SHARED_STORE: bool = true;
    const ADDRESSING: Addressing = Addressing::Flow;
    const STEERING: Steering = Steering::Queue;
    const DESCRIPTION: Description = Description {
        name: "rss_shared",
        summary: "RSS by flow; any core serves any key from one store with striped locks",
        paper: "memcached; ENCP'19 section 3.2 (RSS without knowledge of partitions)",
        fidelity: "memcached's threading (worker per core, item locks by key hash); the engine is \
                   the one that the other systems use, so that they differ in steering and locks only",
    };
}
