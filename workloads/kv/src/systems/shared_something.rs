//! `shared_something`: keys belong to clusters of cores, and cores share within a cluster.
//!
//! ENCP'19 section 4 ("Discussion") names the middle between shared-nothing and
//! shared-everything: partitions for clusters of cores that share something, a cache or a memory
//! node. The XDP program steers a request to its key's cluster, and spreads a cluster's requests
//! over its cores by receive queue. Within a cluster any core serves any of its keys, from one
//! store with striped locks, as in [`rss_shared`](super::rss_shared); between clusters nothing is
//! shared, as in [`xdp_steered`](super::xdp_steered). One cluster of all cores is the former, one
//! of each core the latter.
//!
//! A request that reaches another cluster than its key's is a misroute, and is handed to the core
//! there that stands where the arrival core stands in its own.

use super::{Addressing, Design, EngineKind, IoKind, Refusal, Steering, SystemChoice, choice};
use crate::handoff::mesh::SpinPerMessage;
use crate::server::dispatch::Here;
use crate::server::stores::OnePerCluster;

/// See the [module](self).
#[derive(Debug, Clone, Copy)]
pub struct SharedSomething;

impl Design for SharedSomething {
    type Polling = SpinPerMessage;
    type Dispatch = Here;
    type Stores = OnePerCluster;
    const UDP: bool = false;
    const BATCHES: bool = false;
    const ADDRESSING: Addressing = Addressing::Key;
    const STEERING: Steering = Steering::Cluster;
    const ENGINES: &'static [EngineKind] = &[EngineKind::Slab];
    const NAME: &str = "shared_something";

    fn check(choice: &SystemChoice) -> Result<(), Refusal> {
        if choice.io == IoKind::Udp {
            return Err(Refusal::SteeringNeedsAfXdp(choice.system));
        }
        choice::hands_nothing_over(choice)?;
        choice::members_have_queues(choice)
    }
}
