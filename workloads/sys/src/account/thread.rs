//! One thread's account: run time, waiting time, switches.

use std::fs;
use std::io;
use std::ops::{Add, Sub};

use serde::{Deserialize, Serialize};

use crate::error::{Doing, malformed, read_text};

/// A thread's `/proc/<pid>/schedstat` (Documentation/scheduler/sched-stats.rst).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SchedStat {
    /// Time on a CPU, in nanoseconds.
    pub run_ns: u64,
    /// Time runnable but waiting for a CPU, in nanoseconds.
    pub wait_ns: u64,
    /// Times that it was put on a CPU.
    pub timeslices: u64,
}

impl Add for SchedStat {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            run_ns: self.run_ns + other.run_ns,
            wait_ns: self.wait_ns + other.wait_ns,
            timeslices: self.timeslices + other.timeslices,
        }
    }
}

impl Sub for SchedStat {
    type Output = Self;

    fn sub(self, earlier: Self) -> Self {
        Self {
            run_ns: self.run_ns - earlier.run_ns,
            wait_ns: self.wait_ns - earlier.wait_ns,
            timeslices: self.timeslices - earlier.timeslices,
        }
    }
}

/// How often a thread gave up the CPU, and how often it was taken from it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Switches {
    /// It went to sleep.
    pub voluntary: u64,
    /// It was preempted.
    pub involuntary: u64,
}

/// How often a thread touched memory that was not mapped for it yet.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Faults {
    /// Resolved without waiting for a disk.
    pub minor: u64,
    /// A disk had to be read.
    pub major: u64,
}

/// The account of a thread by its thread id (kernel threads too).
///
/// # Errors
/// `NotFound` when it is gone.
pub fn schedstat(tid: u32) -> io::Result<SchedStat> {
    // A thread id works as a folder of /proc although only processes are listed there.
    let text = gone_is_not_found(read_text(format!("/proc/{tid}/schedstat")))?;
    parse_schedstat(&text).ok_or_else(|| malformed(format!("schedstat of {tid}: '{text}'")))
}

fn parse_schedstat(text: &str) -> Option<SchedStat> {
    let mut numbers = text.split_whitespace().map(|word| word.parse::<u64>().ok());
    let mut next = || numbers.next().flatten();
    Some(SchedStat {
        run_ns: next()?,
        wait_ns: next()?,
        timeslices: next()?,
    })
}

/// The context switches of a thread by its thread id.
///
/// # Errors
/// `NotFound` when it is gone.
pub fn switches(tid: u32) -> io::Result<Switches> {
    let text = gone_is_not_found(read_text(format!("/proc/{tid}/status")))?;
    parse_switches(&text).ok_or_else(|| malformed(format!("no switches in the status of {tid}")))
}

fn parse_switches(status: &str) -> Option<Switches> {
    let field = |name: &str| {
        let rest = status.lines().find_map(|line| line.strip_prefix(name))?;
        rest.strip_prefix(':')?.trim().parse().ok()
    };
    Some(Switches {
        voluntary: field("voluntary_ctxt_switches")?,
        involuntary: field("nonvoluntary_ctxt_switches")?,
    })
}

/// The page faults of a thread by its thread id.
///
/// # Errors
/// `NotFound` when it is gone.
pub fn faults(tid: u32) -> io::Result<Faults> {
    let text = gone_is_not_found(read_text(format!("/proc/{tid}/stat")))?;
    parse_faults(&text).ok_or_else(|| malformed(format!("stat of {tid}: '{text}'")))
}

/// Fields 10 and 12 of proc_pid_stat(5): the name in parentheses may hold anything.
fn parse_faults(stat: &str) -> Option<Faults> {
    let (_, after_name) = stat.rsplit_once(')')?;
    let mut fields = after_name.split_whitespace().skip(7);
    let minor = fields.next()?.parse().ok()?;
    let major = fields.nth(1)?.parse().ok()?;
    Some(Faults { minor, major })
}

/// The thread ids of a process, ascending; the first is usually the process' own.
///
/// # Errors
/// `NotFound` when the process is gone.
pub fn threads_of(pid: u32) -> io::Result<Vec<u32>> {
    let folder = format!("/proc/{pid}/task");
    let mut tids = Vec::new();
    for entry in fs::read_dir(&folder).doing(|| format!("read {folder}"))? {
        let name = entry?.file_name();
        let tid = name.to_str().and_then(|name| name.parse().ok());
        tids.push(tid.ok_or_else(|| malformed(format!("{folder}: {}", name.display())))?);
    }
    tids.sort_unstable();
    Ok(tids)
}

/// A thread that ends between the opening and the reading of its file gives ESRCH.
fn gone_is_not_found(result: io::Result<String>) -> io::Result<String> {
    result.map_err(|error| {
        let inner = error.get_ref().and_then(std::error::Error::source);
        let errno = inner.and_then(|inner| inner.downcast_ref::<io::Error>()?.raw_os_error());
        if errno == Some(libc::ESRCH) {
            io::Error::new(io::ErrorKind::NotFound, error)
        } else {
            error
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_shows_in_a_threads_account() {
        let tid = crate::process::current_thread();
        let before = schedstat(tid).unwrap();
        let slept = switches(tid).unwrap();
        let until = crate::clock::now_ns() + 30_000_000;
        while crate::clock::now_ns() < until {
            std::hint::spin_loop();
        }
        // Being switched out brings the account up to date.
        std::thread::sleep(std::time::Duration::from_millis(2));
        let used = schedstat(tid).unwrap() - before;
        assert!(used.run_ns + used.wait_ns >= 25_000_000, "{used:?}");
        assert!(switches(tid).unwrap().voluntary > slept.voluntary);
        assert!(threads_of(std::process::id()).unwrap().contains(&tid));
    }

    #[test]
    fn files_are_read_by_form() {
        let expected = SchedStat {
            run_ns: 5,
            wait_ns: 6,
            timeslices: 7,
        };
        assert_eq!(parse_schedstat("5 6 7"), Some(expected));
        assert_eq!(parse_schedstat("5 6"), None);
        let status = "Name:\tx\nvoluntary_ctxt_switches:\t3\nnonvoluntary_ctxt_switches:\t4\n";
        assert_eq!(
            parse_switches(status),
            Some(Switches {
                voluntary: 3,
                involuntary: 4
            })
        );
        assert_eq!(parse_switches("Name:\tx\n"), None);
        let stat = "7 (a) b) S 1 7 7 0 -1 4194304 120 9 3 8 1 2 0 0 20 0";
        let faults = Faults {
            minor: 120,
            major: 3,
        };
        assert_eq!(parse_faults(stat), Some(faults));
        assert_eq!(parse_faults("7 (x) S 1"), None);
    }

    #[test]
    fn a_thread_that_is_gone_is_not_found() {
        let tid = u32::MAX >> 1;
        assert_eq!(schedstat(tid).unwrap_err().kind(), io::ErrorKind::NotFound);
        assert_eq!(threads_of(tid).unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
