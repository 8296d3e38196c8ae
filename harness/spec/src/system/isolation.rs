//! What ends with a slice that crashes.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The `isolation` of `netslice`: what its slices are to each other (NetSlices, section 1).
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
pub enum Isolation {
    /// Threads of one process: a crash ends all of them.
    #[default]
    Thread,
    /// A process each: one can be killed, and the others go on.
    Process,
}

impl Isolation {
    /// The name that the spec uses.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Thread => "thread",
            Self::Process => "process",
        }
    }
}

impl fmt::Display for Isolation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
