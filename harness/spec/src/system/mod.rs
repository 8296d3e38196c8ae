//! The systems under test: the `systems` section.
//!
//! A system is a complete design from a paper, of a server or of what forwards frames. Here stands only what a spec may say about
//! it and which combinations exist, one file a system; the designs themselves are in the store's
//! crate.

mod clusters;
mod dispatch_threads;
mod encryption;
pub(crate) mod entry;
mod flow_hash;
mod herd;
mod io;
mod isolation;
mod kernel_forward;
mod kernel_ipsec;
mod kind;
mod kv_direct;
mod limits;
mod memcached;
mod mica_crcw;
mod mica_crew;
mod mica_erew;
mod minos;
mod multi_key;
mod netcache;
mod netslice;
mod packet_mmap_v3;
mod pcap;
mod pcap_mmap;
mod placement;
mod programmable_rss;
mod raw_parallel;
mod raw_socket;
mod reflector;
mod response_cache;
mod reuseport_ebpf;
mod routing;
mod rss_shared;
mod seastar;
mod shared_something;
mod shenango;
mod sphinx;
mod steer_by;
mod steerer;
mod synthetic;
mod traits;
mod xdp;
mod xdp_cpumap;
mod xdp_forward;
mod xdp_posix;
mod xdp_steered;

pub use clusters::{Clusters, Domain};
pub use encryption::Encryption;
pub use flow_hash::FlowHash;
pub use io::Io;
pub use isolation::Isolation;
pub use kind::SystemKind;
pub use limits::Limits;
pub use multi_key::MultiKey;
pub use netcache::{Cache, CachePlace};
pub use placement::PeerPlacement;
pub use response_cache::ResponseCache;
pub use routing::Routing;
pub use steer_by::SteerBy;
pub use steerer::Steerer;
pub use xdp::{Xdp, XdpMode};

use garde::Validate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::service::Service;
use crate::units::{Bytes, Duration};

/// What keeps a server's items.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Engine {
    /// Size classes behind an exact index, as memcached has them.
    Slab,
    /// A circular log behind a lossy index, as MICA has them.
    Log,
}

impl Engine {
    /// The name that the spec uses.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Slab => "slab",
            Self::Log => "log",
        }
    }
}

/// How a thread learns that another one handed it a request.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Wakeup {
    /// One eventfd write per handoff to a sleeping owner.
    Eventfd,
    /// The owner polls and is never woken.
    Spin,
    /// One eventfd write per batch.
    Batched,
}

impl Wakeup {
    /// The name that the spec uses.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Eventfd => "eventfd",
            Self::Spin => "spin",
            Self::Batched => "batched",
        }
    }
}

/// One entry of `systems`, with the options that some system has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Validate, JsonSchema)]
#[serde(deny_unknown_fields, rename = "System")]
pub struct SystemSpec {
    /// The system.
    #[garde(skip)]
    pub system: SystemKind,
    /// Its name in this spec, so that a system can appear twice. Default: the system's name.
    #[garde(inner(custom(crate::rules::label)))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Its packet I/O. Default: `udp` where it runs on kernel sockets.
    #[garde(skip)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub io: Option<Io>,
    /// Threads that own partitions, or serve all of them. Default: one per queue.
    #[garde(inner(range(min = 1, max = 64)))]
    #[schemars(range(min = 1, max = 64))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owners: Option<u16>,
    /// How owners are woken. Default: the system's own way.
    #[garde(skip)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wakeup: Option<Wakeup>,
    /// What keeps its items. Default: `slab`, but for the systems from MICA `log`.
    #[garde(skip)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub engine: Option<Engine>,
    /// Bound of the store, all owners together. Default: 256 MiB.
    #[garde(inner(custom(crate::rules::memory)))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<Bytes>,
    /// Injected service time, in place of `workload.service`.
    #[garde(inner(custom(crate::rules::service)))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<Service>,
    /// Virtual servers of `synthetic`, one queue for all. Default: 1.
    #[garde(inner(range(min = 1, max = 64)))]
    #[schemars(range(min = 1, max = 64))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub servers: Option<u16>,
    /// Clusters that the owners of `shared_something` form: a number, `llc` or `numa`. Default: `llc`.
    #[garde(skip)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clusters: Option<Clusters>,
    /// Owners, the last ones, that serve large requests of `minos`. Default: 1.
    #[garde(inner(range(min = 1, max = 63)))]
    #[schemars(range(min = 1, max = 63))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub large_owners: Option<u16>,
    /// How often slots of the partition table move by the load that was observed. Default: never.
    #[garde(inner(custom(crate::rules::phase)))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rebalance: Option<Duration>,
    /// The flow's hash of `programmable_rss`. Default: `mix`.
    #[garde(skip)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flow_hash: Option<FlowHash>,
    /// Encrypts requests and replies, and steers by a token of the key. Default: they are in the clear.
    #[garde(skip)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encryption: Option<Encryption>,
    /// What steers calls of `workload.protocol: rpc`: `function`, `range` (each owner has a range of keys), or
    /// `{argument: N}`, 0 being the tenant and 1 the key. Default: `{argument: 1}`.
    #[garde(skip)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub steer_by: Option<SteerBy>,
    /// The system behind `netcache`. Default: `xdp_steered`.
    #[garde(skip)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub behind: Option<SystemKind>,
    /// Items that `netcache` holds. Default: 1000.
    #[garde(inner(custom(crate::rules::cache_entries)))]
    #[schemars(range(min = 1, max = 65_536))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_entries: Option<u32>,
    /// Where the cache of `netcache` is. Default: `server`.
    #[garde(skip)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<CachePlace>,
    /// How a get of several keys is served. Default: `handoff`.
    #[garde(skip)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub multi_key: Option<MultiKey>,
    /// What the program of `xdp_steered` does beside steering. Default: nothing.
    #[garde(dive)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub xdp: Option<Xdp>,
    /// Who steers requests to the owners of `shenango`. Default: `software`.
    #[garde(skip)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub steering: Option<Steerer>,
    /// Keys of `xdp_steered`, the hottest ones, whose gets are spread over all owners. Default: none.
    #[garde(inner(range(min = 1, max = 256)))]
    #[schemars(range(min = 1, max = 256))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hot_keys: Option<u16>,
    /// Frames that a slice of `netslice` receives or sends at a time, at most. Default: 64.
    #[garde(inner(range(min = 1, max = 256)))]
    #[schemars(range(min = 1, max = 256))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch: Option<u16>,
    /// Where the application's CPU of a slice of `netslice` is, seen from the kernel's. Default: `nearest`.
    #[garde(skip)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub placement: Option<PeerPlacement>,
    /// Whether filters divide frames among the sockets of `raw_parallel`. Default: yes.
    #[garde(skip)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filters: Option<bool>,
    /// Whether frames that a packet socket sends pass the device's queueing discipline by, which NetSlices' rivals could not
    /// (Linux 3.14 brought it). Default: yes for `packet_mmap_v3`, else no.
    #[garde(skip)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub qdisc_bypass: Option<bool>,
    /// What the slices of `netslice` are: threads of one process, or a process each. Default: `thread`.
    #[garde(skip)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub isolation: Option<Isolation>,
    /// Who looks up where the frames of `netslice` go, with `processor: router`. Default: `mirror`.
    #[garde(skip)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub routing: Option<Routing>,
    /// A cache in XDP of the responses to expensive calls. Default: none.
    #[garde(dive)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response_cache: Option<ResponseCache>,
}

/// A system with nothing left to choose.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "ResolvedSystem")]
pub struct System {
    /// The system.
    pub system: SystemKind,
    /// Its name in the spec.
    pub label: String,
    /// Its packet I/O.
    pub io: Io,
    /// Threads that own partitions, or serve all of them.
    pub owners: u16,
    /// How owners are woken; none where threads hand nothing over and sleep until packets come.
    pub wakeup: Option<Wakeup>,
    /// What keeps its items; none stands for `slab`, and for systems without a store of this project's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub engine: Option<Engine>,
    /// Bound of the store, all owners together; 0 where there is none, as what forwards frames has none.
    #[serde(default = "no_store", skip_serializing_if = "is_no_store")]
    pub memory: Bytes,
    /// Injected service time of a key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<Service>,
    /// Virtual servers, where it has such.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub servers: Option<u16>,
    /// How its owners form clusters, where they do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clusters: Option<Clusters>,
    /// Of the owners those that serve large requests, where there are such.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub large_owners: Option<u16>,
    /// How often slots of the partition table move by the load that was observed, if ever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rebalance: Option<Duration>,
    /// The flow's hash, where a program of its own computes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flow_hash: Option<FlowHash>,
    /// How requests and replies are encrypted, where they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encryption: Option<Encryption>,
    /// What steers calls; none stands for the key, and for systems and workloads without such.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub steer_by: Option<SteerBy>,
    /// The cache in front of the system that serves, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache: Option<Cache>,
    /// How a get of several keys is served; none stands for `handoff`, and for systems whose keys have
    /// no one owner.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub multi_key: Option<MultiKey>,
    /// What its XDP program does beside steering.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub xdp: Option<Xdp>,
    /// Who steers, where a dispatcher may.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub steering: Option<Steerer>,
    /// Keys, the hottest ones, whose gets are spread over all owners, where some are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hot_keys: Option<u16>,
    /// Frames that a slice receives or sends at a time, at most, where that can be chosen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch: Option<u16>,
    /// Where the application's CPUs are, seen from the kernel's, where that can be chosen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub placement: Option<PeerPlacement>,
    /// Whether filters divide frames among its sockets, where they can.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filters: Option<bool>,
    /// Whether frames that its packet sockets send pass the device's queueing discipline by, where it has such sockets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub qdisc_bypass: Option<bool>,
    /// What its slices are to each other; none stands for threads of one process, and for systems without slices.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub isolation: Option<Isolation>,
    /// Who looks routes up, where that can be chosen; none stands for `mirror`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub routing: Option<Routing>,
    /// The cache of responses in front of it, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response_cache: Option<ResponseCache>,
}

const fn no_store() -> Bytes {
    Bytes(0)
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn is_no_store(memory: &Bytes) -> bool {
    *memory == no_store()
}

impl System {
    /// The system that serves: itself, or the one behind its cache.
    #[must_use]
    pub fn serving(&self) -> SystemKind {
        self.cache.map_or(self.system, |cache| cache.behind)
    }

    /// Whether nothing is switched on that would change how it steers or serves: it is what its paper describes.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        let plain_program = self
            .xdp
            .is_none_or(|xdp| !xdp.hash_reuse && !xdp.multi_buffer && xdp.cost.is_none());
        let by_software = self.steering.is_none_or(|by| by == Steerer::Software);
        plain_program
            && by_software
            && self.multi_key.is_none()
            && self.steer_by.is_none()
            && self.rebalance.is_none()
            && self.encryption.is_none()
            && self.hot_keys.is_none()
            && self.response_cache.is_none()
            && !self.is_isolated()
    }

    /// Whether each of its slices is a process of its own.
    #[must_use]
    pub fn is_isolated(&self) -> bool {
        self.isolation == Some(Isolation::Process)
    }

    /// Whether a cache of items or of responses answers some requests before they reach it.
    #[must_use]
    pub const fn answered_in_path(&self) -> bool {
        self.cache.is_some() || self.response_cache.is_some()
    }

    /// Whether requests and replies pass a switch, which has the cache.
    #[must_use]
    pub fn switched(&self) -> bool {
        self.cache
            .is_some_and(|cache| cache.at == CachePlace::Switch)
    }
}

impl SystemSpec {
    /// The bound of the store when the spec names none. Less than 16 MiB a stripe would leave
    /// `rss_shared` few locks, and overstate how often its threads wait for one another.
    pub const DEFAULT_MEMORY: Bytes = Bytes(256 << 20);
    /// Frames at a time when the spec names no batch.
    pub const DEFAULT_BATCH: u16 = 64;

    /// The label, written or by default.
    #[must_use]
    pub fn label(&self) -> &str {
        self.label.as_deref().unwrap_or(self.system.name())
    }

    /// The packet I/O, written or by default.
    #[must_use]
    pub fn io(&self) -> Io {
        self.io.unwrap_or(self.system.ios()[0])
    }

    /// The system that serves: itself, or the one behind its cache.
    #[must_use]
    pub fn serving(&self) -> SystemKind {
        match self.system.caches() {
            true => self.behind.unwrap_or(Cache::DEFAULT_BEHIND),
            false => self.system,
        }
    }

    /// Whether requests pass a switch on their way, written or by default.
    #[must_use]
    pub fn switched(&self) -> bool {
        self.system.caches() && self.at == Some(CachePlace::Switch)
    }

    /// What keeps its items, written or by default; none where there is no choice to write down.
    #[must_use]
    pub fn engine(&self) -> Option<Engine> {
        self.engine.or(self.system.engines().first().copied())
    }

    /// How a get of several keys is served, written or by default; none where there is no choice.
    #[must_use]
    pub fn multi_key(&self) -> Option<MultiKey> {
        self.multi_key
            .or(self.system.multi_key_ways().first().copied())
    }

    /// The system with its defaults filled in; `queues` is the default number of owners, `service`
    /// the workload's service time.
    #[must_use]
    pub fn resolve(&self, queues: u16, service: Option<Service>) -> System {
        System {
            system: self.system,
            label: self.label().to_owned(),
            io: self.io(),
            owners: (self.system.fixed_owners())
                .or(self.owners)
                .unwrap_or(queues),
            wakeup: self.wakeup.or(self.serving().default_wakeup()),
            engine: self.engine().filter(|engine| *engine != Engine::Slab),
            memory: match self.system.forwards() {
                true => no_store(),
                false => self.memory.unwrap_or(Self::DEFAULT_MEMORY),
            },
            service: self.service.or(service),
            servers: (self.system.is_virtual()).then(|| self.servers.unwrap_or(1)),
            clusters: (self.system.has_clusters())
                .then(|| self.clusters.unwrap_or(Clusters::DEFAULT)),
            large_owners: (self.system.has_large_owners()).then(|| self.large_owners.unwrap_or(1)),
            rebalance: self.rebalance,
            flow_hash: (self.system.hashes_flows())
                .then(|| self.flow_hash.unwrap_or(FlowHash::Mix)),
            encryption: self.encryption,
            steer_by: self.steer_by,
            cache: (self.system.caches()).then(|| Cache {
                behind: self.serving(),
                entries: self.cache_entries.unwrap_or(Cache::DEFAULT_ENTRIES),
                at: self.at.unwrap_or_default(),
            }),
            multi_key: (self.multi_key()).filter(|way| *way != MultiKey::Handoff),
            xdp: self.xdp.and_then(Xdp::resolve),
            steering: (self.system.has_dispatcher())
                .then(|| self.steering.unwrap_or(Steerer::DEFAULT)),
            hot_keys: self.hot_keys,
            batch: (self.system.has_batches()).then(|| self.batch.unwrap_or(Self::DEFAULT_BATCH)),
            placement: (self.system.has_placement()).then(|| self.placement.unwrap_or_default()),
            filters: (self.system.has_filters()).then(|| self.filters.unwrap_or(true)),
            qdisc_bypass: (self.system.default_qdisc_bypass())
                .map(|default| self.qdisc_bypass.unwrap_or(default)),
            isolation: self.isolation.filter(|way| *way != Isolation::Thread),
            routing: self.routing.filter(|by| *by != Routing::Mirror),
            response_cache: self.response_cache.map(ResponseCache::resolve),
        }
    }
}
