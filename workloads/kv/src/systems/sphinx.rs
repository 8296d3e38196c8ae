//! `sphinx`: software steering between threads that each own a partition.
//!
//! Enberg, Rao and Tarkoma, "The Impact of Thread-Per-Core Architecture on Application Tail
//! Latency" (ANCS'19), reference 7 of ENCP'19: a thread per core, the key space partitioned
//! between threads, packets spread by flow. The thread that receives a request parses it,
//! computes the owner and, where that is another thread, hands the request over through a
//! single-producer single-consumer ring and wakes the owner through an eventfd, unless it is
//! awake. With K owners and uniform keys, (K-1)/K of the requests change threads.
//!
//! What is handed over is the received frame itself, not a copy: the owner executes the request
//! and sends the reply from its own socket (over UDP) or its own ring of the arrival queue (over
//! AF_XDP). In Sphinx the connection's thread sends the reply, since replies to one TCP
//! connection have to be ordered; over UDP there is nothing to order, and the direct reply saves
//! a second transfer. So this is the cheapest form of software steering, and a comparison
//! against it does not exaggerate. Requests over TCP do go back to the connection's thread.

use super::{Addressing, Description, Design, Steering, SystemKind};
use crate::handoff::mesh::SpinPerMessage;

/// See the [module](self).
#[derive(Debug, Clone, Copy)]
pub struct Sphinx;

impl Design for Sphinx {
    type Polling = SpinPerMessage;
    const KIND: SystemKind = SystemKind::Sphinx;
    const SHARED_STORE: bool = false;
    const ADDRESSING: Addressing = Addressing::Flow;
    const STEERING: Steering = Steering::Queue;
    const DESCRIPTION: Description = Description {
        name: "sphinx",
        summary: "software steering: the arrival core parses, hands off over SPSC rings, wakes the owner",
        paper: "Enberg, Rao, Tarkoma, ANCS'19 (ref. 7 of ENCP'19)",
        fidelity: "thread per core, SPSC rings K x K, eventfd elided when the owner is awake; over \
                   UDP the owner replies itself, which saves the way back (TCP replies go back)",
    };
}
