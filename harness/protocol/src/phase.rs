//! The order of a trial, the same for every role.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How far an agent is in a trial.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// The process runs and has answered the handshake.
    Started,
    /// Memory, sockets and programs exist.
    Loaded,
    /// Programs are attached to their devices: packets reach the role from here on.
    Attached,
    /// The keys are in the store.
    Preloaded,
    /// Counters were read at rest; the clock of the trial is known.
    Armed,
    /// Load runs.
    Measuring,
    /// No request is under way any more.
    Drained,
    /// The role has told all that it counted.
    Reported,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Started => "started",
            Self::Loaded => "loaded",
            Self::Attached => "attached",
            Self::Preloaded => "preloaded",
            Self::Armed => "armed",
            Self::Measuring => "measuring",
            Self::Drained => "drained",
            Self::Reported => "reported",
        })
    }
}

/// A request that does not belong to the phase that its agent is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("asked for '{asked}' while '{current}': a phase comes once, and in order")]
pub struct OutOfOrder {
    /// The phase that the agent is in.
    pub current: Phase,
    /// The phase that was asked for.
    pub asked: Phase,
}

/// Holds an agent to the order of the phases. A role may leave phases out (a client has nothing to
/// preload) but never goes back.
#[derive(Debug)]
pub struct Progress(Phase);

impl Default for Progress {
    fn default() -> Self {
        Self(Phase::Started)
    }
}

impl Progress {
    /// The phase reached.
    #[must_use]
    pub fn current(&self) -> Phase {
        self.0
    }

    /// Moves on to `phase`.
    ///
    /// # Errors
    /// When it was reached before.
    pub fn enter(&mut self, phase: Phase) -> Result<(), OutOfOrder> {
        if phase <= self.0 {
            return Err(OutOfOrder {
                current: self.0,
                asked: phase,
            });
        }
        self.0 = phase;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phases_may_be_left_out_but_never_repeated() {
        let mut progress = Progress::default();
        progress.enter(Phase::Loaded).unwrap();
        progress.enter(Phase::Armed).unwrap();
        assert_eq!(
            progress.enter(Phase::Attached),
            Err(OutOfOrder {
                current: Phase::Armed,
                asked: Phase::Attached
            })
        );
        assert!(progress.enter(Phase::Armed).is_err());
        assert_eq!(progress.current(), Phase::Armed);
    }
}
