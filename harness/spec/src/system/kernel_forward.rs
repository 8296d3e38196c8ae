//! `kernel_forward`: the kernel's own forwarding.

use super::Io;
use super::traits::Traits;
use crate::traffic::ProcessorKind;

pub(super) const TRAITS: Traits = Traits {
    name: "kernel_forward",
    summary: "the kernel's IP forwarding, in its NAPI threads",
    paper: "the in-kernel routing of Marian, Lee, Weatherspoon, ANCS'12, section 4.1",
    fidelity: "as a user gets it with ip_forward: routes and neighbours of the host, no filters, no flow table",
    ios: &[Io::Kernel],
    io_reason: "frames stay in the kernel's network stack",
    fixed_owners: Some(0),
    processors: &[ProcessorKind::Router],
    ..Traits::FORWARDER
};
