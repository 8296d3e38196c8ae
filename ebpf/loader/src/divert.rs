//! The program that hands a device's frames to slices.

use std::net::IpAddr;
use std::os::fd::BorrowedFd;

use aya::maps::{HashMap, MapData};
use aya::{Ebpf, EbpfLoader, include_bytes_aligned};
use steering::divert::{AddressKey, Kept, v4_key, v6_key};
use steering::layout;

use crate::counters::Counters;
use crate::object::{self, map_error};
use crate::queue_sockets::QueueSockets;
use crate::{Error, ReceiveCounters, Result, refuse_kernel, running_kernel};

/// The program of a device whose queues belong to slices, loaded: a frame goes to the socket of its receive queue,
/// unless the kernel keeps it. Where a queue has no socket, because no slice is open or its process ended,
/// frames are dropped and counted.
pub struct Divert {
    ebpf: Ebpf,
    sockets: QueueSockets,
    counters: Counters,
}

impl Divert {
    const NAME: &str = "divert";
    const OWN: &str = "OWN";

    /// Loads the program for a device with `queues` receive queues (1 to 256). `own` are the machine's addresses, which
    /// matter where [`Kept::OWN`] is among what the kernel keeps.
    ///
    /// # Errors
    /// A broken kernel, a configuration out of range, missing privilege, or the verifier's refusal.
    pub fn load(queues: u32, kept: Kept, own: &[IpAddr]) -> Result<Self> {
        Self::load_with(queues, kept, own, false)
    }

    /// As [`load`](Self::load). Where the program looks up, each frame that the kernel would forward takes a note of its
    /// [`NextLink`](steering::forward::NextLink) along: by the tables of the device's namespace, which must forward.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn load_with(queues: u32, kept: Kept, own: &[IpAddr], looks_up: bool) -> Result<Self> {
        refuse_kernel(running_kernel()?)?;
        if own.len() > layout::MAX_OWN_ADDRESSES as usize {
            return Err(Error::BadConfig(
                "the kernel can keep 1024 own addresses at most",
            ));
        }
        let (bits, looks_up) = (kept.bits(), u32::from(looks_up));
        let mut loader = EbpfLoader::new();
        loader
            .override_global("KEPT", &bits, true)
            .override_global("LOOKS_UP", &looks_up, true);
        QueueSockets::size(&mut loader, queues)?;
        let object = include_bytes_aligned!(concat!(env!("OUT_DIR"), "/divert"));
        let mut ebpf = object::xdp(Self::NAME, &mut loader, object)?;
        let mut addresses: HashMap<MapData, AddressKey, u64> = ebpf
            .take_map(Self::OWN)
            .ok_or(Error::Incomplete {
                program: Self::NAME,
                part: Self::OWN,
            })?
            .try_into()
            .map_err(map_error(Self::OWN))?;
        for address in own {
            addresses
                .insert(key(*address), 0, 0)
                .map_err(map_error(Self::OWN))?;
        }
        Ok(Self {
            sockets: QueueSockets::take(&mut ebpf, Self::NAME, queues)?,
            counters: Counters::take(&mut ebpf, Self::NAME)?,
            ebpf,
        })
    }

    /// Registers the socket of the slice that a receive queue belongs to. The entry ends with the socket.
    ///
    /// # Errors
    /// When there is no such queue or the descriptor is no AF_XDP socket.
    pub fn register(&mut self, queue: u32, fd: BorrowedFd<'_>) -> Result<()> {
        self.sockets.register(queue, fd)
    }

    /// Takes the socket of a receive queue out of the map, if one is in it: the queue's frames are dropped and counted from now
    /// on. Runs of the program that began before may still give it frames, until a [grace period](crate::grace_period) has passed.
    ///
    /// # Errors
    /// When there is no such queue, or the kernel refuses.
    pub fn unregister(&mut self, queue: u32) -> Result<()> {
        self.sockets.unregister(queue)
    }

    /// Receive queues of the device.
    #[must_use]
    pub const fn queues(&self) -> u32 {
        self.sockets.queues()
    }

    /// What the program counted so far: redirected by queue, passed to the network stack, and dropped for want of a
    /// socket.
    ///
    /// # Errors
    /// When the map cannot be read.
    pub fn counters(&self) -> Result<ReceiveCounters> {
        self.counters.receive(self.sockets.queues())
    }
}

/// An address as programs have it.
pub(crate) const fn key(address: IpAddr) -> AddressKey {
    match address {
        IpAddr::V4(address) => v4_key(address.octets()),
        IpAddr::V6(address) => v6_key(address.octets()),
    }
}

crate::chain::xdp_methods!(Divert);
