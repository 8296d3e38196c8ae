//! `minos`: small and large requests are served by different cores.
//!
//! Didona and Zwaenepoel, "Size-aware Sharding for Improving Tail Latencies in In-memory Key-value
//! Stores" (NSDI'19), one of ENCP'19's rivals: a request for a large item keeps a core busy for as
//! long as hundreds of small ones, so that small requests behind it wait. Small cores read all
//! receive queues and look the item up; what is larger than a threshold goes through a software
//! queue to a large core. The threshold follows the 99th percentile of the sizes that were asked
//! for. Any core may serve any key, from one store.
//!
//! Here the first owners are the small cores and the last `large_owners` the large ones; XDP gives
//! every receive queue to a small core. How many there are of each is the spec's to say (Minos
//! moves cores between the two); where there are several large cores, each serves a range of
//! sizes, so divided that each range costs as many packets. A set shows its size itself. A request
//! for several keys is served where it arrives. A small core finds the item of a get twice, once for
//! its size and once for the reply, which is part of what its requests cost here.

use super::{Addressing, Design, IoKind, Refusal, Steering, SystemChoice};
use crate::handoff::mesh::SpinPerMessage;
use crate::server::dispatch::BySize;
use crate::server::stores::OneForAll;

/// See the [module](self).
#[derive(Debug, Clone, Copy)]
pub struct Minos;

impl Design for Minos {
    type Polling = SpinPerMessage;
    type Dispatch = BySize;
    type Stores = OneForAll;
    const UDP: bool = false;
    const ADDRESSING: Addressing = Addressing::Flow;
    const STEERING: Steering = Steering::Queue;
    const NAME: &str = "minos";

    fn check(choice: &SystemChoice) -> Result<(), Refusal> {
        if choice.io == IoKind::Udp {
            return Err(Refusal::SmallCoresReadAllQueues);
        }
        if choice.large_owners == 0 || choice.large_owners >= choice.owners {
            return Err(Refusal::NoSmallOrNoLargeOwner {
                owners: choice.owners,
                large: choice.large_owners,
            });
        }
        Ok(())
    }
}
