//! How an entry of `systems` is written: as a name, or as a mapping with the options of that system.

use std::fmt;

use schemars::JsonSchema;
use serde::de::{self, MapAccess, Visitor, value::MapAccessDeserializer};
use serde::{Deserialize, Deserializer};

use super::{SystemKind, SystemSpec};
use crate::service::Service;

/// Either form, for the schema.
#[derive(JsonSchema)]
#[schemars(untagged, rename = "SystemEntry")]
#[expect(
    dead_code,
    reason = "describes the two written forms to the JSON schema only"
)]
pub(crate) enum Written {
    /// The system's name.
    Name(SystemKind),
    /// The system with details.
    Details(Box<SystemSpec>),
}

/// Reads the list of entries.
pub(crate) fn read<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<SystemSpec>, D::Error> {
    let entries = Vec::<Entry>::deserialize(from)?;
    Ok(entries.into_iter().map(|Entry(system)| system).collect())
}

/// An entry of either form.
struct Entry(SystemSpec);

impl<'de> Deserialize<'de> for Entry {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(EntryVisitor).map(Self)
    }
}

/// Tells the forms apart as they come: serde's own `untagged` would hide which option of which entry is wrong.
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
        SystemSpec::deserialize(MapAccessDeserializer::new(map))
    }
}

impl SystemSpec {
    /// A system with every default.
    #[must_use]
    pub const fn of(system: SystemKind) -> Self {
        Self {
            system,
            label: None,
            io: None,
            owners: None,
            wakeup: None,
            engine: None,
            memory: None,
            service: None,
            servers: None,
            clusters: None,
            large_owners: None,
            rebalance: None,
            flow_hash: None,
            encryption: None,
            steer_by: None,
            behind: None,
            cache_entries: None,
            at: None,
            multi_key: None,
            xdp: None,
            steering: None,
            hot_keys: None,
            batch: None,
            placement: None,
            filters: None,
            qdisc_bypass: None,
            isolation: None,
            routing: None,
            response_cache: None,
        }
    }

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
            qdisc_bypass: resolved.qdisc_bypass,
            isolation: resolved.isolation,
            routing: resolved.routing,
            response_cache: resolved.response_cache,
        }
    }
}
