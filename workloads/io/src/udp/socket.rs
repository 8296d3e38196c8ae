//! Opening one UDP socket, and reading what it lost.

#![expect(unsafe_code, reason = "SO_MEMINFO has no safe wrapper")]

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsRawFd, OwnedFd};
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
    let forced = sockopt::set_socket_recv_buffer_size_force(&socket, receive_buffer).is_ok();
    if !forced {
        sockopt::set_socket_recv_buffer_size(&socket, receive_buffer)?;
    }
    let granted = sockopt::socket_recv_buffer_size(&socket)? / 2;
    bind(&socket, &address)?;
    Ok((
        socket,
        ReceiveBuffer {
            asked: receive_buffer,
            granted,
            forced,
        },
    ))
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

    /// What the sockets of one owner lost so far.
    ///
    /// # Errors
    /// When the option cannot be read.
    pub fn owner_drops(&self, owner: usize) -> io::Result<Drops> {
        let mut drops = Drops::default();
        for socket in &self.sockets[owner] {
            drops.add(Drop::UdpSocket, socket_drops(socket)?);
        }
        Ok(drops)
    }
}

/// The socket's drop counter (`SK_MEMINFO_DROPS`), exact but of 32 bits.
fn socket_drops(socket: &OwnedFd) -> io::Result<u64> {
    let mut values = [0_u32; 16];
    let mut length = size_of_val(&values) as libc::socklen_t;
    // SAFETY: the destination is live and writable, and its size is passed.
    let done = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_MEMINFO,
            values.as_mut_ptr().cast(),
            &raw mut length,
        )
    };
    if done != 0 {
        return Err(io::Error::last_os_error());
    }
    let index = libc::SK_MEMINFO_DROPS as usize;
    if (length as usize) < (index + 1) * size_of::<u32>() {
        return Err(io::Error::other(
            "the kernel reports no drops in SO_MEMINFO",
        ));
    }
    Ok(u64::from(values[index]))
}
