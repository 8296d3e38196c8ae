//! Keeps the kernel from answering what user space takes copies of.
//!
//! Beside packet sockets the network stack gets every frame too. What is for other hosts it drops while forwarding is off; but a
//! tunnel's packets are for this host, and to a protocol that nobody speaks the kernel answers with ICMP errors. NetSlices
//! has a firewall rule drop such packets (section 2); here a raw IP socket is there for them that throws them away.

use std::os::fd::OwnedFd;

use pktio::packet::nobody;
use rustix::net::ipproto;

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
            ProcessorConfig::Ipsec(_) => {
                let socket = nobody(ipproto::ESP);
                Some(socket.map_err(Error::io("keep the kernel from answering"))?)
            }
            // Proxies speak no protocol over IP.
            ProcessorConfig::Router
            | ProcessorConfig::Inspect { .. }
            | ProcessorConfig::Maelstrom(_) => None,
        };
        Ok(Self { _socket: socket })
    }
}
