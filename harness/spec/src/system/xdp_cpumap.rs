//! `xdp_cpumap`: XDP moves packets to the owner's CPU.

use super::traits::Traits;
use super::{Io, MultiKey, Wakeup};

pub(super) const TRAITS: Traits = Traits {
    name: "xdp_cpumap",
    summary: "XDP redirects to the owner's CPU (CPUMAP), where the stack runs and reuseport chooses by key",
    paper: "Enberg, Rao, Tarkoma, ENCP'19 section 3.1 and figure 2(a)",
    fidelity: "the paper's configuration on the host's CPU (native XDP); the stack runs in the CPUMAP's \
               kernel threads, whose time is the server's; two tracepoint programs count its losses",
    ios: &[Io::Udp],
    io_reason: "it steers to kernel sockets by way of the stack, which AF_XDP bypasses",
    wakeups: Traits::EVERY_WAKEUP,
    default_wakeup: Some(Wakeup::Eventfd),
    kernel_table: true,
    moves_slots: true,
    multi_key: MultiKey::BY_FIRST_KEY,
    needs_xdp: true,
    encryption_refusal: Some("its XDP program reads the key to find the owner's CPU"),
    ..Traits::SERVER
};
