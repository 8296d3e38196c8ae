//! `raw_socket`: a packet socket on each device, a system call a frame.

use super::traits::Traits;

pub(super) const TRAITS: Traits = Traits {
    name: "raw_socket",
    summary: "one thread, a packet socket on each device, a system call to receive a frame and one to send it",
    paper: "the conventional raw socket of Marian, Lee, Weatherspoon, ANCS'12, section 2",
    fidelity: "as there; `recvmsg` in place of `recv`, for what the kernel tells beside a frame",
    fixed_owners: Some(1),
    ..Traits::FORWARDER
};
