//! `netcache`: a cache in the path of another system.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::traits::Traits;
use super::{Io, SystemKind};

pub(super) const TRAITS: Traits = Traits {
    name: "netcache",
    summary: "a cache in XDP in front of a server: hot keys found by a sketch, writes go through",
    paper: "Jin et al., NetCache, SOSP'17",
    fidelity: "XDP stands in for the paper's switch ASIC, and costs CPU time of NAPI threads: on the server's \
               device, where a programmable NIC would be (`at: server`), or on a switch of its own, in the path of \
               requests and replies (`at: switch`); sketch, filter, threshold and eviction as there, intervals of \
               100 ms for its second; the controller is a thread of the server, whose memory and maps stand in \
               for the messages between switch and servers' agents, and it reads a written key anew where there \
               the server sends it; get of one key in ASCII, up to 64 and 192 B",
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
    /// Where it is.
    #[serde(default, skip_serializing_if = "CachePlace::is_default")]
    pub at: CachePlace,
}

/// Where the cache of `netcache` is.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum CachePlace {
    /// On the server's device, in front of its steering program.
    #[default]
    Server,
    /// On a switch between client and server, a host of its own that requests and replies pass.
    Switch,
}

impl CachePlace {
    const fn is_default(&self) -> bool {
        matches!(self, Self::Server)
    }

    /// The name that the spec uses.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::Switch => "switch",
        }
    }
}

impl fmt::Display for CachePlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
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
