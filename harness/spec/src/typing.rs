//! Typing the tree: a serde deserializer over its nodes.
//!
//! Stricter than reading from a JSON value: a section must be a mapping. (Serde would also take a
//! list of its fields in order, which nobody could read.)

use serde::de::value::{MapDeserializer, SeqDeserializer};
use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, Error as _, IntoDeserializer, VariantAccess, Visitor,
};
use serde::forward_to_deserialize_any;
use serde_json::{Error, Value};

use crate::tree::{Content, Node};

impl<'de> IntoDeserializer<'de, Error> for &'de Node {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

impl Node {
    /// What a message calls it.
    fn described(&self) -> String {
        match &self.content {
            Content::Scalar(Value::Null) => "nothing".to_owned(),
            Content::Scalar(value) => format!("`{}`", value.to_string().trim_matches('"')),
            Content::List(_) => "a list".to_owned(),
            Content::Map(_) => "a mapping".to_owned(),
        }
    }

    fn expected(&self, what: &str) -> Error {
        Error::custom(format!(
            "{} stands where {what} is expected",
            self.described()
        ))
    }
}

/// `a`, `b` or `c` in backquotes.
fn quoted(names: &[&str]) -> String {
    names
        .iter()
        .map(|name| format!("`{name}`"))
        .collect::<Vec<_>>()
        .join(", ")
}

impl<'de> Deserializer<'de> for &'de Node {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match &self.content {
            Content::Scalar(value) => value.deserialize_any(visitor),
            Content::List(items) => visitor.visit_seq(SeqDeserializer::new(items.iter())),
            Content::Map(entries) => {
                let entries = entries
                    .iter()
                    .map(|entry| (entry.key.as_str(), &entry.value));
                visitor.visit_map(MapDeserializer::new(entries))
            }
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match &self.content {
            Content::Scalar(Value::Null) => visitor.visit_none(),
            Content::Scalar(_) | Content::List(_) | Content::Map(_) => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        match &self.content {
            Content::Map(_) => self.deserialize_any(visitor),
            Content::Scalar(_) | Content::List(_) => {
                Err(self.expected(&format!("a mapping (fields: {})", quoted(fields))))
            }
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        match &self.content {
            Content::Scalar(Value::String(name)) => {
                visitor.visit_enum(Choice { name, value: None })
            }
            Content::Map(entries) => match entries.as_slice() {
                [entry] => {
                    let value = Some(&entry.value);
                    visitor.visit_enum(Choice {
                        name: &entry.key,
                        value,
                    })
                }
                _ => Err(Error::custom(format!(
                    "give exactly one of {}",
                    quoted(variants)
                ))),
            },
            Content::Scalar(_) | Content::List(_) => {
                Err(self.expected(&format!("one of {}", quoted(variants))))
            }
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit
        unit_struct seq tuple tuple_struct map identifier ignored_any
    }
}

/// An enum's variant: a name, or a name with what belongs to it.
struct Choice<'de> {
    name: &'de str,
    value: Option<&'de Node>,
}

impl<'de> EnumAccess<'de> for Choice<'de> {
    type Error = Error;
    type Variant = Chosen<'de>;

    fn variant_seed<S: DeserializeSeed<'de>>(
        self,
        seed: S,
    ) -> Result<(S::Value, Chosen<'de>), Error> {
        let Self { name, value } = self;
        let variant = seed.deserialize(name.into_deserializer())?;
        Ok((variant, Chosen { name, value }))
    }
}

/// What belongs to a variant.
struct Chosen<'de> {
    name: &'de str,
    value: Option<&'de Node>,
}

impl<'de> Chosen<'de> {
    fn value(&self, what: &str) -> Result<&'de Node, Error> {
        let name = self.name;
        self.value
            .ok_or_else(|| Error::custom(format!("`{name}` needs {what}: `{name}: ..`")))
    }
}

impl<'de> VariantAccess<'de> for Chosen<'de> {
    type Error = Error;

    fn unit_variant(self) -> Result<(), Error> {
        match self.value {
            None => Ok(()),
            Some(_) => Err(Error::custom(format!(
                "`{}` stands alone, without a value",
                self.name
            ))),
        }
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, Error> {
        seed.deserialize(self.value("a value")?)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Error> {
        self.value("a list")?.deserialize_any(visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.value("a mapping")?
            .deserialize_struct("", fields, visitor)
    }
}
