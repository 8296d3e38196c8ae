//! `xdp_forward`: look-up and redirection in an XDP program.

use super::Io;
use super::traits::Traits;
use crate::traffic::ProcessorKind;

pub(super) const TRAITS: Traits = Traits {
    name: "xdp_forward",
    summary: "an XDP program looks the route up in the kernel's table and redirects the frame",
    paper: "RouteBricks' in-kernel role in Marian, Lee, Weatherspoon, ANCS'12, section 4",
    fidelity: "not RouteBricks, whose elements are Click's: what is alike is that a frame is forwarded in the driver's \
               context, before the network stack has it; what the program leaves out (ICMP errors, unresolved \
               neighbours) the kernel does",
    ios: &[Io::Xdp],
    io_reason: "it is an XDP program and nothing else",
    fixed_owners: Some(0),
    processors: &[ProcessorKind::Router],
    ..Traits::FORWARDER
};
