//! How an entry of `systems` is written: as a name, or as a mapping with the options of that system.

use std::fmt;

use schemars::JsonSchema;
use serde::de::{self, MapAccess, Visitor, value::MapAccessDeserializer};
use serde::{Deserialize, Deserializer};

use super::{
    CachePlace, Clusters, Encryption, Engine, FlowHash, Io, MultiKey, PeerPlacement, ResponseCache,
    Routing, SteerBy, Steerer, SystemKind, SystemSpec, Wakeup, Xdp,
};
use crate::service::Service;
use crate::units::{Bytes, Duration};

/// The mapping form of an entry: what [`SystemSpec`] is read from.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename = "System")]
struct Details {
    /// The system.
    system: SystemKind,
    /// Its name in this spec, so that a system can appear twice. Default: the system's name.
    #[serde(default)]
    label: Option<String>,
    /// Its packet I/O. Default: `udp` where it runs on kernel sockets.
    #[serde(default)]
    io: Option<Io>,
    /// Threads that own partitions, or serve all of them. Default: one per queue.
    #[serde(default)]
    #[schemars(range(min = 1, max = 64))]
    owners: Option<u16>,
    /// How owners are woken. Default: the system's own way.
    #[serde(default)]
    wakeup: Option<Wakeup>,
    /// What keeps its items. Default: `slab`, but for the systems from MICA `log`.
    #[serde(default)]
    engine: Option<Engine>,
    /// Bound of the store, all owners together. Default: 256 MiB.
    #[serde(default)]
    memory: Option<Bytes>,
    /// Injected service time, in place of `workload.service`.
    #[serde(default)]
    service: Option<Service>,
    /// Virtual servers of `synthetic`, one queue for all. Default: 1.
    #[serde(default)]
    #[schemars(range(min = 1, max = 64))]
    servers: Option<u16>,
    /// Clusters that the owners of `shared_something` form: a number, `llc` or `numa`. Default: `llc`.
    #[serde(default)]
    clusters: Option<Clusters>,
    /// Owners, the last ones, that serve large requests of `minos`. Default: 1.
    #[serde(default)]
    #[schemars(range(min = 1, max = 63))]
    large_owners: Option<u16>,
    /// How often slots of the partition table move by the load that was observed. Default: never.
    #[serde(default)]
    rebalance: Option<Duration>,
    /// The flow's hash of `programmable_rss`. Default: `mix`.
    #[serde(default)]
    flow_hash: Option<FlowHash>,
    /// Encrypts requests and replies, and steers by a token of the key. Default: they are in the clear.
    #[serde(default)]
    encryption: Option<Encryption>,
    /// What steers calls of `workload.protocol: rpc`: `function`, `range` (each owner has a range of keys), or
    /// `{argument: N}`, 0 being the tenant and 1 the key. Default: `{argument: 1}`.
    #[serde(default)]
    steer_by: Option<SteerBy>,
    /// The system behind `netcache`. Default: `xdp_steered`.
    #[serde(default)]
    behind: Option<SystemKind>,
    /// Items that `netcache` holds. Default: 1000.
    #[serde(default)]
    #[schemars(range(min = 1, max = 65_536))]
    cache_entries: Option<u32>,
    /// Where the cache of `netcache` is. Default: `server`.
    #[serde(default)]
    at: Option<CachePlace>,
    /// How a get of several keys is served. Default: `handoff`.
    #[serde(default)]
    multi_key: Option<MultiKey>,
    /// What the program of `xdp_steered` does beside steering. Default: nothing.
    #[serde(default)]
    xdp: Option<Xdp>,
    /// Who steers requests to the owners of `shenango`. Default: `software`.
    #[serde(default)]
    steering: Option<Steerer>,
    /// Keys of `xdp_steered`, the hottest ones, whose gets are spread over all owners. Default: none.
    #[serde(default)]
    #[schemars(range(min = 1, max = 256))]
    hot_keys: Option<u16>,
    /// Frames that a slice of `netslice` receives or sends at a time, at most. Default: 64.
    #[serde(default)]
    #[schemars(range(min = 1, max = 256))]
    batch: Option<u16>,
    /// Where the application's CPU of a slice of `netslice` is, seen from the kernel's. Default: `nearest`.
    #[serde(default)]
    placement: Option<PeerPlacement>,
    /// Whether filters divide frames among the sockets of `raw_parallel`. Default: yes.
    #[serde(default)]
    filters: Option<bool>,
    /// Who looks up where the frames of `netslice` go, with `processor: router`. Default: `mirror`.
    #[serde(default)]
    routing: Option<Routing>,
    /// A cache in XDP of the responses to expensive calls. Default: none.
    #[serde(default)]
    response_cache: Option<ResponseCache>,
}

/// Either form, for the schema.
#[derive(JsonSchema)]
#[schemars(untagged)]
#[expect(
    dead_code,
    reason = "describes the two written forms to the JSON schema only"
)]
enum Entry {
    /// The system's name.
    Name(SystemKind),
    /// The system with details.
    Details(Box<Details>),
}

impl JsonSchema for SystemSpec {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "SystemEntry".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        Entry::json_schema(generator)
    }
}

impl From<Details> for SystemSpec {
    fn from(details: Details) -> Self {
        let Details {
            system,
            label,
            io,
            owners,
            wakeup,
            engine,
            memory,
            service,
            servers,
            clusters,
            large_owners,
            rebalance,
            flow_hash,
            encryption,
            steer_by,
            behind,
            cache_entries,
            at,
            multi_key,
            xdp,
            steering,
            hot_keys,
            batch,
            placement,
            filters,
            routing,
            response_cache,
        } = details;
        Self {
            system,
            label,
            io,
            owners,
            wakeup,
            engine,
            memory,
            service,
            servers,
            clusters,
            large_owners,
            rebalance,
            flow_hash,
            encryption,
            steer_by,
            behind,
            cache_entries,
            at,
            multi_key,
            xdp,
            steering,
            hot_keys,
            batch,
            placement,
            filters,
            routing,
            response_cache,
        }
    }
}

impl SystemSpec {
    /// The entry with every default written out. How many threads forward frames stays open, for they follow the
    /// queues, which may be swept.
    pub(crate) fn resolved(&self, queues: u16, service: Option<Service>) -> Self {
        let (engine, multi_key) = (self.engine(), self.multi_key());
        let resolved = self.resolve(queues, service);
        let kind = resolved.system;
        let fixed = kind.fixed_owners().is_some();
        Self {
            system: kind,
            label: Some(resolved.label),
            io: Some(resolved.io),
            owners: match kind.forwards() {
                true => self.owners,
                false => (!fixed).then_some(resolved.owners),
            },
            wakeup: resolved.wakeup,
            engine,
            memory: (!kind.forwards()).then_some(resolved.memory),
            service: resolved.service,
            servers: resolved.servers,
            clusters: resolved.clusters,
            large_owners: resolved.large_owners,
            rebalance: resolved.rebalance,
            flow_hash: resolved.flow_hash,
            encryption: resolved.encryption,
            steer_by: resolved.steer_by,
            behind: resolved.cache.map(|cache| cache.behind),
            cache_entries: resolved.cache.map(|cache| cache.entries),
            at: resolved.cache.map(|cache| cache.at),
            multi_key,
            xdp: resolved.xdp,
            steering: resolved.steering,
            hot_keys: resolved.hot_keys,
            batch: resolved.batch,
            placement: resolved.placement,
            filters: resolved.filters,
            routing: resolved.routing,
            response_cache: resolved.response_cache,
        }
    }
}

impl<'de> Deserialize<'de> for SystemSpec {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(EntryVisitor)
    }
}

struct EntryVisitor;

impl<'de> Visitor<'de> for EntryVisitor {
    type Value = SystemSpec;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a system's name, or a mapping with `system: NAME`")
    }

    fn visit_str<E: de::Error>(self, name: &str) -> Result<SystemSpec, E> {
        let system = SystemKind::deserialize(de::value::StrDeserializer::<E>::new(name))?;
        Ok(SystemSpec::of(system))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<SystemSpec, A::Error> {
        Details::deserialize(MapAccessDeserializer::new(map)).map(SystemSpec::from)
    }
}
