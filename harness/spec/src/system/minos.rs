//! `minos`: small and large requests on disjoint cores.

use super::traits::Traits;
use super::{Io, Wakeup};

pub(super) const TRAITS: Traits = Traits {
    name: "minos",
    summary: "small and large requests are served by different cores; the threshold adapts",
    paper: "Didona, Zwaenepoel, NSDI'19 (Minos)",
    fidelity: "size-aware sharding: small cores read all queues, look the item up, and hand what is \
               above the 99th percentile of sizes to large cores (so that they look a get up twice); the store is that of rss_shared \
               (Minos has MICA's), the numbers of small and large cores are the spec's (Minos moves \
               cores between the two), and owners sleep unless wakeup is spin (Minos polls)",
    ios: &[Io::AfXdp],
    io_reason: "its small cores read every receive queue, which kernel sockets do not offer",
    wakeups: Traits::EVERY_WAKEUP,
    default_wakeup: Some(Wakeup::Eventfd),
    large_owners: true,
    needs_xdp: true,
    encryption_refusal: Some("it steers by size, of which a token says nothing"),
    ..Traits::SERVER
};
