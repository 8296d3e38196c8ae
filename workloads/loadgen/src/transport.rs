//! What carries datagrams: kernel sockets, AF_XDP, or a fake in tests.

use std::io;

use crate::Losses;

/// Where a request goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Destination {
    /// The flow that it leaves by.
    pub(crate) flow: u16,
    /// UDP destination port.
    pub(crate) port: u16,
}

/// One client thread's datagram transport. Nothing in it blocks but [`wait`](Transport::wait).
pub(crate) trait Transport {
    /// The longest UDP payload that leaves in one unfragmented datagram, bytes.
    fn max_payload(&self) -> usize;

    /// Offers a datagram; false when the transmit path has no room for it now.
    ///
    /// # Errors
    /// When the socket or ring is unusable.
    fn send(&mut self, to: Destination, payload: &[u8]) -> io::Result<bool>;

    /// Pushes out what was accepted.
    ///
    /// # Errors
    /// When the socket or ring is unusable.
    fn flush(&mut self) -> io::Result<()>;

    /// Whether the kernel has taken everything that was accepted.
    fn is_flushed(&self) -> bool;

    /// Whether datagrams may still be on their way to the far end, where that can be told.
    fn is_under_way(&mut self) -> bool;

    /// Hands at most about `budget` received datagrams to `take`, with the flow that each came
    /// back to; returns how many.
    ///
    /// # Errors
    /// When the socket or ring is unusable.
    fn receive(&mut self, budget: usize, take: &mut impl FnMut(u16, &[u8])) -> io::Result<usize>;

    /// Sleeps until a datagram is there, or `timeout_ns` have passed.
    ///
    /// # Errors
    /// When waiting is impossible.
    fn wait(&mut self, timeout_ns: u64) -> io::Result<()>;

    /// What was lost on this side since the transport was opened.
    ///
    /// # Errors
    /// When a counter cannot be read.
    fn losses(&self) -> io::Result<Losses>;

    /// What was obtained, as in `af_xdp copy`.
    fn describe(&self) -> String;
}

/// Bytes of an IP packet that are not UDP payload; requests carry no options.
pub(crate) const fn headers_len(is_ipv4: bool) -> usize {
    const UDP: usize = 8;
    UDP + if is_ipv4 { 20 } else { 40 }
}
