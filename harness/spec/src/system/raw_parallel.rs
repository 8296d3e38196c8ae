//! `raw_parallel`: several packet sockets on each device.

use super::traits::Traits;

pub(super) const TRAITS: Traits = Traits {
    name: "raw_parallel",
    summary: "threads with raw sockets of their own, each of which gets every frame unless filters divide them",
    paper: "several raw sockets in parallel: Marian, Lee, Weatherspoon, ANCS'12, section 2",
    fidelity: "as there; `filters: true` (the default, and the better one) has the kernel run a disjoint filter for each \
               socket, `filters: false` a copy of each frame for each socket",
    filters: true,
    divides_frames: true,
    ..Traits::FORWARDER
};
