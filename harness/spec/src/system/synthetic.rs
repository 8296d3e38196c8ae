//! `synthetic`: the ground truth of the instrument.

use super::Wakeup;
use super::traits::Traits;

pub(super) const TRAITS: Traits = Traits {
    name: "synthetic",
    summary: "no store; holds each reply until a seeded virtual departure time",
    paper: "Lindley 1952; Kiefer, Wolfowitz 1955 (the recursions that it follows)",
    fidelity: "the I/O path, the worker loop and the frames of the other systems; service takes no \
               CPU, so that virtual servers need none",
    default_wakeup: Some(Wakeup::Spin),
    drain_refusal: Some("holds replies until times of its own"),
    // One thread keeps the order of arrivals.
    fixed_owners: Some(1),
    is_virtual: true,
    engines: &[],
    engine_reason: "synthetic keeps nothing",
    encryption_refusal: Some("it has no store whose owner a token could name"),
    ..Traits::SERVER
};
