//! `herd`: clients write requests into memory that the owner of the key polls.
//!
//! Kalia, Kaminsky and Andersen, "Using RDMA Efficiently for Key-Value Services" (SIGCOMM'14), as
//! ENCP'19, section 5, has it: HERD partitions keys between its server's processes, each client has a
//! region of request memory with each of them, writes a request by RDMA into the region of the key's
//! owner, and the owner polls its regions. So no request changes threads, and clients must know the
//! partitioning scheme.
//!
//! Here the regions are memory that client and server map ([`pktio::region`]): shared memory stands in
//! for RDMA writes, so nothing of a network is in the results, and they have a topology and a fidelity
//! of their own. Owners are threads, not processes, and reply into the slot of the request; HERD sends
//! replies as datagrams. A request is the datagram that every other system gets.

use std::time::Duration;

use super::{Addressing, Design, EngineKind, Refusal, Steering, SystemChoice, choice};
use crate::handoff::mesh::SpinPerMessage;
use crate::server::dispatch::Here;
use crate::server::stores::OneEach;

/// See the [module](self).
#[derive(Debug, Clone, Copy)]
pub struct Herd;

impl Design for Herd {
    type Polling = SpinPerMessage;
    type Dispatch = Here;
    type Stores = OneEach;
    const UDP: bool = false;
    const AF_XDP: bool = false;
    const MEMORY: bool = true;
    const BATCHES: bool = false;
    // Nobody wakes it for a request, so that an owner that does not spin naps.
    const LOOKS_EVERY: Option<Duration> = Some(Duration::from_micros(20));
    const ADDRESSING: Addressing = Addressing::Key;
    const STEERING: Steering = Steering::Port;
    const ENGINES: &'static [EngineKind] = &[EngineKind::Slab];
    const NAME: &str = "herd";

    fn check(choice: &SystemChoice) -> Result<(), Refusal> {
        choice::port_per_owner(choice)?;
        choice::hands_nothing_over(choice)
    }
}
