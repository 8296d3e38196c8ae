//! The handshake, and the envelope of a reply.

use serde::{Deserialize, Serialize};

/// Version of the protocol. Coordinator and agent must agree exactly: they are the same binary on
/// one machine, and on two machines a difference means that one of them is stale.
pub const VERSION: u32 = 1;

/// The first line that an agent prints.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// The agent's [`VERSION`].
    pub version: u32,
    /// What the agent plays: `host`, `server`, `client` ...
    pub role: String,
    /// Process id in the agent's own pid namespace.
    pub pid: u32,
}

impl Hello {
    /// The greeting of this process in `role`.
    #[must_use]
    pub fn of_this_process(role: &str) -> Self {
        Self {
            version: VERSION,
            role: role.to_owned(),
            pid: std::process::id(),
        }
    }
}

/// The answer to one request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reply<T> {
    /// It was done; what came of it.
    Done(T),
    /// It could not be done. The text names the place and the remedy.
    Failed(String),
}

impl<T> Reply<T> {
    /// The reply that carries `result`, its error's whole chain as one line.
    pub fn from_result<E: std::fmt::Display>(result: Result<T, E>) -> Self {
        match result {
            Ok(done) => Self::Done(done),
            Err(error) => Self::Failed(format!("{error:#}")),
        }
    }
}
