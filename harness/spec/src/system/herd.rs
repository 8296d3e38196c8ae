//! `herd`: clients write requests into memory that the owner of the key polls.

use super::traits::Traits;
use super::{Engine, Io};

pub(super) const TRAITS: Traits = Traits {
    name: "herd",
    summary: "clients write each request into a memory region that the owner of its key polls",
    paper: "Kalia, Kaminsky, Andersen, SIGCOMM'14 (HERD); ENCP'19, section 5",
    fidelity: "shared memory stands in for RDMA writes, so no network is in its results: they have the \
               topology and fidelity `memory`, and compare with no other system's; owners are threads (HERD has \
               processes) that poll their regions every 20 us, or without pause when wakeup is spin; replies go into \
               the slot of the request (HERD sends datagrams); requests are memcached's",
    ios: &[Io::Memory],
    io_reason: "its clients write requests into its memory",
    engines: &[Engine::Slab],
    engine_reason: "it is compiled with one engine",
    drain_refusal: Some(
        "its requests wait in the client's regions, which hold 1024 for each owner",
    ),
    moves_slots: true,
    encryption_refusal: Some(
        "its clients write to whom the hash of the key names, and nothing on the way could read it",
    ),
    ..Traits::SERVER
};
