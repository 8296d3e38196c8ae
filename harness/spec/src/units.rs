//! Quantities of the spec: parsed once from text such as `2 Mreq/s`, printed so that they parse back.
//!
//! Everything behind the spec computes with whole requests or frames per second, bytes, nanoseconds and
//! counts. Parsing is exact: `1.5 kreq/s` is 1500 requests per second, and a text that is no whole
//! number of the base unit is refused rather than rounded.

mod parse;
mod rate;

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Deserialize, Deserializer, Visitor};
use serde::{Serialize, Serializer};

pub use parse::UnitError;
use parse::{Unit, parse, print};
pub use rate::{Counted, Rate};

/// Declares one quantity: a `u64` in a base unit, with its units from the smallest to the largest.
macro_rules! quantity {
    ($(#[$doc:meta])* $name:ident, $what:literal, $example:literal, [$(($unit:literal, $factor:expr)),+]) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(
            /// The quantity in its base unit.
            pub u64,
        );

        impl $name {
            const UNITS: &'static [Unit] = &[$(Unit { name: $unit, factor: $factor }),+];

            /// The quantity in its base unit.
            #[must_use]
            pub const fn get(self) -> u64 {
                self.0
            }
        }

        impl FromStr for $name {
            type Err = UnitError;

            fn from_str(text: &str) -> Result<Self, UnitError> {
                parse(text, $what, $example, Self::UNITS).map(|(value, _)| Self(value))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&print(self.0, Self::UNITS))
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                from.deserialize_any(TextVisitor::<$name>::new($what, $example))
            }
        }

        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                schema($what, $example, Self::UNITS)
            }
        }
    };
}

/// What an editor is told of a quantity.
fn schema(what: &str, example: &str, units: &[Unit]) -> Schema {
    let units: Vec<&str> = units.iter().map(|unit| unit.name).collect();
    let units = units.join(", ");
    json_schema!({
        "type": ["string", "integer"],
        "description": format!(
            "{what}, such as `{example}`; units: {}",
            units.trim_start_matches(", ")
        ),
    })
}

/// Quantities that are written back as their text.
macro_rules! serialize_as_text {
    ($($name:ident),+) => {$(
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.collect_str(self)
            }
        }
    )+};
}

quantity! {
    /// A number of bytes.
    Bytes, "a size", "64 B",
    [("B", 1), ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30)]
}

quantity! {
    /// A length of time, in nanoseconds.
    Duration, "a duration", "200 ms",
    [("ns", 1), ("us", 1_000), ("ms", 1_000_000), ("s", 1_000_000_000), ("min", 60_000_000_000)]
}

quantity! {
    /// A number of things; a bare number needs no unit.
    Count, "a count", "20 k",
    [("", 1), ("k", 1_000), ("M", 1_000_000), ("G", 1_000_000_000)]
}

quantity! {
    /// A part of a whole, in parts per million.
    Share, "a share", "0.5 %",
    [("ppm", 1), ("%", 10_000)]
}

serialize_as_text!(Bytes, Duration, Share);

impl Serialize for Count {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_u64(self.0)
    }
}

impl Share {
    /// All of it.
    pub const WHOLE: Self = Self(1_000_000);

    /// The share as a number from 0 to 1.
    #[must_use]
    pub const fn fraction(self) -> f64 {
        self.0 as f64 / Self::WHOLE.0 as f64
    }
}

impl Duration {
    /// Nanoseconds.
    #[must_use]
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// The same length as the standard library's type.
    #[must_use]
    pub const fn to_std(self) -> std::time::Duration {
        std::time::Duration::from_nanos(self.0)
    }
}

/// Reads a quantity from a YAML scalar; numbers go through the same parser as text, so that a
/// missing unit is reported in the same words.
struct TextVisitor<T> {
    what: &'static str,
    example: &'static str,
    marker: std::marker::PhantomData<T>,
}

impl<T> TextVisitor<T> {
    const fn new(what: &'static str, example: &'static str) -> Self {
        Self {
            what,
            example,
            marker: std::marker::PhantomData,
        }
    }
}

impl<T: FromStr<Err = UnitError>> Visitor<'_> for TextVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} such as `{}`", self.what, self.example)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
        text.parse().map_err(E::custom)
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<T, E> {
        self.visit_str(&number.to_string())
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<T, E> {
        self.visit_str(&number.to_string())
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<T, E> {
        self.visit_str(&number.to_string())
    }
}
