//! Reading and writing [`SizeSpec`]: `64 B` in place of `{fixed: 64 B}`.

use std::fmt;

use schemars::JsonSchema;
use serde::de::{self, MapAccess, Visitor, value::MapAccessDeserializer};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::units::Bytes;
use crate::workload::SizeSpec;

/// Both written forms, for the schema.
#[derive(JsonSchema)]
#[schemars(untagged, rename = "Size")]
#[expect(
    dead_code,
    reason = "describes the written forms to the JSON schema only"
)]
pub(crate) enum SizeSchema {
    /// Always this size.
    Fixed(Bytes),
    /// A distribution.
    Distributed(SizeSpec),
}

/// Writes the short form where there is one.
pub(crate) fn serialize<S: Serializer>(size: &SizeSpec, to: S) -> Result<S::Ok, S::Error> {
    match size {
        SizeSpec::Fixed(bytes) => bytes.serialize(to),
        SizeSpec::Uniform { .. } | SizeSpec::Mix(_) => size.serialize(to),
    }
}

/// Reads either form.
pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<SizeSpec, D::Error> {
    from.deserialize_any(SizeVisitor)
}

struct SizeVisitor;

impl<'de> Visitor<'de> for SizeVisitor {
    type Value = SizeSpec;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a size such as `64 B`, `{uniform: {min: 16 B, max: 1 KiB}}` or `{mix: [..]}`")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<SizeSpec, E> {
        text.parse::<Bytes>()
            .map(SizeSpec::Fixed)
            .map_err(E::custom)
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<SizeSpec, E> {
        self.visit_str(&number.to_string())
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<SizeSpec, E> {
        self.visit_str(&number.to_string())
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<SizeSpec, A::Error> {
        SizeSpec::deserialize(MapAccessDeserializer::new(map))
    }
}
