//! `xdp_cpumap`: XDP moves each request to the owner's CPU, where the network stack runs for it.
//!
//! ENCP'19, figure 2(a): the XDP program picks a CPU core by the request's key and the packet goes
//! through the kernel's stack there (XDP_REDIRECT to a CPUMAP). A CPUMAP entry has a kernel thread
//! pinned to its CPU; it makes the packet and runs IP and UDP, and a program of the sockets' group, the
//! same as `reuseport_ebpf`'s, chooses the owner's socket, on the owner's CPU already. What crosses
//! cores is the frame as it came from the driver, in a ring of the kernel's.
//!
//! The kernel threads' time is the server's cost. What they lose has no counter in the kernel; a program
//! at the kernel's tracepoints counts it. A frame with an unfinished checksum (see
//! [`packet::checksum::completion`]) is finished before it moves, for the packet made of it there knows
//! nothing of that.

use super::{Addressing, Design, Placement, Refusal, Steering, SystemChoice, choice};
use crate::handoff::mesh::SpinPerMessage;
use crate::server::dispatch::Here;
use crate::server::stores::OneEach;

/// See the [module](self).
#[derive(Debug, Clone, Copy)]
pub struct XdpCpumap;

impl Design for XdpCpumap {
    type Polling = SpinPerMessage;
    type Dispatch = Here;
    type Stores = OneEach;
    const AF_XDP: bool = false;
    const ADDRESSING: Addressing = Addressing::Key;
    const STEERING: Steering = Steering::Key;
    const PLACEMENT: Placement = Placement::Cpu;
    const NAME: &str = "xdp_cpumap";

    fn check(choice: &SystemChoice) -> Result<(), Refusal> {
        choice::kernel_sockets(choice)
    }
}
