//! A look at the threads' counters from beside the server.

use std::sync::Arc;

use super::counters::Counts;
use super::shared::Shared;

/// Reads the counters of a server's threads from any thread, without asking the kernel or holding anybody up.
#[derive(Clone)]
pub struct Watch(pub(super) Arc<Shared>);

impl Watch {
    /// All threads' counters: each at most one round of its thread old.
    #[must_use]
    pub fn total(&self) -> Counts {
        self.0.total()
    }
}
