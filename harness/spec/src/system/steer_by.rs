//! What steers calls.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What of a call names its owner (docs/rpc.md).
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum SteerBy {
    /// The function's name.
    Function,
    /// An argument: 0 is the tenant, 1 the key.
    Argument(u8),
    /// The range of keys that the key lies in: each owner has one, and neighbours lie together.
    Range,
}

impl SteerBy {
    /// By key, as memcached's requests are steered.
    pub const DEFAULT: Self = Self::Argument(1);
}
