//! Where the client's threads wait between the load and its end, for others to come to rest: a
//! reply that still lies in a server's transmit ring belongs to the trial.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How often a waiting caller looks whether the threads have ended instead of arriving.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// The place: threads arrive and wait there until it is opened.
#[derive(Debug, Default)]
pub struct Hold {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    arrived: usize,
    open: bool,
}

impl Hold {
    /// A place that nobody has to wait at.
    #[must_use]
    pub fn opened() -> Self {
        let hold = Self::default();
        hold.open();
        hold
    }

    /// Lets the threads go on.
    pub fn open(&self) {
        self.lock().open = true;
        self.changed.notify_all();
    }

    /// Waits until so many threads have arrived, or `ended` says that no more will.
    pub fn await_arrivals(&self, threads: usize, ended: impl Fn() -> bool) {
        let mut state = self.lock();
        while state.arrived < threads && !ended() {
            state = self
                .changed
                .wait_timeout(state, LOOK_EVERY)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }

    /// Arrives, and waits until the place is open.
    fn pass(&self) {
        self.arrive();
        let mut state = self.lock();
        while !state.open {
            state = self
                .changed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Arrives without waiting: the thread has failed.
    fn arrive(&self) {
        self.lock().arrived += 1;
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A thread's promise to arrive, kept also when it fails before.
pub(crate) struct Arrival<'a>(&'a Hold);

impl<'a> Arrival<'a> {
    /// The promise to arrive at `hold`.
    pub(crate) const fn at(hold: &'a Hold) -> Self {
        Self(hold)
    }

    /// Arrives, and waits until the place is open.
    pub(crate) fn pass(self) {
        self.0.pass();
        std::mem::forget(self);
    }
}

impl Drop for Arrival<'_> {
    fn drop(&mut self) {
        self.0.arrive();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicBool, Ordering};

    #[test]
    fn threads_wait_until_it_is_opened() {
        let (hold, passed) = (Hold::default(), AtomicBool::new(false));
        std::thread::scope(|scope| {
            scope.spawn(|| {
                hold.pass();
                passed.store(true, Ordering::SeqCst);
            });
            hold.await_arrivals(1, || false);
            assert!(!passed.load(Ordering::SeqCst));
            hold.open();
        });
        assert!(passed.into_inner());
    }

    #[test]
    fn nobody_is_waited_for_who_has_ended_or_failed() {
        let hold = Hold::default();
        hold.await_arrivals(1, || true);
        hold.arrive();
        hold.await_arrivals(1, || false);
        Hold::opened().pass();
    }
}
