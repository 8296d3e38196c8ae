//! `packet_mmap_v3`: packet sockets with rings in both directions and fanout.

use super::traits::Traits;

pub(super) const TRAITS: Traits = Traits {
    name: "packet_mmap_v3",
    summary: "threads with rings in both directions (TPACKET_V3), each frame given to one of them by PACKET_FANOUT",
    paper: "what one would pick today among packet sockets; Marian, Lee, Weatherspoon, ANCS'12 left it out (section 4)",
    fidelity: "its best configuration here: fanout by the flow's hash, no queueing discipline, frames copied at once when they are \
               sent, blocks given away after 1 ms at the latest, so that a lone frame waits for as long",
    divides_frames: true,
    qdisc_bypass: true,
    ..Traits::FORWARDER
};
