//! `seastar`: the polling preset of software steering, with batched messages.
//!
//! ENCP'19 table 1 and section 1: Seastar "steers requests in user space but requires expensive
//! CPU-intensive polling to avoid thread wakeups". Threads never sleep, so no wakeup is ever
//! sent; messages to another core are collected and published together, once per receive batch,
//! as Seastar's inter-core queues do. Everything else is [`sphinx`](super::sphinx).

use super::{Addressing, Design, Refusal, Steering, SystemChoice, choice};
use crate::handoff::mesh::SpinPerBatch;
use crate::server::dispatch::Here;
use crate::server::stores::OneEach;

/// See the [module](self).
#[derive(Debug, Clone, Copy)]
pub struct Seastar;

impl Design for Seastar {
    type Polling = SpinPerBatch;
    type Dispatch = Here;
    type Stores = OneEach;
    const SLEEPS: bool = false;
    const OTHER_WIRES: bool = true;
    const ADDRESSING: Addressing = Addressing::Flow;
    const STEERING: Steering = Steering::Queue;
    const NAME: &str = "seastar";

    fn check(choice: &SystemChoice) -> Result<(), Refusal> {
        choice::polls(choice, Refusal::SeastarPolls)?;
        choice::queue_per_owner(choice)
    }
}
