//! Opening one UDP socket, and reading what it lost.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use rustix::net::{
    AddressFamily, SocketFlags, SocketType, bind, getsockname, socket_with, sockopt,
};

use crate::drops::{Drop, Drops};

/// The receive buffer of the sockets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReceiveBuffer {
    /// Bytes asked for.
    pub asked: usize,
    /// Bytes granted, without the doubling that the kernel adds for its bookkeeping.
    pub granted: usize,
    /// Whether the limit for everybody (`net.core.rmem_max`) could be passed.
    pub forced: bool,
}

impl ReceiveBuffer {
    /// Asks for a receive buffer of so many bytes.
    pub(crate) fn obtain(socket: BorrowedFd<'_>, bytes: usize) -> io::Result<Self> {
        let forced = sockopt::set_socket_recv_buffer_size_force(socket, bytes).is_ok();
        if !forced {
            sockopt::set_socket_recv_buffer_size(socket, bytes)?;
        }
        Ok(Self {
            asked: bytes,
            granted: sockopt::socket_recv_buffer_size(socket)? / 2,
            forced,
        })
    }
}

/// Opens and binds one socket.
pub(super) fn open(
    address: SocketAddr,
    shared: bool,
    receive_buffer: usize,
) -> io::Result<(OwnedFd, ReceiveBuffer)> {
    let family = match address {
        SocketAddr::V4(_) => AddressFamily::INET,
        SocketAddr::V6(_) => AddressFamily::INET6,
    };
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(family, SocketType::DGRAM, flags, None)?;
    if let IpAddr::V6(ip) = address.ip() {
        sockopt::set_ipv6_v6only(&socket, !ip.is_unspecified())?;
    }
    if shared {
        sockopt::set_socket_reuseport(&socket, true)?;
    }
    let granted = ReceiveBuffer::obtain(socket.as_fd(), receive_buffer)?;
    bind(&socket, &address)?;
    Ok((socket, granted))
}

/// The port that a socket is bound to.
pub(super) fn port(socket: &OwnedFd) -> io::Result<u16> {
    let address = SocketAddr::try_from(getsockname(socket)?)
        .map_err(|_| io::Error::other("a UDP socket has an internet address"))?;
    Ok(address.port())
}

/// Reads what a group of sockets lost, from any thread.
#[derive(Debug, Clone)]
pub struct UdpProbe {
    sockets: Arc<Vec<Vec<OwnedFd>>>,
}

impl UdpProbe {
    pub(super) const fn new(sockets: Arc<Vec<Vec<OwnedFd>>>) -> Self {
        Self { sockets }
    }

    /// What all sockets lost so far.
    ///
    /// # Errors
    /// When the option cannot be read.
    pub fn drops(&self) -> io::Result<Drops> {
        let mut drops = Drops::default();
        for owner in 0..self.sockets.len() {
            drops.merge(&self.owner_drops(owner)?);
        }
        Ok(drops)
    }

    /// What the sockets of one owner lost so far; the kernel counts with 32 bits per socket.
    ///
    /// # Errors
    /// When the option cannot be read.
    pub fn owner_drops(&self, owner: usize) -> io::Result<Drops> {
        let mut drops = Drops::default();
        for socket in &self.sockets[owner] {
            drops.add(
                Drop::UdpSocket,
                u64::from(sys::sockets::drops(socket.as_fd())?),
            );
        }
        Ok(drops)
    }
}
