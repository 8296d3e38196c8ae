//! Hashes of flows.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Which hash of a flow chooses, where a program of the system's own computes it.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum FlowHash {
    /// The one that a NIC has, under the published key.
    Toeplitz,
    /// A multiplication for each word, as keys are hashed.
    Mix,
}
