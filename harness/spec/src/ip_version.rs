//! The version of the Internet protocol.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What frames speak, written as `4` or `6`.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(try_from = "u8", into = "u8")]
pub enum IpVersion {
    /// IPv4, without options.
    #[default]
    V4,
    /// IPv6, without extension headers.
    V6,
}

impl IpVersion {
    /// Its number.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::V4 => 4,
            Self::V6 => 6,
        }
    }

    /// Bytes of a frame's headers: Ethernet, this one, UDP.
    #[must_use]
    pub const fn headers(self) -> u32 {
        let network = match self {
            Self::V4 => 20,
            Self::V6 => 40,
        };
        14 + network + 8
    }

    #[expect(
        clippy::trivially_copy_pass_by_ref,
        reason = "serde passes a reference"
    )]
    pub(crate) const fn is_v4(&self) -> bool {
        matches!(self, Self::V4)
    }
}

impl TryFrom<u8> for IpVersion {
    type Error = String;

    fn try_from(number: u8) -> Result<Self, String> {
        match number {
            4 => Ok(Self::V4),
            6 => Ok(Self::V6),
            other => Err(format!("`ip` is 4 or 6, and not {other}")),
        }
    }
}

impl From<IpVersion> for u8 {
    fn from(version: IpVersion) -> Self {
        version.number()
    }
}

impl fmt::Display for IpVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.number().fmt(f)
    }
}

impl JsonSchema for IpVersion {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "IpVersion".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "description": "The version of the Internet protocol.", "enum": [4, 6] })
    }
}
