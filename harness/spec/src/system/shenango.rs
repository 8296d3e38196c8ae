//! `shenango`: one core steers and allocates cores by queueing delay.

use super::traits::Traits;
use super::{Engine, Io};

pub(super) const TRAITS: Traits = Traits {
    name: "shenango",
    summary: "one core polls, steers in software or by XDP, and grants owners cores by queueing delay",
    paper: "Ousterhout et al., NSDI'19 (Shenango); ENCP'19, section 5",
    fidelity: "a core of its own polls all queues and looks every 5 us which request has waited since \
               the last look; it wakes that owner, which sleeps again when it finds nothing. Steering is by \
               key to the partition's owner (Shenango steers by flow to any core of an application, \
               and moves packets and threads between cores); each owner has a home core, shared in slices \
               where cores are too few (Shenango grants any free one, to one of many applications); with \
               steering: xdp the owners' rings are filled by XDP and the dispatcher sleeps between looks",
    ios: &[Io::AfXdp],
    io_reason: "its dispatcher polls the receive rings of all queues",
    engines: &[Engine::Slab],
    engine_reason: "it is compiled with one engine",
    wakeups: &[],
    drain_refusal: Some(
        "its cores are granted as requests arrive, and in a drain all have arrived",
    ),
    dispatcher: true,
    needs_xdp: true,
    encryption_refusal: Some("its dispatcher reads the key to find the owner"),
    ..Traits::SERVER
};
