//! Why a client cannot run, or its result cannot be used.

use std::io;

use crate::Unbalanced;

/// An error of a client.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// The configuration cannot be carried out with this schedule.
    #[error("{0}")]
    Config(String),
    /// The transport could not be opened, or failed.
    #[error("{doing}: {source}")]
    Transport {
        /// What was tried.
        doing: String,
        /// The system's answer.
        source: io::Error,
    },
    /// The receiving program could not be loaded or attached.
    #[error(transparent)]
    Program(#[from] loader::Error),
    /// The ledger does not close.
    #[error(transparent)]
    Unbalanced(#[from] Unbalanced),
    /// A client thread panicked.
    #[error("a client thread panicked")]
    Panicked,
}

impl ClientError {
    /// Wraps an I/O error with what was tried.
    pub(crate) fn io(doing: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let doing = doing.into();
        move |source| Self::Transport { doing, source }
    }
}
