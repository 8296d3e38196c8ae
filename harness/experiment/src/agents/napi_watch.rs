//! Waiting with an eye on NAPI threads: one that wants to run and does not is stuck.
//!
//! A NAPI thread sleeps while its queue is empty. So one that is awake has packets in its queue, and
//! when its run time stands still all the while, something keeps it from them. The look costs a few
//! microseconds of this agent's own CPU time.

use std::time::Duration;

use anyhow::{Result, bail};
use sys::account::schedstat;
use sys::clock;
use sys::napi::NapiThread;
use sys::tasks::{self, State};

/// How often to look.
const GLANCE_NS: u64 = Duration::from_millis(50).as_nanos() as u64;
/// So long a thread waits where something keeps it from its CPU. A build beside a trial was once seen
/// to do that too (502 ms): such a trial fails, with this as its reason, and may be resumed.
const LIMIT_NS: u64 = Duration::from_millis(500).as_nanos() as u64;

/// The threads and when each was last seen to get on.
pub(super) struct NapiWatch<'a> {
    device: &'a str,
    threads: Vec<(&'a NapiThread, Progress)>,
}

impl<'a> NapiWatch<'a> {
    /// Watches `threads` of `device` from now on.
    pub(super) fn new(device: &'a str, threads: &'a [NapiThread]) -> Self {
        let now_ns = clock::now_ns();
        let start = |thread| (thread, Progress::new(now_ns));
        Self {
            device,
            threads: threads.iter().map(start).collect(),
        }
    }

    /// Sleeps until `until_ns` of CLOCK_MONOTONIC.
    ///
    /// # Errors
    /// When a thread is stuck, with its queue, process, CPU and state.
    pub(super) fn sleep_until_ns(&mut self, until_ns: u64) -> Result<()> {
        loop {
            let now_ns = clock::now_ns();
            if now_ns >= until_ns {
                return Ok(());
            }
            clock::sleep_until_ns(until_ns.min(now_ns + GLANCE_NS));
            self.look()?;
        }
    }

    fn look(&mut self) -> Result<()> {
        let now_ns = clock::now_ns();
        for (thread, progress) in &mut self.threads {
            let task = match tasks::of_thread(thread.pid) {
                // A thread that has ended is told at the end of the phase, as one that was moved.
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
                task => task?,
            };
            let run_ns = match schedstat(thread.pid) {
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
                account => account?.run_ns,
            };
            let stood_ns = progress.stood_ns(task.state, run_ns, now_ns);
            if stood_ns >= LIMIT_NS {
                bail!(
                    "the NAPI thread of queue {} of {} is stuck: {} (process {}, CPU {}) has packets \
                     and did not run for {} ms; it is {}; look for a program of higher priority on that \
                     CPU",
                    thread.queue,
                    self.device,
                    task.name,
                    thread.pid,
                    task.cpu.map_or("?".to_owned(), |cpu| cpu.to_string()),
                    stood_ns / 1_000_000,
                    task.state,
                );
            }
        }
        Ok(())
    }
}

/// When a thread was last seen asleep or further than before.
struct Progress {
    run_ns: Option<u64>,
    at_ns: u64,
}

impl Progress {
    fn new(now_ns: u64) -> Self {
        Self {
            run_ns: None,
            at_ns: now_ns,
        }
    }

    /// How long the thread has been awake without running, given what is seen now.
    fn stood_ns(&mut self, state: State, run_ns: u64, now_ns: u64) -> u64 {
        let wants_to_run = match state {
            State::Runnable | State::Uninterruptible => true,
            State::Sleeping
            | State::Stopped
            | State::Traced
            | State::Ended
            | State::Idle
            | State::Unknown(_) => false,
        };
        if !wants_to_run || self.run_ns != Some(run_ns) {
            self.run_ns = Some(run_ns);
            self.at_ns = now_ns;
        }
        now_ns.saturating_sub(self.at_ns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_thread_that_wants_to_run_and_does_not_stands() {
        let mut progress = Progress::new(0);
        assert_eq!(progress.stood_ns(State::Runnable, 7, 10), 0);
        assert_eq!(progress.stood_ns(State::Runnable, 7, 60), 50);
        assert_eq!(progress.stood_ns(State::Uninterruptible, 7, 90), 80);
        assert_eq!(progress.stood_ns(State::Runnable, 8, 100), 0, "it ran");
        assert_eq!(progress.stood_ns(State::Runnable, 8, 150), 50);
        assert_eq!(
            progress.stood_ns(State::Sleeping, 8, 200),
            0,
            "its queue is empty"
        );
        assert_eq!(progress.stood_ns(State::Runnable, 8, 220), 20);
    }
}
