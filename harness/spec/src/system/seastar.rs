//! `seastar`: software steering between polling threads.

use super::traits::Traits;
use super::{MultiKey, Wakeup};

pub(super) const TRAITS: Traits = Traits {
    name: "seastar",
    summary: "software steering without wakeups: threads poll, messages travel in batches",
    paper: "ENCP'19 table 1; seastar.io",
    fidelity: "polling and batched inter-core queues as in Seastar; neither its user-space TCP \
               stack nor its scheduler is modelled",
    default_wakeup: Some(Wakeup::Spin),
    queue_per_owner: true,
    moves_slots: true,
    multi_key: MultiKey::WITHIN_THE_SERVER,
    ..Traits::SERVER
};
