//! `xdp_posix`: XDP writes the port of the owner's socket.

use super::traits::Traits;
use super::{Io, MultiKey, Wakeup};

pub(super) const TRAITS: Traits = Traits {
    name: "xdp_posix",
    summary: "XDP rewrites the UDP port to the owner's kernel socket, clsact restores it in replies",
    paper: "Enberg, Rao, Tarkoma, ENCP'19 section 3.1 and figure 2(a)",
    fidelity: "the paper's configuration on the host's CPU (native XDP) in place of a programmable NIC; \
               how the packet finds the owner's POSIX socket is this project's: the port",
    ios: &[Io::Udp],
    io_reason: "it steers to POSIX sockets, which AF_XDP bypasses",
    wakeups: Traits::EVERY_WAKEUP,
    default_wakeup: Some(Wakeup::Eventfd),
    kernel_table: true,
    moves_slots: true,
    multi_key: MultiKey::BY_FIRST_KEY,
    needs_xdp: true,
    encryption_refusal: Some("its XDP program reads the key to write the owner's port"),
    ..Traits::SERVER
};
