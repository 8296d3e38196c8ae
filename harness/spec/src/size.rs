//! Reading and writing [`SizeSpec`]: `64 B` in place of `{fixed: 64 B}`.

use std::fmt;

use schemars::JsonSchema;
use serde::de::{self, MapAccess, Visitor};
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

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<SizeSpec, A::Error> {
        let size = match map.next_key()? {
            Some(Form::Fixed) => SizeSpec::Fixed(map.next_value()?),
            Some(Form::Uniform) => {
                let Range { min, max } = map.next_value()?;
                SizeSpec::Uniform { min, max }
            }
            Some(Form::Mix) => SizeSpec::Mix(map.next_value()?),
            None => return Err(de::Error::invalid_length(0, &self)),
        };
        match map.next_key::<Form>()? {
            None => Ok(size),
            Some(_) => Err(de::Error::custom(
                "give exactly one of `fixed`, `uniform`, `mix`",
            )),
        }
    }
}

/// The distributions by name.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Form {
    Fixed,
    Uniform,
    Mix,
}

/// What belongs to `uniform`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Range {
    min: Bytes,
    max: Bytes,
}
