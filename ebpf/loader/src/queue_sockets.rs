//! The AF_XDP socket of each receive queue of a device.

use std::os::fd::{AsRawFd as _, BorrowedFd};

use aya::maps::{MapData, XskMap};
use aya::{Ebpf, EbpfLoader};
use steering::layout;

use crate::counters::Counters;
use crate::object::{self, map_error};
use crate::{Error, Result};

/// One socket a queue, in a program's map `SOCKETS`.
pub(crate) struct QueueSockets {
    queues: u32,
    map: XskMap<MapData>,
}

impl QueueSockets {
    const NAME: &str = "SOCKETS";

    /// Sizes the maps of a program that is to be loaded for `queues` receive queues (1 to 256).
    pub(crate) fn size(loader: &mut EbpfLoader<'_>, queues: u32) -> Result<()> {
        if queues == 0 || queues > layout::MAX_TARGETS {
            return Err(Error::BadConfig("the number of queues must be 1 to 256"));
        }
        loader
            .map_max_entries(Self::NAME, queues)
            .map_max_entries(Counters::NAME, layout::COUNTER_REDIRECTED + queues);
        Ok(())
    }

    /// Takes the map out of the loaded object.
    pub(crate) fn take(ebpf: &mut Ebpf, program: &'static str, queues: u32) -> Result<Self> {
        let map = object::sockets(ebpf, program, Self::NAME)?;
        Ok(Self { queues, map })
    }

    pub(crate) const fn queues(&self) -> u32 {
        self.queues
    }

    /// Fails when there is no such queue or the descriptor is no AF_XDP socket.
    pub(crate) fn register(&mut self, queue: u32, fd: BorrowedFd<'_>) -> Result<()> {
        if queue >= self.queues {
            return Err(Error::BadConfig("no such queue"));
        }
        let set = self.map.set(queue, fd.as_raw_fd(), 0);
        set.map_err(map_error(Self::NAME))
    }

    /// Fails when there is no such queue.
    pub(crate) fn unregister(&mut self, queue: u32) -> Result<()> {
        if queue >= self.queues {
            return Err(Error::BadConfig("no such queue"));
        }
        let unset = self.map.unset(queue);
        unset.map_err(map_error(Self::NAME))
    }
}
