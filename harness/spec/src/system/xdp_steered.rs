//! `xdp_steered`: an XDP program steers each request to its owner's socket.

use super::traits::Traits;
use super::{Io, MultiKey, Wakeup};

pub(super) const TRAITS: Traits = Traits {
    name: "xdp_steered",
    summary: "XDP parses the key and redirects to the owner's AF_XDP socket (Q x K mesh)",
    paper: "Enberg, Rao, Tarkoma, ENCP'19 section 3.3",
    fidelity: "the paper's design on the host's CPU (native XDP); no offload to a programmable NIC, \
               which the paper proposes and does not evaluate",
    ios: &[Io::AfXdp],
    io_reason: "its XDP program redirects requests into AF_XDP sockets, so there is no kernel \
                socket that could receive them",
    wakeups: Traits::EVERY_WAKEUP,
    default_wakeup: Some(Wakeup::Eventfd),
    kernel_table: true,
    needs_xdp: true,
    moves_slots: true,
    multi_key: MultiKey::EVERY_WAY,
    xdp_options: true,
    spreads_hot_keys: true,
    ..Traits::SERVER
};
