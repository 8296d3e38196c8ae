//! Keeps the kernel from answering what user space takes copies of.
//!
//! Beside packet sockets the network stack gets every frame too. What is for other hosts it drops while forwarding is off; but a
//! tunnel's packets are for this host, and to a protocol that nobody speaks the kernel answers with ICMP errors. NetSlices
//! has a firewall rule drop such packets (section 2); here a raw IP socket is there for them that nobody reads, with
//! the least memory that a socket can have.

use std::os::fd::OwnedFd;

use rustix::net::{AddressFamily, SocketFlags, SocketType, ipproto, socket_with, sockopt};

use super::{Error, ProcessorConfig};

/// As long as this lives, the kernel does not answer.
#[derive(Debug)]
pub(super) struct Silence {
    _socket: Option<OwnedFd>,
}

impl Silence {
    /// In the calling thread's namespace, about the packets that this processor takes from other hosts for this one.
    pub(super) fn about(processor: &ProcessorConfig) -> Result<Self, Error> {
        let socket = match processor {
            ProcessorConfig::Ipsec(_) => Some(nobody()?),
            // Proxies speak no protocol over IP.
            ProcessorConfig::Router
            | ProcessorConfig::Inspect { .. }
            | ProcessorConfig::Maelstrom(_) => None,
        };
        Ok(Self { _socket: socket })
    }
}

fn nobody() -> Result<OwnedFd, Error> {
    let (family, flags) = (AddressFamily::INET, SocketFlags::CLOEXEC);
    let socket = socket_with(family, SocketType::RAW, flags, Some(ipproto::ESP));
    let socket = socket.and_then(|socket| {
        sockopt::set_socket_recv_buffer_size(&socket, 0)?;
        Ok(socket)
    });
    socket.map_err(|error| Error::io("open a raw IP socket")(error.into()))
}
