//! `sphinx`: the arrival core hands each request to its owner.

use super::traits::Traits;
use super::{MultiKey, Wakeup};

pub(super) const TRAITS: Traits = Traits {
    name: "sphinx",
    summary: "software steering: the arrival core parses, hands off over SPSC rings, wakes the owner",
    paper: "Enberg, Rao, Tarkoma, ANCS'19 (ref. 7 of ENCP'19)",
    fidelity: "thread per core, SPSC rings K x K, eventfd elided when the owner is awake; over UDP \
               the frame itself is handed over and its owner replies, so that nothing goes back \
               (Sphinx sends each command back; here only TCP does)",
    wakeups: Traits::EVERY_WAKEUP,
    default_wakeup: Some(Wakeup::Eventfd),
    queue_per_owner: true,
    moves_slots: true,
    multi_key: MultiKey::WITHIN_THE_SERVER,
    ..Traits::SERVER
};
