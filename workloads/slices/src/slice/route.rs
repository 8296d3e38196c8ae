//! Who chooses the port by which a packet leaves (NetSlices, section 3.1).
//!
//! The paper's kernel part routes by default, and NETSLICE_NOROUTE_SET leaves the choice to the application. AF_XDP
//! transmits without asking any table, so a slice that routes does it itself, by what is behind [`Route`]: it is told where
//! the packet came from, may write the link header, and names the port. [`Chosen`] is the mode without
//! routes.

use pktio::frame::Port;

/// A decision about one packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// It leaves by this port.
    Leave(Port),
    /// There is no way, for this reason: the write fails.
    Refuse(&'static str),
}

/// Chooses the port by which packets leave.
pub trait Route {
    /// Decides about the packet in `frame`, whose link header it may write. `port` is the message's: where the packet came
    /// from, unless the application said otherwise.
    fn route(&mut self, frame: &mut [u8], port: Port) -> Decision;
}

/// 'No route' mode: the application chooses, by the message's port.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Chosen;

impl Route for Chosen {
    fn route(&mut self, _: &mut [u8], port: Port) -> Decision {
        Decision::Leave(port)
    }
}

/// A bump in the wire: what came by one port of a pair (0 and 1, 2 and 3 ...) leaves by the other, as it is; where the two sides
/// resolve each other, the kernel must keep [nothing](super::Kept::NOTHING). With
/// an odd number of ports the last one has no other, and its slice refuses what would leave there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Crossed;

impl Route for Crossed {
    fn route(&mut self, _: &mut [u8], port: Port) -> Decision {
        Decision::Leave(Port(port.0 ^ 1))
    }
}
