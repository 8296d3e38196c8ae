//! Who looks up where a slice's frames go.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The `routing` of `netslice`.
#[derive(
    Debug,
    Clone,
    Copy,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Routing {
    /// The slice, in a mirror of the kernel's tables.
    #[default]
    Mirror,
    /// The kernel, whose answer comes with the frame; the mirror where it has none.
    Kernel,
}

impl Routing {
    /// The name that the spec uses.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Mirror => "mirror",
            Self::Kernel => "kernel",
        }
    }
}

impl fmt::Display for Routing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
