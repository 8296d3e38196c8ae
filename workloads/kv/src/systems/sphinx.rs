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
//! AF_XDP). Sphinx as published (github.com/penberg/sphinx, `sphinxd.cpp`) copies key and value
//! into a command; its owner answers a get on the arrival thread's socket and passes the command
//! back to be freed, and after a set it passes the outcome back and the arrival thread answers.
//! So each steered request there crosses threads twice, and here once: this is the cheapest form
//! of software steering, and a comparison against it does not exaggerate. Requests over TCP,
//! whose replies have to be ordered, do go back to the connection's thread.

use super::{Addressing, Design, Refusal, Steering, SystemChoice, choice};
use crate::handoff::mesh::SpinPerMessage;
use crate::server::dispatch::Here;
use crate::server::stores::OneEach;

/// See the [module](self).
#[derive(Debug, Clone, Copy)]
pub struct Sphinx;

impl Design for Sphinx {
    type Polling = SpinPerMessage;
    type Dispatch = Here;
    type Stores = OneEach;
    const OTHER_WIRES: bool = true;
    const ADDRESSING: Addressing = Addressing::Flow;
    const STEERING: Steering = Steering::Queue;
    const NAME: &str = "sphinx";

    fn check(choice: &SystemChoice) -> Result<(), Refusal> {
        choice::queue_per_owner(choice)
    }
}
