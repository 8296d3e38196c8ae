//! `reuseport_ebpf`: a program of the sockets' group reads the key and chooses the owner's socket.
//!
//! Steering by key with kernel sockets alone: no XDP, no bypass. The kernel has run its whole stack on
//! the CPU where the packet arrived, finds several sockets at one address and port (SO_REUSEPORT), and
//! lets an SK_REUSEPORT program choose one (`bpf_sk_select_reuseport`, Linux 4.19). What ENCP'19 does
//! below the stack happens here at its top: no request changes threads in user space, while the packet
//! itself still changes cores between the stack and the owner. Those hops are counted by the program.
//!
//! A request that the program cannot read is left to the kernel, which takes the flow's hash; the
//! server behind the socket answers it.

use super::{Addressing, Design, Placement, Refusal, Steering, SystemChoice, choice};
use crate::handoff::mesh::SpinPerMessage;
use crate::server::dispatch::Here;
use crate::server::stores::OneEach;

/// See the [module](self).
#[derive(Debug, Clone, Copy)]
pub struct ReuseportEbpf;

impl Design for ReuseportEbpf {
    type Polling = SpinPerMessage;
    type Dispatch = Here;
    type Stores = OneEach;
    const AF_XDP: bool = false;
    const ADDRESSING: Addressing = Addressing::Key;
    const STEERING: Steering = Steering::Key;
    const PLACEMENT: Placement = Placement::Reuseport;
    const NAME: &str = "reuseport_ebpf";

    fn check(choice: &SystemChoice) -> Result<(), Refusal> {
        choice::kernel_sockets(choice)
    }
}
