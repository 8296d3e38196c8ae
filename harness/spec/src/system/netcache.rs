//! `netcache`: a cache in the path of another system.

use serde::{Deserialize, Serialize};

use super::traits::Traits;
use super::{Io, SystemKind};

pub(super) const TRAITS: Traits = Traits {
    name: "netcache",
    summary: "a cache in XDP in front of a server: hot keys found by a sketch, writes go through",
    paper: "Jin et al., NetCache, SOSP'17",
    fidelity: "XDP on the server's device, where a programmable NIC would be, stands in for the paper's \
               switch, and costs CPU time of the NAPI threads; sketch, filter, threshold and eviction \
               as there, intervals of 100 ms for its second; the controller reads a written key anew \
               where there the server sends it; get of one key in ASCII, up to 64 and 192 B",
    ios: &[Io::AfXdp],
    io_reason: "the cache hands what it does not hold to the XDP program of the system behind it",
    drain_refusal: Some("answers inside NAPI what it holds, where nothing can be held back"),
    caches: true,
    needs_xdp: true,
    encryption_refusal: Some("a cache in the path reads keys and values"),
    ..Traits::SERVER
};

/// The cache of `netcache`, with nothing left to choose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Cache {
    /// The system that serves what is not in the cache.
    pub behind: SystemKind,
    /// Items that it holds.
    pub entries: u32,
}

impl Cache {
    /// A tenth of the paper's 10 000 items: the keys of a spec are fewer, too.
    pub const DEFAULT_ENTRIES: u32 = 1_000;
    /// The system behind it where the spec names none.
    pub const DEFAULT_BEHIND: SystemKind = SystemKind::XdpSteered;
    /// Systems that can stand behind it: ours, over AF_XDP, on one port.
    pub const BEHIND: [SystemKind; 4] = [
        SystemKind::XdpSteered,
        SystemKind::Sphinx,
        SystemKind::Seastar,
        SystemKind::RssShared,
    ];
}
