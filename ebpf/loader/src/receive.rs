//! The client's receive program.

use std::os::fd::BorrowedFd;

use aya::{Ebpf, EbpfLoader, include_bytes_aligned};

use crate::counters::Counters;
use crate::object;
use crate::queue_sockets::QueueSockets;
use crate::{ReceiveCounters, Result, ServerPorts, refuse_kernel, running_kernel};

/// The client's receive program, loaded: replies go to the AF_XDP socket of their queue, all else
/// to the network stack.
pub struct Receive {
    ebpf: Ebpf,
    sockets: QueueSockets,
    counters: Counters,
}

impl Receive {
    const NAME: &str = "receive";

    /// Loads the program for a device with `queues` receive queues (1 to 256): what comes from `ports`
    /// are replies.
    ///
    /// # Errors
    /// A broken kernel, a configuration out of range, missing privilege, or the verifier's refusal.
    pub fn load(queues: u32, ports: ServerPorts) -> Result<Self> {
        refuse_kernel(running_kernel()?)?;
        let mut loader = EbpfLoader::new();
        ports.set(&mut loader);
        QueueSockets::size(&mut loader, queues)?;
        let object = include_bytes_aligned!(concat!(env!("OUT_DIR"), "/receive"));
        let mut ebpf = object::xdp(Self::NAME, &mut loader, object)?;
        Ok(Self {
            sockets: QueueSockets::take(&mut ebpf, Self::NAME, queues)?,
            counters: Counters::take(&mut ebpf, Self::NAME)?,
            ebpf,
        })
    }

    /// Registers the AF_XDP socket of a receive queue.
    ///
    /// # Errors
    /// When there is no such queue or the descriptor is no AF_XDP socket.
    pub fn register(&mut self, queue: u32, fd: BorrowedFd<'_>) -> Result<()> {
        self.sockets.register(queue, fd)
    }

    /// What the program counted so far.
    ///
    /// # Errors
    /// When the map cannot be read.
    pub fn counters(&self) -> Result<ReceiveCounters> {
        self.counters.receive(self.sockets.queues())
    }
}

crate::chain::xdp_methods!(Receive);
