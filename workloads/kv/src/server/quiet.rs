//! How the control thread learns that a server has nothing left to do.
//!
//! Looking at queues from outside races with the threads that empty them. So each thread itself
//! reports complete rounds in which it received nothing, handed over nothing and waited for
//! nothing, and counts everything it does. If every thread reports an empty round, then every
//! thread reports another, and nobody did anything in between, then nothing was on its way.
//! No thread is woken for it, which would show among the wakeups: a sleeper reports when its
//! longest sleep ends.

use std::sync::atomic::{AtomicU64, Ordering};

/// One thread's report. Written by that thread alone but for the question.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(crate) struct Quiet {
    asked: AtomicU64,
    answered: AtomicU64,
    activity: AtomicU64,
}

impl Quiet {
    /// Ends a round in which the thread did `work` things; `idle` says that it waits for nothing
    /// and holds nothing.
    #[inline]
    pub(crate) fn round(&self, work: u64, idle: bool) {
        if work > 0 {
            self.activity.store(
                self.activity.load(Ordering::Relaxed) + work,
                Ordering::Release,
            );
        } else if idle {
            let asked = self.asked.load(Ordering::Acquire);
            if self.answered.load(Ordering::Relaxed) != asked {
                self.answered.store(asked, Ordering::Release);
            }
        }
    }

    /// Asks for an empty round that ends after now, though it may have begun before; returns
    /// what to give to [`answered`](Self::answered).
    pub(crate) fn ask(&self) -> u64 {
        self.asked.fetch_add(1, Ordering::AcqRel) + 1
    }

    /// Whether the thread has answered.
    pub(crate) fn answered(&self, question: u64) -> bool {
        self.answered.load(Ordering::Acquire) >= question
    }

    /// Things done so far.
    pub(crate) fn activity(&self) -> u64 {
        self.activity.load(Ordering::Acquire)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_empty_idle_round_answers() {
        let quiet = Quiet::default();
        let question = quiet.ask();
        quiet.round(3, true);
        assert!(!quiet.answered(question));
        quiet.round(0, false);
        assert!(!quiet.answered(question));
        quiet.round(0, true);
        assert!(quiet.answered(question));
        assert_eq!(quiet.activity(), 3);
        assert!(!quiet.answered(quiet.ask()));
    }
}
