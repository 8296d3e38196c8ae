//! `xdp_posix`: XDP writes the port of the owner's socket into each request; POSIX sockets do the rest.
//!
//! ENCP'19, figure 2(a) and section 3.1: an XDP program steers packets to CPU cores, and applications
//! go on using POSIX sockets. Owner `i` listens on port `base + i`, XDP looks the key's owner up and
//! rewrites the UDP destination port before the stack sees it, and a clsact program rewrites the source
//! port of the replies, so that clients know `base` alone. No bypass: the stack runs for every packet,
//! on the CPU of the receive queue that it came by, which need not be the owner's: counted as a hop.
//!
//! What XDP cannot read as a request, fragments among them, keeps its port and reaches owner 0.

use super::{Addressing, Design, Placement, Refusal, Steering, SystemChoice, choice};
use crate::handoff::mesh::SpinPerMessage;
use crate::server::dispatch::Here;
use crate::server::stores::OneEach;

/// See the [module](self).
#[derive(Debug, Clone, Copy)]
pub struct XdpPosix;

impl Design for XdpPosix {
    type Polling = SpinPerMessage;
    type Dispatch = Here;
    type Stores = OneEach;
    const AF_XDP: bool = false;
    const ADDRESSING: Addressing = Addressing::Key;
    const STEERING: Steering = Steering::Key;
    const PLACEMENT: Placement = Placement::Port;
    const NAME: &str = "xdp_posix";

    fn check(choice: &SystemChoice) -> Result<(), Refusal> {
        choice::kernel_sockets(choice)?;
        choice::port_per_owner(choice)
    }
}
