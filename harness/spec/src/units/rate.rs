//! Rates: how many of what a second.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::parse::{Unit, UnitError, parse, print};
use super::{TextVisitor, schema};

const WHAT: &str = "a rate";
const EXAMPLE: &str = "50 kreq/s";

/// What a rate counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Counted {
    /// Requests of a `workload`.
    Requests,
    /// Frames of a `traffic`.
    Frames,
}

const REQUESTS: [Unit; 3] = [
    unit("req/s", 1),
    unit("kreq/s", 1_000),
    unit("Mreq/s", 1_000_000),
];

const FRAMES: [Unit; 3] = [
    unit("frames/s", 1),
    unit("kframes/s", 1_000),
    unit("Mframes/s", 1_000_000),
];

/// All units that a rate may have.
const UNITS: &[Unit] = &{
    let ([req, kreq, mreq], [frames, kframes, mframes]) = (REQUESTS, FRAMES);
    [req, kreq, mreq, frames, kframes, mframes]
};

const fn unit(name: &'static str, factor: u64) -> Unit {
    Unit { name, factor }
}

impl Counted {
    /// The unit of one a second.
    #[must_use]
    pub const fn base(self) -> &'static str {
        match self {
            Self::Requests => "req/s",
            Self::Frames => "frames/s",
        }
    }

    /// In words.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Requests => "requests",
            Self::Frames => "frames",
        }
    }

    fn units(self) -> &'static [Unit] {
        match self {
            Self::Requests => &REQUESTS,
            Self::Frames => &FRAMES,
        }
    }
}

/// Requests or frames per second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rate {
    per_second: u64,
    of: Counted,
}

impl Rate {
    /// So many of what is counted, a second.
    #[must_use]
    pub const fn new(per_second: u64, of: Counted) -> Self {
        Self { per_second, of }
    }

    /// So many requests a second.
    #[must_use]
    pub const fn requests(per_second: u64) -> Self {
        Self::new(per_second, Counted::Requests)
    }

    /// So many frames a second.
    #[must_use]
    pub const fn frames(per_second: u64) -> Self {
        Self::new(per_second, Counted::Frames)
    }

    /// How many a second.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.per_second
    }

    /// How many a second, for computing with.
    #[must_use]
    pub const fn per_second(self) -> f64 {
        self.per_second as f64
    }

    /// What it counts.
    #[must_use]
    pub const fn of(self) -> Counted {
        self.of
    }
}

impl FromStr for Rate {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let (per_second, base) = parse(text, WHAT, EXAMPLE, UNITS)?;
        let of = match base == Counted::Frames.base() {
            true => Counted::Frames,
            false => Counted::Requests,
        };
        Ok(Self { per_second, of })
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&print(self.per_second, self.of.units()))
    }
}

impl Serialize for Rate {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Rate {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(TextVisitor::<Self>::new(WHAT, EXAMPLE))
    }
}

impl JsonSchema for Rate {
    fn schema_name() -> Cow<'static, str> {
        "Rate".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        schema(WHAT, EXAMPLE, UNITS)
    }
}
