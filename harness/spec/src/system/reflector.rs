//! `reflector`: the instrument's own floor.

use super::Io;
use super::traits::Traits;

pub(super) const TRAITS: Traits = Traits {
    name: "reflector",
    summary: "an XDP program sends each request straight back",
    paper: "the instrument's own floor, measured in every run over veth (label floor)",
    fidelity: "no server: XDP_TX in the driver, the same client, wire and queues",
    ios: &[Io::AfXdp],
    io_reason: "it is an XDP program and nothing else",
    wakeups: &[],
    service_refusal: Some("it executes nothing"),
    drain_refusal: Some("serves inside NAPI, where nothing can be held"),
    fixed_owners: Some(0),
    needs_xdp: true,
    engines: &[],
    engine_reason: "reflector keeps nothing",
    encryption_refusal: Some("it sends back what comes, and opens nothing"),
    ..Traits::SERVER
};
