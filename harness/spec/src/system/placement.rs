//! Where the application's CPU of a slice is, seen from the kernel's.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The `placement` of `netslice`: NetSlices' Figure 5.
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
pub enum PeerPlacement {
    /// The nearest that leaves every slice CPUs of its own; one CPU for both only where there are too few.
    #[default]
    Nearest,
    /// Wherever the scheduler puts it.
    OsDefault,
    /// One CPU for both.
    SameCpu,
    /// Two hardware threads of one core.
    SmtSibling,
    /// Two cores under one last-level cache.
    SameLlc,
    /// Two last-level caches of one node.
    SameNode,
    /// Two nodes.
    OtherNode,
}

impl PeerPlacement {
    /// All placements.
    pub const ALL: [Self; 7] = [
        Self::Nearest,
        Self::OsDefault,
        Self::SameCpu,
        Self::SmtSibling,
        Self::SameLlc,
        Self::SameNode,
        Self::OtherNode,
    ];

    /// The name that the spec uses.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Nearest => "nearest",
            Self::OsDefault => "os_default",
            Self::SameCpu => "same_cpu",
            Self::SmtSibling => "smt_sibling",
            Self::SameLlc => "same_llc",
            Self::SameNode => "same_node",
            Self::OtherNode => "other_node",
        }
    }
}

impl fmt::Display for PeerPlacement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
