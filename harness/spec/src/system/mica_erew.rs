//! `mica_erew`: the client addresses the partition.

use super::traits::Traits;

pub(super) const TRAITS: Traits = Traits {
    name: "mica_erew",
    summary: "the client computes the partition and addresses it by UDP port",
    paper: "Lim, Han, Andersen, Kaminsky, NSDI'14 (MICA, EREW mode)",
    fidelity: "MICA's addressing and exclusive partitions; memcached's protocol and this project's \
               engine instead of MICA's binary protocol, log and lossy index",
    moves_slots: true,
    ..Traits::SERVER
};
