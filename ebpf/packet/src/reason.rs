//! Why a frame is not a plain UDP datagram.

/// What stands in the way of reading a UDP datagram from a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// Neither IPv4 nor IPv6.
    NotIp,
    /// IP, but not UDP.
    NotUdp,
    /// A header or the payload ends before it should.
    Truncated,
    /// More than two 802.1Q / 802.1ad tags.
    VlanStacked,
    /// A version or length field of the IP header contradicts itself.
    BadIpHeader,
    /// The UDP length is below 8 or beyond the IP payload.
    BadUdpLength,
    /// A piece of a fragmented datagram (first or later).
    Fragment,
    /// An IPv6 extension header other than a fragment's stands before UDP.
    Ipv6Extension,
}

/// A [`Reason`], and the UDP destination port where it could be read all the same.
///
/// The port decides whose problem the frame is: a malformed datagram to a port of ours is dropped
/// and counted, anything else belongs to the network stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refusal {
    /// What is wrong.
    pub reason: Reason,
    /// Destination port, host byte order.
    pub dst_port: Option<u16>,
}

impl Refusal {
    /// A refusal of a frame whose port is unknown.
    #[inline(always)]
    #[must_use]
    pub const fn anonymous(reason: Reason) -> Self {
        Self {
            reason,
            dst_port: None,
        }
    }
}
