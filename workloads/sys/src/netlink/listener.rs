//! What the kernel tells unasked, to those who joined a group.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use netlink_packet_core::{
    NLM_F_REPLACE, NetlinkDeserializable, NetlinkMessage, NetlinkPayload, NetlinkSerializable,
};
use netlink_sys::protocols::NETLINK_ROUTE;
use netlink_sys::{Socket, SocketAddr};

use crate::error::{Doing, malformed};

/// A socket that hears what happens to links, addresses, neighbours and routes.
pub(crate) struct Listener {
    socket: Socket,
}

/// What was heard.
pub(crate) enum Notice<I> {
    /// Messages, each with whether it replaces an earlier thing.
    Messages(Vec<(I, bool)>),
    /// More than the socket's buffer holds, so that some are lost.
    Lost,
    /// Nothing (more).
    Nothing,
}

impl Listener {
    /// Joins the groups in the calling thread's namespace.
    pub(crate) fn open(groups: &[u32], buffer: usize) -> io::Result<Self> {
        let mut socket = Socket::new(NETLINK_ROUTE)?;
        socket.bind_auto()?;
        socket.connect(&SocketAddr::new(0, 0))?;
        socket.set_rx_buf_sz(i32::try_from(buffer).unwrap_or(i32::MAX))?;
        socket.set_non_blocking(true)?;
        for group in groups {
            socket
                .add_membership(*group)
                .doing(|| format!("join the netlink group {group}"))?;
        }
        Ok(Self { socket })
    }

    /// The next datagram's messages, without waiting.
    pub(crate) fn next<I: NetlinkDeserializable + NetlinkSerializable>(
        &mut self,
    ) -> io::Result<Notice<I>> {
        let datagram = match self.socket.recv_from_full() {
            Ok((datagram, _)) => datagram,
            Err(error) if error.raw_os_error() == Some(libc::ENOBUFS) => return Ok(Notice::Lost),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(Notice::Nothing),
            Err(error) => return Err(error),
        };
        let mut rest = datagram.as_slice();
        let mut messages = Vec::new();
        while !rest.is_empty() {
            let message = NetlinkMessage::<I>::deserialize(rest).map_err(io::Error::other)?;
            let length = message.header.length as usize;
            if length == 0 {
                return Err(malformed("a netlink message without length"));
            }
            let replaces = message.header.flags & NLM_F_REPLACE != 0;
            match message.payload {
                NetlinkPayload::InnerMessage(inner) => messages.push((inner, replaces)),
                NetlinkPayload::Overrun(_) => return Ok(Notice::Lost),
                // They concern nobody who only listens.
                NetlinkPayload::Done(_) | NetlinkPayload::Error(_) | NetlinkPayload::Noop => {}
                // The payload enum is open.
                other => {
                    let kind = other.message_type();
                    return Err(malformed(format!("netlink message of type {kind}")));
                }
            }
            rest = &rest[length.next_multiple_of(4).min(rest.len())..];
        }
        Ok(Notice::Messages(messages))
    }
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}
