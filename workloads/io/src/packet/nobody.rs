//! A receiver of IP packets that wants none.
//!
//! Beside packet sockets the network stack gets every frame too, and to a packet for this host, of a protocol that nobody
//! speaks, it answers with an ICMP error. A raw IP socket speaks the protocol in its eyes. It must not fill up: found on Linux 6.18,
//! one that is full counts as none. So a filter throws away what it gets.

use std::io;
use std::os::fd::{AsFd as _, OwnedFd};

use rustix::net::{AddressFamily, Protocol, SocketFlags, SocketType, socket_with};

use super::socket::doing;
use crate::bpf;

/// Keeps the kernel from answering IPv4 packets of this protocol, in the calling thread's namespace, for as long as the
/// descriptor is open.
///
/// # Errors
/// When the process may not open raw sockets (CAP_NET_RAW).
pub fn nobody(protocol: Protocol) -> io::Result<OwnedFd> {
    let (family, flags) = (AddressFamily::INET, SocketFlags::CLOEXEC);
    let socket = socket_with(family, SocketType::RAW, flags, Some(protocol))
        .map_err(|error| doing("open a raw IP socket (needs CAP_NET_RAW)", error.into()))?;
    let nothing = [bpf::step(bpf::RETURN, 0)];
    bpf::attach(socket.as_fd(), libc::SO_ATTACH_FILTER, &nothing)?;
    Ok(socket)
}
