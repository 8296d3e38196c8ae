//! Who brings requests to owners that a dispatcher allocates cores to.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The `steering` of a system.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Steerer {
    /// The dispatcher, which polls all receive queues.
    Software,
    /// An XDP program, to the owners' sockets; the dispatcher allocates cores.
    Xdp,
}

impl Steerer {
    /// Who steers when the spec says nothing.
    pub const DEFAULT: Self = Self::Software;
}
