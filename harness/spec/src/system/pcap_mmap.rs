//! `pcap_mmap`: a packet socket with a receive ring.

use super::traits::Traits;
use crate::traffic::ProcessorKind;

pub(super) const TRAITS: Traits = Traits {
    name: "pcap_mmap",
    summary: "one thread, a receive ring shared with the kernel (TPACKET_V2) on each device, `send`",
    paper: "pcap over PACKET_MMAP in Marian, Lee, Weatherspoon, ANCS'12, section 4",
    fidelity: "as there: no transmit ring, no fanout; rings of 16 MiB, where the paper had 1.93 GB",
    fixed_owners: Some(1),
    // Its filter lets in nothing but IP.
    processors: &ProcessorKind::OF_IP,
    ..Traits::FORWARDER
};
