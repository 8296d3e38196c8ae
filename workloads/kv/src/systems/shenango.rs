//! `shenango`: one core does nothing but steer and allocate cores; owners run only while load demands.
//!
//! Ousterhout et al., "Shenango: Achieving High CPU Efficiency for Latency-sensitive Datacenter
//! Workloads" (NSDI'19), as ENCP'19, section 5, has it: Shenango dedicates "a single CPU core that
//! polls the NIC for arriving packets and steers them to dynamically allocated application CPU cores"
//! by a hash in software, and steering "could be offloaded to a NIC, eliminating the software-based
//! steering, further reducing CPU cycle consumption". Both are here ([`Steerer`]): the dispatcher
//! polls all receive queues and hands each request to its owner's ring, or an XDP program delivers to
//! the owners' sockets and the dispatcher allocates cores and does nothing else.
//!
//! What decides is the delay in the queues, looked at every 5 us as Shenango does: an owner whose
//! oldest request has waited from one look to the next is granted a core, and an owner that finds
//! nothing gives its core back (`server/dispatcher`). The store is partitioned,
//! so a core is granted to one owner, and a request is executed by its owner or waits; Shenango steers
//! by flow to any core of an application. An owner has a home among the cores, and where several share
//! one it is lent to them in turns. A request for keys of several owners is gathered by the dispatcher.
//!
//! [`Steerer`]: crate::server::Steerer

use super::{Addressing, Design, EngineKind, IoKind, Refusal, Steering, SystemChoice, Wakeup};
use crate::handoff::mesh::SpinPerBatch;
use crate::server::dispatch::ToDispatcher;
use crate::server::stores::OneEach;

/// See the [module](self).
#[derive(Debug, Clone, Copy)]
pub struct Shenango;

impl Design for Shenango {
    // Messages ring no bell: the dispatcher polls, and owners are woken by grants alone.
    type Polling = SpinPerBatch;
    type Dispatch = ToDispatcher;
    type Stores = OneEach;
    const UDP: bool = false;
    const DISPATCHED: bool = true;
    const ADDRESSING: Addressing = Addressing::Key;
    const STEERING: Steering = Steering::Key;
    const ENGINES: &'static [EngineKind] = &[EngineKind::Slab];
    const NAME: &str = "shenango";

    fn check(choice: &SystemChoice) -> Result<(), Refusal> {
        match (choice.io, choice.wakeup) {
            (IoKind::Udp | IoKind::Memory, _) => Err(Refusal::DispatcherNeedsRings(choice.system)),
            (IoKind::AfXdp, Wakeup::Eventfd) => Ok(()),
            (IoKind::AfXdp, Wakeup::Spin | Wakeup::Batched) => {
                Err(Refusal::DispatcherWakes(choice.system))
            }
        }
    }
}
