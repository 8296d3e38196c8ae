//! `shared_something`: keys belong to clusters of cores.

use super::traits::Traits;
use super::{Engine, Io};

pub(super) const TRAITS: Traits = Traits {
    name: "shared_something",
    summary: "XDP steers by key to a cluster of cores, which share one store with striped locks",
    paper: "Enberg, Rao, Tarkoma, ENCP'19 section 4 (shared-something, not evaluated there)",
    fidelity: "clusters by last-level cache, NUMA node or number; XDP chooses the cluster by key, \
               its core by receive queue; within a cluster the store of rss_shared, whose locks stand in for \
               the lock-free structures that the paper thinks of",
    ios: &[Io::AfXdp],
    io_reason: "its XDP program redirects requests into AF_XDP sockets, so there is no kernel \
                socket that could receive them",
    clusters: true,
    needs_xdp: true,
    engines: &[Engine::Slab],
    engine_reason: "a cluster shares the store of rss_shared in its usual form",
    encryption_refusal: Some("its XDP program finds the cluster by the key itself"),
    ..Traits::SERVER
};
