//! The thread that fills a cache, and what becomes of the server when it ends.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::server::gate::Gate;
use crate::server::shared::Shared;
use crate::server::{ServerError, ThreadInfo};

/// How often it looks.
const ROUND: Duration = Duration::from_millis(1);

/// Says at the gate that the controller panicked, if it does.
struct Watched<'a>(&'a Gate);

impl Drop for Watched<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.fail("the cache's controller panicked".to_owned());
        }
    }
}

/// Works `round` off again and again until it is told to stop. A controller that cannot go on has failed the server:
/// a cache that nobody fills is not the system that is measured.
fn keep_filling<E: std::fmt::Display>(
    gate: &Gate,
    stop: &AtomicBool,
    mut round: impl FnMut() -> Result<(), E>,
) {
    let _watched = Watched(gate);
    while !stop.load(Ordering::Acquire) {
        std::thread::sleep(ROUND);
        if let Err(error) = round() {
            gate.fail(format!("the cache's controller: {error}"));
            return;
        }
    }
}

/// The thread, which ends with the value.
pub(super) struct Filler {
    name: &'static str,
    tid: Arc<AtomicU32>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Filler {
    /// A thread of this name, not started.
    pub(super) fn new(name: &'static str) -> Self {
        Self {
            name,
            tid: Arc::default(),
            stop: Arc::default(),
            thread: None,
        }
    }

    /// Starts it.
    ///
    /// # Errors
    /// When there is no thread to be had.
    pub(super) fn start(
        &mut self,
        shared: &Arc<Shared>,
        round: impl FnMut() -> Result<(), loader::Error> + Send + 'static,
    ) -> Result<(), ServerError> {
        let shared = Arc::clone(shared);
        let (stop, tid) = (Arc::clone(&self.stop), Arc::clone(&self.tid));
        let thread = std::thread::Builder::new().name(self.name.to_owned());
        let spawned = thread.spawn(move || {
            let own = rustix::thread::gettid().as_raw_pid();
            tid.store(own.unsigned_abs(), Ordering::Release);
            keep_filling(&shared.gate, &stop, round);
        });
        self.thread = Some(spawned.map_err(ServerError::io("the controller's thread"))?);
        Ok(())
    }

    /// The thread, once it runs.
    pub(super) fn thread(&self) -> Option<ThreadInfo> {
        let tid = self.tid.load(Ordering::Acquire);
        (tid != 0).then(|| ThreadInfo {
            name: self.name.to_owned(),
            tid,
            cpu: None,
        })
    }

    /// Ends it as if it had died, and waits for that.
    pub(super) fn end(&self) {
        self.stop.store(true, Ordering::Release);
        while (self.thread.as_ref()).is_some_and(|thread| !thread.is_finished()) {
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Fails when it has ended, with why if it said so.
    pub(super) fn alive(&self, gate: &Gate) -> Result<(), ServerError> {
        let ended = (self.thread.as_ref()).is_some_and(JoinHandle::is_finished);
        if !ended {
            return Ok(());
        }
        let why = gate.failure();
        let why = why.unwrap_or_else(|| "the cache's controller has ended".to_owned());
        Err(ServerError::Thread(format!(
            "{why}: nobody fills the cache any more, and what is measured is another system"
        )))
    }
}

impl Drop for Filler {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the cache's controller panicked");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::panic::{AssertUnwindSafe, catch_unwind};

    #[test]
    fn a_controller_that_cannot_go_on_fails_the_server_and_says_why() {
        let (gate, stop) = (Gate::new(1), AtomicBool::new(false));
        let mut rounds = 0;
        keep_filling(&gate, &stop, || {
            rounds += 1;
            match rounds {
                3 => Err("the map HITS is gone"),
                _ => Ok(()),
            }
        });
        let expected = "the cache's controller: the map HITS is gone";
        assert_eq!((rounds, gate.failure().as_deref()), (3, Some(expected)));
    }

    #[test]
    fn a_controller_that_panics_fails_the_server() {
        let (gate, stop) = (Gate::new(1), AtomicBool::new(false));
        let run = || {
            keep_filling(&gate, &stop, || -> Result<(), String> {
                panic!("on purpose")
            })
        };
        assert!(catch_unwind(AssertUnwindSafe(run)).is_err());
        let expected = "the cache's controller panicked";
        assert_eq!(gate.failure().as_deref(), Some(expected));
    }

    #[test]
    fn one_that_is_told_to_stop_fails_nothing() {
        let (gate, stop) = (Gate::new(1), AtomicBool::new(false));
        keep_filling(&gate, &stop, || {
            stop.store(true, Ordering::Release);
            Ok::<_, String>(())
        });
        assert_eq!(gate.failure(), None);
    }
}
