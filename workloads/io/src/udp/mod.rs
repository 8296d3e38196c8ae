//! Kernel sockets: the baseline that AF_XDP is compared with.
//!
//! One socket per owner and address, received and sent in batches (`recvmmsg`, `sendmmsg`). How
//! datagrams spread over the owners is [`Sharding`]. Buffers come from a pool per thread; a
//! request may be handed to another owner with its buffer, is answered through that owner's
//! socket, and the buffer finds its way home.

mod batch;
mod io;
mod pool;
mod queue_filter;
mod socket;

use std::io as std_io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::sync::Arc;

pub use io::{UdpFrame, UdpIo};
pub use socket::{ReceiveBuffer, UdpProbe};

use pool::Homes;
use rustix::net::sockopt::set_socket_send_buffer_size;

/// How datagrams spread over the owners' sockets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sharding {
    /// A datagram of receive queue q goes to owner `q % owners`, by a filter on the sockets'
    /// group: what a NIC with RSS and one thread per queue does. Exact over veth; see the
    /// filter's module for NICs. Not for loopback.
    RxQueue,
    /// The kernel's flow hash over the group: for loopback, which has no queues, and until the group
    /// gets a program.
    FlowHash,
    /// Owner i listens on `port + i`: the client addresses the partition (MICA), or a program does.
    PerPort,
}

/// Kernel sockets to be opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UdpConfig {
    /// Addresses to listen on; `::` alone serves IPv4 as well.
    pub listen: Vec<IpAddr>,
    /// Port (the first one under [`Sharding::PerPort`]). 0 lets the kernel choose one.
    pub port: u16,
    /// Owner threads.
    pub owners: u16,
    /// How datagrams spread.
    pub sharding: Sharding,
    /// Receive buffer per socket to ask for, in bytes. The kernel charges each datagram with
    /// its bookkeeping too: count 1 KiB for a small one.
    pub receive_buffer: usize,
    /// What all sockets together may have on its way, in bytes as the kernel counts, or `None` for the
    /// system's default per socket: a full link then holds a sender up, where it would lose datagrams.
    pub in_flight: Option<usize>,
    /// Bytes per buffer: the longest datagram that can be received or sent.
    pub buffer: usize,
}

impl UdpConfig {
    /// Sockets with the default sizes: 8 MiB of receive buffer, datagrams of up to 2048 bytes.
    #[must_use]
    pub const fn new(listen: Vec<IpAddr>, port: u16, owners: u16, sharding: Sharding) -> Self {
        Self {
            listen,
            port,
            owners,
            sharding,
            receive_buffer: 8 << 20,
            in_flight: None,
            buffer: 2048,
        }
    }
}

/// The sockets of all owners.
#[derive(Debug)]
pub struct UdpGroup {
    /// `sockets[owner][listener]`.
    sockets: Arc<Vec<Vec<OwnedFd>>>,
    ports: Vec<u16>,
    receive_buffer: ReceiveBuffer,
    ios: Vec<UdpIo>,
}

impl UdpGroup {
    /// Opens all sockets in the calling thread's network namespace.
    ///
    /// # Errors
    /// When an address cannot be bound or an option is refused.
    pub fn open(config: &UdpConfig) -> std_io::Result<Self> {
        let invalid = |what: &str| Err(std_io::Error::new(std_io::ErrorKind::InvalidInput, what));
        if config.owners == 0 || config.listen.is_empty() {
            return invalid("UDP needs at least one owner and one address");
        }
        if config.port == 0 && config.sharding == Sharding::PerPort {
            return invalid("one port per owner needs a first port");
        }
        let mut ports: Vec<u16> = Vec::new();
        let mut sockets = Vec::new();
        let mut receive_buffer = None;
        // The group's index of a socket is the order of binding: owner by owner.
        for owner in 0..config.owners {
            let shared = config.sharding != Sharding::PerPort;
            let mut port = match (shared, ports.first()) {
                (true, Some(chosen)) => *chosen,
                (true, None) => config.port,
                (false, _) => config.port + owner,
            };
            let mut own = Vec::new();
            for address in &config.listen {
                let (socket, granted) = socket::open(
                    SocketAddr::new(*address, port),
                    shared,
                    config.receive_buffer,
                )?;
                if let Some(bytes) = config.in_flight {
                    let sockets = usize::from(config.owners) * config.listen.len();
                    // The kernel doubles the value that it is given.
                    set_socket_send_buffer_size(&socket, bytes / sockets / 2)?;
                }
                port = socket::port(&socket)?;
                receive_buffer.get_or_insert(granted);
                own.push(socket);
            }
            ports.push(port);
            sockets.push(own);
        }
        if config.sharding == Sharding::RxQueue {
            for socket in &sockets[0] {
                queue_filter::attach(socket, config.owners)?;
            }
        }
        let sockets = Arc::new(sockets);
        let homes = Arc::new(Homes::new(config.owners, config.buffer));
        let ios = (0..config.owners)
            .map(|owner| UdpIo::new(owner, &sockets, ports.clone(), &homes))
            .collect();
        let receive_buffer = receive_buffer.expect("at least one socket was opened");
        Ok(Self {
            sockets,
            ports,
            receive_buffer,
            ios,
        })
    }

    /// The port of each owner; the same for all unless each has its own.
    #[must_use]
    pub fn ports(&self) -> &[u16] {
        &self.ports
    }

    /// The socket of each owner for the `listener`-th address, index = owner.
    ///
    /// # Panics
    /// When there is no such address.
    #[must_use]
    pub fn sockets_of(&self, listener: usize) -> Vec<BorrowedFd<'_>> {
        let sockets = self.sockets.iter();
        sockets.map(|own| own[listener].as_fd()).collect()
    }

    /// The receive buffer that was obtained.
    #[must_use]
    pub const fn receive_buffer(&self) -> ReceiveBuffer {
        self.receive_buffer
    }

    /// Hands out the owners' I/O, index = owner. Empty the second time.
    pub fn take_ios(&mut self) -> Vec<UdpIo> {
        std::mem::take(&mut self.ios)
    }

    /// A reader of the loss counters that outlives this value. It keeps the sockets open.
    #[must_use]
    pub fn probe(&self) -> UdpProbe {
        UdpProbe::new(Arc::clone(&self.sockets))
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
