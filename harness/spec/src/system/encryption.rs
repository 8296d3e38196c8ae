//! Encrypted requests.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What client and server encrypt, and by what such a request is steered.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Encryption {
    /// Everything but a keyed token of the key, by which the request is steered (docs/encryption.md).
    Token,
}
