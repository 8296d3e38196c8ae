//! `seastar`: the polling preset of software steering, with batched messages.
//!
//! ENCP'19 table 1 and section 1: Seastar "steers requests in user space but requires expensive
//! CPU-intensive polling to avoid thread wakeups". Threads never sleep, so no wakeup is ever
//! sent; messages to another core are collected and published together, once per receive batch,
//! as Seastar's inter-core queues do. Everything else is [`sphinx`](super::sphinx).

use super::{Addressing, Description, Design, Steering, SystemKind};
use crate::handoff::mesh::SpinPerBatch;

/// See the [module](self).
#[derive(Debug, Clone, Copy)]
pub struct Seastar;

impl Design for Seastar {
    type Polling = SpinPerBatch;
    const KIND: SystemKind = SystemKind::Seastar;
    const SHARED_STORE: bool = false;
    const ADDRESSING: Addressing = Addressing::Flow;
    const STEERING: Steering = Steering::Queue;
    const DESCRIPTION: Description = Description {
        name: "seastar",
        summary: "software steering without wakeups: threads poll, messages travel in batches",
        paper: "ENCP'19 table 1; seastar.io",
        fidelity: "polling and batched inter-core queues as in Seastar; neither its user-space TCP \
                   stack nor its scheduler is modelled",
    };
}
