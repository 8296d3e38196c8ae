//! Why a plan cannot be made, and what would mend it.

/// A trial that this machine, or this version, cannot run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason} (remedy: {remedy})")]
pub(crate) struct Refusal {
    reason: String,
    remedy: String,
}

impl Refusal {
    /// A refusal for `reason`, mended by `remedy`.
    pub(crate) fn new(reason: &str, remedy: &str) -> Self {
        Self {
            reason: reason.to_owned(),
            remedy: remedy.to_owned(),
        }
    }
}
