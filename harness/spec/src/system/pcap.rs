//! `pcap`: a packet socket as libpcap drives it without a ring.

use super::traits::Traits;
use crate::traffic::ProcessorKind;

pub(super) const TRAITS: Traits = Traits {
    name: "pcap",
    summary: "one thread, a packet socket with a filter on each device, as libpcap drives it without a ring",
    paper: "pcap in Marian, Lee, Weatherspoon, ANCS'12, section 4",
    fidelity: "the calls of libpcap as it was then, made by ourselves: a filter with a snap length, a call to receive \
               each frame with its sender, `send`",
    fixed_owners: Some(1),
    // Its filter lets in nothing but IP.
    processors: &ProcessorKind::OF_IP,
    ..Traits::FORWARDER
};
