//! The client's receive program.

use std::os::fd::{AsRawFd as _, BorrowedFd};

use aya::maps::{MapData, XskMap};
use aya::{Ebpf, EbpfLoader, include_bytes_aligned};
use steering::layout;

use crate::counters::Counters;
use crate::object::{self, map_error};
use crate::{Error, ReceiveCounters, Result, ServerPorts, refuse_kernel, running_kernel};

/// The client's receive program, loaded: replies go to the AF_XDP socket of their queue, all else
/// to the network stack.
pub struct Receive {
    queues: u32,
    ebpf: Ebpf,
    sockets: XskMap<MapData>,
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
        if queues == 0 || queues > layout::MAX_TARGETS {
            return Err(Error::BadConfig("the number of queues must be 1 to 256"));
        }
        let mut loader = EbpfLoader::new();
        ports.set(&mut loader);
        loader
            .map_max_entries("SOCKETS", queues)
            .map_max_entries(Counters::NAME, layout::COUNTER_REDIRECTED + queues);
        let object = include_bytes_aligned!(concat!(env!("OUT_DIR"), "/receive"));
        let mut ebpf = object::xdp(Self::NAME, &mut loader, object)?;
        Ok(Self {
            queues,
            sockets: object::sockets(&mut ebpf, Self::NAME, "SOCKETS")?,
            counters: Counters::take(&mut ebpf, Self::NAME)?,
            ebpf,
        })
    }

    /// Registers the AF_XDP socket of a receive queue.
    ///
    /// # Errors
    /// When there is no such queue or the descriptor is no AF_XDP socket.
    pub fn register(&mut self, queue: u32, fd: BorrowedFd<'_>) -> Result<()> {
        if queue >= self.queues {
            return Err(Error::BadConfig("no such queue"));
        }
        self.sockets
            .set(queue, fd.as_raw_fd(), 0)
            .map_err(map_error("SOCKETS"))
    }

    /// What the program counted so far.
    ///
    /// # Errors
    /// When the map cannot be read.
    pub fn counters(&self) -> Result<ReceiveCounters> {
        self.counters.receive(self.queues)
    }
}

crate::chain::xdp_methods!(Receive);
