//! What the threads of a process are doing right now, for messages about a process that does not
//! answer (proc_pid_stat(5), proc_pid_wchan(5)).

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::io;

use crate::error::{Doing, read_text};

/// A thread at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task {
    /// Thread id.
    pub tid: u32,
    /// Its name.
    pub name: String,
    /// Its state.
    pub state: State,
    /// The kernel function that it sleeps in; `None` when it does not sleep, or the kernel does not
    /// tell (it tells root only).
    pub waits_in: Option<String>,
    /// The CPU that it ran on last.
    pub cpu: Option<u32>,
}

/// A thread's state, field 3 of `/proc/<pid>/stat`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// Running, or waiting for a CPU.
    Runnable,
    /// Asleep until something happens.
    Sleeping,
    /// Asleep and deaf to signals, mostly for a device.
    Uninterruptible,
    /// Stopped by a signal.
    Stopped,
    /// Stopped by a debugger.
    Traced,
    /// Ended, and its parent has not noticed.
    Ended,
    /// An idle kernel thread.
    Idle,
    /// A letter that this program does not know.
    Unknown(char),
}

impl State {
    fn of(letter: char) -> Self {
        match letter {
            'R' => Self::Runnable,
            'S' => Self::Sleeping,
            'D' => Self::Uninterruptible,
            'T' => Self::Stopped,
            't' => Self::Traced,
            'Z' | 'X' => Self::Ended,
            'I' => Self::Idle,
            other => Self::Unknown(other),
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Runnable => f.write_str("running or waiting for a CPU"),
            Self::Sleeping => f.write_str("sleeping"),
            Self::Uninterruptible => f.write_str("in an uninterruptible sleep"),
            Self::Stopped => f.write_str("stopped by a signal"),
            Self::Traced => f.write_str("stopped by a debugger"),
            Self::Ended => f.write_str("ended"),
            Self::Idle => f.write_str("idle"),
            Self::Unknown(letter) => write!(f, "in state {letter}"),
        }
    }
}

/// The threads of process `pid` by thread id; those that end meanwhile are left out.
///
/// # Errors
/// `NotFound` when there is no such process.
pub fn of_process(pid: u32) -> io::Result<Vec<Task>> {
    let mut tasks = Vec::new();
    for entry in fs::read_dir(format!("/proc/{pid}/task"))? {
        let name = entry?.file_name();
        let tid = name.to_str().and_then(|name| name.parse().ok());
        tasks.extend(tid.and_then(|tid| of_thread(tid).ok()));
    }
    tasks.sort_by_key(|task| task.tid);
    Ok(tasks)
}

/// A thread by its id (kernel threads too).
///
/// # Errors
/// `NotFound` when it is gone.
pub fn of_thread(tid: u32) -> io::Result<Task> {
    // A thread id works as a folder of /proc although only processes are listed there.
    let stat = read_text(format!("/proc/{tid}/stat"))?;
    parse(&stat, tid)
        .map(|task| Task {
            waits_in: read_text(format!("/proc/{tid}/wchan"))
                .ok()
                .filter(|function| !matches!(function.as_str(), "" | "0")),
            ..task
        })
        .ok_or_else(|| crate::error::malformed(format!("/proc/{tid}/stat: {stat}")))
}

/// The kernel threads whose whole names `of_interest` knows, by thread id. `/proc/PID/comm` shows up to
/// 64 bytes of a kernel thread's name, `stat` only 15.
///
/// # Errors
/// When /proc cannot be listed.
pub fn kernel_threads<T>(of_interest: impl Fn(&str) -> Option<T>) -> io::Result<Vec<(u32, T)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").doing(|| "list processes".to_owned())? {
        let name = entry?.file_name();
        let Some(pid) = name.to_str().and_then(|name| name.parse::<u32>().ok()) else {
            continue;
        };
        // A process that has ended in the meantime is no kernel thread.
        let Ok(comm) = fs::read_to_string(format!("/proc/{pid}/comm")) else {
            continue;
        };
        found.extend(of_interest(comm.trim_end()).map(|interest| (pid, interest)));
    }
    Ok(found)
}

/// `pid (name) S ...`; the name may hold blanks and brackets, so that it ends at the last bracket.
fn parse(stat: &str, tid: u32) -> Option<Task> {
    let (head, rest) = stat.rsplit_once(')')?;
    let (_, name) = head.split_once('(')?;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    Some(Task {
        tid,
        name: name.to_owned(),
        state: State::of(fields.first()?.chars().next()?),
        waits_in: None,
        // Field 39, counted from 1; the state is field 3.
        cpu: fields.get(36).and_then(|cpu| cpu.parse().ok()),
    })
}

/// The threads in one sentence, those of one state and place together.
#[must_use]
pub fn describe(tasks: &[Task]) -> String {
    let mut groups: BTreeMap<(State, Option<&str>), Vec<String>> = BTreeMap::new();
    for task in tasks {
        groups
            .entry((task.state, task.waits_in.as_deref()))
            .or_default()
            .push(format!("{} ({})", task.name, task.tid));
    }
    let group = |((state, place), names): (&(State, Option<&str>), &Vec<String>)| {
        let place = place
            .map(|place| format!(" in {place}"))
            .unwrap_or_default();
        format!("{} {state}{place}", names.join(", "))
    };
    groups.iter().map(group).collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_hold_anything() {
        let rest = "S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 5 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 3 0";
        let task = parse(&format!("77 (a) b (c) {rest}"), 77).unwrap();
        assert_eq!(
            (task.name.as_str(), task.state),
            ("a) b (c", State::Sleeping)
        );
        assert_eq!(task.cpu, Some(3));
        assert!(parse("77 nothing", 77).is_none());
    }

    #[test]
    fn a_stopped_process_is_seen_to_be_stopped() {
        let mut child = std::process::Command::new("sleep")
            .arg("60")
            .spawn()
            .unwrap();
        let identity = crate::process::Identity::of(child.id()).unwrap();
        identity.signal(rustix::process::Signal::STOP).unwrap();
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(5);
        let tasks = loop {
            let tasks = of_process(child.id()).unwrap();
            if tasks[0].state == State::Stopped || std::time::Instant::now() > deadline {
                break tasks;
            }
            std::thread::yield_now();
        };
        child.kill().unwrap();
        child.wait().unwrap();
        let told = describe(&tasks);
        assert!(told.contains("stopped by a signal"), "{told}");
        assert!(told.contains(&child.id().to_string()), "{told}");
        assert!(of_thread(u32::MAX >> 1).is_err());
    }

    #[test]
    fn threads_of_one_kind_are_told_together() {
        let task = |tid, name: &str, state, waits_in: Option<&str>| Task {
            tid,
            name: name.to_owned(),
            state,
            waits_in: waits_in.map(str::to_owned),
            cpu: None,
        };
        let tasks = [
            task(1, "main", State::Sleeping, Some("futex")),
            task(2, "owner-0", State::Runnable, None),
            task(3, "owner-1", State::Sleeping, Some("futex")),
        ];
        assert_eq!(
            describe(&tasks),
            "owner-0 (2) running or waiting for a CPU; main (1), owner-1 (3) sleeping in futex"
        );
    }
}
