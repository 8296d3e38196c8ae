//! What a slice's sockets show of it to another process, also after its own has died.
//!
//! A process that is killed takes its counters along. How far its rings were used stands in memory that it shared with the
//! kernel, and that lives as long as anybody has the socket: so who holds a second descriptor can count, afterwards, what
//! the dead process had taken, queued and left behind. The indices of a ring are free-running (see [`ring`](super::ring)): each
//! is the number of its frames since the socket was opened, modulo 2^32.

use std::io;
use std::os::fd::OwnedFd;

use libc::xdp_desc;

use super::kernel_ring::KernelRing;
use super::ports::PortsConfig;
use super::probe::XskProbe;
use super::ring::RingMemory as _;
use super::socket::{Obtained, Xsk};

/// How far the rings of one socket were used. All counts are frames since it was opened, modulo 2^32.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RingUse {
    /// Put into the RX ring by the kernel.
    pub received: u32,
    /// Of them, those that the process took out.
    pub taken: u32,
    /// Put into the TX ring by the process.
    pub queued: u32,
    /// Of them, those that the kernel took out: they are with the device.
    pub sent: u32,
}

/// A look at the sockets of a slice by another process than the one that works on them. It keeps them open.
#[derive(Debug)]
pub struct Witness {
    ports: Vec<Witnessed>,
}

#[derive(Debug)]
struct Witnessed {
    rx: KernelRing<xdp_desc>,
    tx: KernelRing<xdp_desc>,
    socket: Xsk,
}

impl Witness {
    /// Of the sockets of [`Ports`](super::Ports) that were opened as `config` says, in the order of the ports.
    ///
    /// # Errors
    /// When these are no such sockets: the kernel refuses the mapping.
    pub fn of(sockets: Vec<OwnedFd>, config: &PortsConfig) -> io::Result<Self> {
        let witnessed = |socket: OwnedFd| {
            let socket = Xsk::of(socket);
            let [rx, tx] = socket.views(config.rx_ring, config.tx_ring)?;
            Ok(Witnessed { rx, tx, socket })
        };
        let ports = sockets.into_iter().map(witnessed);
        Ok(Self {
            ports: ports.collect::<io::Result<_>>()?,
        })
    }

    /// The rings of each port. Indices are read one after the other, so it is exact when nothing moves.
    #[must_use]
    pub fn rings(&self) -> Vec<RingUse> {
        let of = |port: &Witnessed| RingUse {
            received: port.rx.load_producer(),
            taken: port.rx.load_consumer(),
            queued: port.tx.load_producer(),
            sent: port.tx.load_consumer(),
        };
        self.ports.iter().map(of).collect()
    }

    /// The mode that the kernel granted, to all ports alike; `None` without ports.
    ///
    /// # Errors
    /// When the option cannot be read.
    pub fn obtained(&self) -> io::Result<Option<Obtained>> {
        let first = self.ports.first();
        first.map(|port| port.socket.obtained()).transpose()
    }

    /// A reader of the sockets' loss counters, by port. It keeps the sockets open too.
    #[must_use]
    pub fn probe(&self) -> XskProbe {
        let sockets = self.ports.iter().map(|port| port.socket.clone());
        XskProbe::new(sockets.collect(), 1)
    }
}
