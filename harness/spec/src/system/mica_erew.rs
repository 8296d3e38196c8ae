//! `mica_erew`: the client addresses the partition.

use super::traits::Traits;
use super::{Engine, MultiKey};

/// What all modes of MICA share.
pub(super) const MICA: Traits = Traits {
    engines: &[Engine::Log],
    engine_reason: "others than the writer read, which only the log's versions allow",
    encryption_refusal: Some(
        "its clients choose the port themselves, so that a token has nothing to steer",
    ),
    ..Traits::SERVER
};

pub(super) const TRAITS: Traits = Traits {
    name: "mica_erew",
    summary: "the client computes the partition and addresses it by UDP port",
    paper: "Lim, Han, Andersen, Kaminsky, NSDI'14 (MICA, EREW mode)",
    fidelity: "MICA's addressing, exclusive partitions, circular log and lossy index; memcached's \
               protocol and its attributes of items instead of MICA's binary protocol, so that an \
               item's header is 32 bytes for 24; requests are served one by one, without MICA's \
               batched prefetch",
    engines: &[Engine::Log, Engine::Slab],
    moves_slots: true,
    multi_key: MultiKey::BY_FIRST_KEY,
    ..MICA
};
