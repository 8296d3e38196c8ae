//! How the program ends: the exit codes, and which error means which.

use std::process::ExitCode;

use crate::interrupt::Interrupted;

/// The spec or the arguments are wrong (exit code 2).
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct BadInput(pub(crate) String);

/// This host cannot do it (exit code 3). The text holds the reason and the remedy.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct HostCannot(pub(crate) String);

/// What a command that did not fail has to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Everything was done.
    Complete,
    /// Something that was asked for could not be done; it was told on the way.
    Incomplete,
    /// This host can do nothing of what was asked for; the reasons were told on the way.
    Impossible,
}

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Complete => Self::SUCCESS,
            Outcome::Incomplete => Self::from(1),
            Outcome::Impossible => Self::from(3),
        }
    }
}

/// The exit code of an error, by the first known cause in its chain.
pub(crate) fn code_of(error: &anyhow::Error) -> u8 {
    let known = error.chain().find_map(|cause| {
        if cause.is::<BadInput>() {
            Some(2)
        } else if cause.is::<HostCannot>() {
            Some(3)
        } else if cause.is::<Interrupted>() {
            Some(130)
        } else {
            None
        }
    });
    known.unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use anyhow::Context;

    use super::*;

    #[test]
    fn the_cause_decides_the_code_however_deep_it_lies() {
        let bad = anyhow::Error::new(BadInput("no such system".into())).context("in quickstart");
        assert_eq!(code_of(&bad), 2);
        let cannot: anyhow::Result<()> = Err(HostCannot("no XDP".into())).context("deploying");
        assert_eq!(code_of(&cannot.unwrap_err()), 3);
        assert_eq!(code_of(&anyhow::Error::new(Interrupted)), 130);
        assert_eq!(code_of(&anyhow::anyhow!("anything else")), 1);
    }
}
