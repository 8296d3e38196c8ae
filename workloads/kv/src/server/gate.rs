//! How the control thread leads the worker threads from phase to phase.
//!
//! Every thread works a phase off, arrives at the gate and waits there until the control thread
//! opens the next one. A thread that fails says so at the gate, and a thread that dies is noticed
//! there, so that the control thread never waits for the dead.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The phases of a worker thread, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    /// Pinned, memory allocated.
    Loaded,
    /// Its part of the preload is in its store.
    Preloaded,
    /// Serving.
    Serving,
    /// Leaving.
    Stopped,
}

#[derive(Debug)]
struct State {
    open: Phase,
    arrived: Vec<Option<Phase>>,
    failure: Option<String>,
}

/// See the [module](self).
#[derive(Debug)]
pub(crate) struct Gate {
    state: Mutex<State>,
    changed: Condvar,
}

impl Gate {
    /// A gate for so many threads; the first phase is open.
    pub(crate) fn new(threads: usize) -> Self {
        let state = State {
            open: Phase::Loaded,
            arrived: vec![None; threads],
            failure: None,
        };
        Self {
            state: Mutex::new(state),
            changed: Condvar::new(),
        }
    }

    /// The thread has finished `phase`.
    pub(crate) fn arrive(&self, thread: usize, phase: Phase) {
        self.lock().arrived[thread] = Some(phase);
        self.changed.notify_all();
    }

    /// Waits until `phase` is open; returns the phase that is (a later one when the server stops early).
    pub(crate) fn wait_open(&self, phase: Phase) -> Phase {
        let mut state = self.lock();
        while state.open < phase {
            state = self
                .changed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
        state.open
    }

    /// A thread cannot go on. The first failure is kept.
    pub(crate) fn fail(&self, what: String) {
        self.lock().failure.get_or_insert(what);
        self.changed.notify_all();
    }

    /// What went wrong in a thread, if anything did.
    pub(crate) fn failure(&self) -> Option<String> {
        self.lock().failure.clone()
    }

    /// Opens `phase`.
    pub(crate) fn open(&self, phase: Phase) {
        self.lock().open = phase;
        self.changed.notify_all();
    }

    /// Waits until every thread has finished `phase`.
    ///
    /// # Errors
    /// A thread's failure, or that `limit` has passed.
    pub(crate) fn wait_arrived(&self, phase: Phase, limit: Duration) -> Result<(), String> {
        let deadline = Instant::now() + limit;
        let mut state = self.lock();
        loop {
            if let Some(failure) = &state.failure {
                return Err(failure.clone());
            }
            if state
                .arrived
                .iter()
                .all(|at| at.is_some_and(|at| at >= phase))
            {
                return Ok(());
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                let late = state
                    .arrived
                    .iter()
                    .filter(|at| at.is_none_or(|at| at < phase))
                    .count();
                return Err(format!(
                    "{late} threads did not reach {phase:?} within {limit:?}"
                ));
            }
            state = self
                .changed
                .wait_timeout(state, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_pass_only_what_is_open() {
        let gate = Gate::new(2);
        std::thread::scope(|scope| {
            for thread in 0..2 {
                let gate = &gate;
                scope.spawn(move || {
                    gate.arrive(thread, Phase::Loaded);
                    gate.wait_open(Phase::Preloaded);
                    gate.arrive(thread, Phase::Preloaded);
                });
            }
            let soon = Duration::from_millis(20);
            gate.wait_arrived(Phase::Loaded, Duration::from_secs(5))
                .unwrap();
            assert!(
                gate.wait_arrived(Phase::Preloaded, soon)
                    .unwrap_err()
                    .contains("2 threads")
            );
            gate.open(Phase::Preloaded);
            gate.wait_arrived(Phase::Preloaded, Duration::from_secs(5))
                .unwrap();
        });
    }

    #[test]
    fn a_failure_ends_the_wait_and_the_first_one_is_told() {
        let gate = Gate::new(1);
        gate.fail("no memory".into());
        gate.fail("later".into());
        assert_eq!(
            gate.wait_arrived(Phase::Loaded, Duration::from_secs(5))
                .unwrap_err(),
            "no memory"
        );
    }
}
