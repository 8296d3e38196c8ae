//! Who chooses the port by which a packet leaves (NetSlices, section 3.1).
//!
//! The paper's kernel part routes by default, and NETSLICE_NOROUTE_SET leaves the choice to the application. AF_XDP
//! transmits without asking any table, so a slice that routes does it itself, by what is behind [`Route`]: it is told where
//! the packet came from, may change it, and names the port. [`Routed`](super::Routed) goes by the kernel's tables; [`Chosen`] is
//! the mode without routes.

use pktio::frame::{FrameMut, Port};

use super::Message;

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
    /// Decides about the packet in `frame`, which it may change: a copy of the message's, with its checksums computed. The
    /// message says where it came from, unless the application said otherwise.
    fn route(&mut self, frame: &mut FrameMut<'_>, message: &Message) -> Decision;
}

/// 'No route' mode: the application chooses, by the message's port.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Chosen;

impl Route for Chosen {
    fn route(&mut self, _: &mut FrameMut<'_>, message: &Message) -> Decision {
        Decision::Leave(message.port)
    }
}

/// A bump in the wire: what came by one port of a pair (0 and 1, 2 and 3 ...) leaves by the other, as it is; where the two sides
/// resolve each other, the kernel must keep [nothing](super::Kept::NOTHING). With
/// an odd number of ports the last one has no other, and its slice refuses what would leave there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Crossed;

impl Route for Crossed {
    fn route(&mut self, _: &mut FrameMut<'_>, message: &Message) -> Decision {
        Decision::Leave(Port(message.port.0 ^ 1))
    }
}
