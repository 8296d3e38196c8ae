//! Processes: an identity that survives the reuse of pids, their end, and dying with the parent.
#![expect(
    unsafe_code,
    reason = "a hook between fork and exec; see die_with_parent_on_exec"
)]

use std::io;
use std::os::unix::process::CommandExt as _;
use std::process::Command;
use std::time::{Duration, Instant};

use procfs::process::{ProcState, Process};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use serde::{Deserialize, Serialize};

use crate::error::{Doing, malformed};

/// A process, named so that a later process with the same pid is another one.
///
/// Together with the boot id this is unique for ever on a machine; the [journal](crate::journal) keeps
/// both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Identity {
    /// Process id.
    pub pid: u32,
    /// When it was started, in clock ticks since boot (field 22 of `/proc/<pid>/stat`).
    pub start_ticks: u64,
}

impl Identity {
    /// The calling process.
    ///
    /// # Errors
    /// When /proc is not mounted.
    pub fn current() -> io::Result<Self> {
        Self::of(std::process::id())
    }

    /// The process that has this pid now.
    ///
    /// # Errors
    /// `NotFound` when there is none.
    pub fn of(pid: u32) -> io::Result<Self> {
        let stat = stat(pid)?;
        Ok(Self {
            pid,
            start_ticks: stat.starttime,
        })
    }

    /// Whether this very process still runs; one that has ended but was not reaped does not.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        stat(self.pid).is_ok_and(|stat| {
            let ended = matches!(stat.state(), Ok(ProcState::Zombie | ProcState::Dead));
            stat.starttime == self.start_ticks && !ended
        })
    }

    /// Whether this very process is stopped (SIGSTOP), all of it.
    ///
    /// # Errors
    /// `NotFound` when it has ended; when /proc cannot be read.
    pub fn is_stopped(&self) -> io::Result<bool> {
        let stat = stat(self.pid)?;
        if stat.starttime != self.start_ticks {
            let message = format!("process {} has ended", self.pid);
            return Err(io::Error::new(io::ErrorKind::NotFound, message));
        }
        Ok(matches!(stat.state(), Ok(ProcState::Stopped)))
    }

    /// Sends a signal to this very process; false when it is no longer there.
    ///
    /// # Errors
    /// When the signal is not permitted.
    pub fn signal(&self, signal: Signal) -> io::Result<bool> {
        // The descriptor is opened first and the identity compared after: from then on the pid cannot
        // be given to another process without the descriptor noticing.
        let Some(descriptor) = self.open()? else {
            return Ok(false);
        };
        match pidfd_send_signal(&descriptor, signal) {
            Ok(()) => Ok(true),
            Err(rustix::io::Errno::SRCH) => Ok(false),
            Err(error) => Err(error).doing(|| format!("signal process {}", self.pid)),
        }
    }

    /// Waits until the process has ended; false when `limit` passed first. Works for processes that
    /// are no children of the caller, and does not reap those that are.
    ///
    /// # Errors
    /// When the process cannot be watched.
    pub fn wait(&self, limit: Duration) -> io::Result<bool> {
        let Some(descriptor) = self.open()? else {
            return Ok(true);
        };
        let deadline = Instant::now() + limit;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let left = Timespec::try_from(left).map_err(|_| malformed("time limit too long"))?;
            let mut watched = [PollFd::new(&descriptor, PollFlags::IN)];
            match poll(&mut watched, Some(&left)) {
                Ok(ready) => return Ok(ready > 0),
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error).doing(|| format!("wait for process {}", self.pid)),
            }
        }
    }

    /// Ends the process: SIGTERM, and SIGKILL when it is still there after `grace`. False when it was
    /// gone already.
    ///
    /// # Errors
    /// When a signal is not permitted.
    pub fn terminate(&self, grace: Duration) -> io::Result<bool> {
        if !self.signal(Signal::TERM)? {
            return Ok(false);
        }
        if !self.wait(grace)? {
            self.signal(Signal::KILL)?;
            self.wait(grace)?;
        }
        Ok(true)
    }

    fn open(&self) -> io::Result<Option<rustix::fd::OwnedFd>> {
        let descriptor = match pidfd_open(pid(self.pid)?, PidfdFlags::empty()) {
            Ok(descriptor) => descriptor,
            Err(rustix::io::Errno::SRCH) => return Ok(None),
            Err(error) => return Err(error).doing(|| format!("open process {}", self.pid)),
        };
        Ok(self.is_alive().then_some(descriptor))
    }
}

/// Lets the calling process be killed when its parent ends, and ends it at once when the parent is
/// gone already. `parent` is the pid that the parent told (`None`: whoever is the parent now).
///
/// The kernel means the parent *thread*: a process started from a thread that then ends is killed
/// with it. [`Namespace::spawn`](crate::netns::Namespace::spawn) therefore starts processes from a
/// thread that lives as long as the whole process.
///
/// # Errors
/// When prctl(PR_SET_PDEATHSIG) is refused, or `TimedOut` when the parent has ended before.
pub fn die_with_parent(parent: Option<u32>) -> io::Result<()> {
    let before = parent_pid();
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
    let now = parent_pid();
    if now != before || parent.is_some_and(|parent| now != Some(parent)) {
        return Err(io::Error::new(
            io::ErrorKind::TimedOut,
            "the parent process has ended",
        ));
    }
    Ok(())
}

/// Lets the process that `command` will start be killed when the starting thread ends.
///
/// The signal does not survive a change of user: a server that gives up its privileges (memcached
/// with `-u`) forgets it, and only the [journal](crate::journal) finds it later.
pub fn die_with_parent_on_exec(command: &mut Command) {
    let parent = std::process::id();
    let hook = move || die_with_parent(Some(parent));
    // SAFETY: the hook runs in the child between fork and exec, where only async-signal-safe calls are
    // allowed. It makes the system calls prctl and getppid and allocates nothing unless it fails, in
    // which case the allocator of the single-threaded child could at worst dead-lock a child whose
    // parent is gone.
    unsafe { command.pre_exec(hook) };
}

fn parent_pid() -> Option<u32> {
    rustix::process::getppid().map(|pid| pid.as_raw_nonzero().get() as u32)
}

/// The calling thread's id.
#[must_use]
pub fn current_thread() -> u32 {
    rustix::thread::gettid().as_raw_nonzero().get() as u32
}

/// The kernel's form of a pid or thread id.
pub(crate) fn pid(number: u32) -> io::Result<Pid> {
    let raw = i32::try_from(number).ok().and_then(Pid::from_raw);
    raw.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, format!("{number} is no pid")))
}

fn stat(number: u32) -> io::Result<procfs::process::Stat> {
    let process = Process::new(pid(number)?.as_raw_nonzero().get());
    process.and_then(|process| process.stat()).map_err(|error| {
        if matches!(error, procfs::ProcError::NotFound(_)) {
            io::Error::new(io::ErrorKind::NotFound, format!("no process {number}"))
        } else {
            io::Error::other(error)
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sleeper() -> std::process::Child {
        Command::new("sleep").arg("60").spawn().unwrap()
    }

    #[test]
    fn an_identity_is_of_one_process_only() {
        let me = Identity::current().unwrap();
        assert!(me.is_alive());
        let namesake = Identity {
            start_ticks: me.start_ticks + 1,
            ..me
        };
        assert!(!namesake.is_alive());
        assert!(
            !namesake.signal(Signal::KILL).unwrap(),
            "or this test would have ended here"
        );
        assert_eq!(
            Identity::of(u32::MAX >> 1).unwrap_err().kind(),
            io::ErrorKind::NotFound
        );
    }

    #[test]
    fn a_terminated_process_is_gone_though_nobody_reaped_it() {
        let mut child = sleeper();
        let identity = Identity::of(child.id()).unwrap();
        assert!(!identity.wait(Duration::from_millis(1)).unwrap());
        assert!(identity.terminate(Duration::from_secs(5)).unwrap());
        assert!(!identity.is_alive());
        assert!(!identity.terminate(Duration::from_secs(5)).unwrap());
        child.wait().unwrap();
    }

    #[test]
    fn a_process_that_ignores_sigterm_is_killed() {
        let mut command = Command::new("sh");
        command.args(["-c", "trap '' TERM; echo; while :; do sleep 1; done"]);
        let mut child = command
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let output = child.stdout.take().unwrap();
        std::io::BufRead::read_line(&mut std::io::BufReader::new(output), &mut line).unwrap();
        let identity = Identity::of(child.id()).unwrap();
        assert!(identity.terminate(Duration::from_millis(50)).unwrap());
        assert!(!identity.is_alive());
        child.wait().unwrap();
    }

    #[test]
    fn a_child_dies_with_the_thread_that_started_it() {
        let start = || {
            let mut command = Command::new("sleep");
            command.arg("60");
            die_with_parent_on_exec(&mut command);
            command.spawn().unwrap()
        };
        let mut child = std::thread::spawn(start).join().unwrap();
        let identity = Identity::of(child.id()).unwrap();
        assert!(identity.wait(Duration::from_secs(5)).unwrap());
        child.wait().unwrap();
    }

    #[test]
    fn a_parent_that_is_not_the_expected_one_is_refused() {
        let error = std::thread::spawn(|| die_with_parent(Some(1 << 22)))
            .join()
            .unwrap();
        assert_eq!(error.unwrap_err().kind(), io::ErrorKind::TimedOut);
    }
}
