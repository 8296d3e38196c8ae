//! How the owners of a system form clusters that share a store.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `clusters` of one entry of `systems`: a number, or what the members of a cluster share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Clusters {
    /// So many clusters of one size.
    Count(u16),
    /// One cluster for each of these that the owners' CPUs have.
    Sharing(Domain),
}

/// What CPUs can have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Domain {
    /// A last-level cache.
    Llc,
    /// The memory of a NUMA node.
    Numa,
}

impl Clusters {
    /// What stands when the spec says nothing.
    pub(crate) const DEFAULT: Self = Self::Sharing(Domain::Llc);
}

impl fmt::Display for Clusters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count(clusters) => write!(f, "{clusters}"),
            Self::Sharing(Domain::Llc) => f.write_str("llc"),
            Self::Sharing(Domain::Numa) => f.write_str("numa"),
        }
    }
}
