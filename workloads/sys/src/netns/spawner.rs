//! The thread from which processes are started inside other namespaces.
//!
//! There is one for the whole life of the process, because a parent-death signal is sent when the
//! *thread* that started a child ends. It goes home after each start: a thread left in a namespace
//! would keep it alive.

use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::process::{Child, Command};
use std::sync::mpsc::{self, Sender, SyncSender};
use std::sync::{Mutex, OnceLock};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::error::Doing;

struct Job {
    namespace: OwnedFd,
    command: Command,
    answer: SyncSender<io::Result<Child>>,
}

static SPAWNER: OnceLock<Mutex<Sender<Job>>> = OnceLock::new();

/// Starts `command` in `namespace` from the long-lived thread.
pub(super) fn spawn(namespace: OwnedFd, command: Command) -> io::Result<Child> {
    let (answer, answered) = mpsc::sync_channel(1);
    let jobs = SPAWNER.get_or_init(|| Mutex::new(start()));
    let gone = |_| io::Error::other("the thread that starts processes has ended");
    let jobs = jobs
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    jobs.send(Job {
        namespace,
        command,
        answer,
    })
    .map_err(|_| gone(mpsc::RecvError))?;
    drop(jobs);
    answered.recv().map_err(gone)?
}

fn start() -> Sender<Job> {
    let (jobs, queue) = mpsc::channel::<Job>();
    // The handle is dropped on purpose: the thread ends with the process.
    let _detached = std::thread::spawn(move || {
        for mut job in queue {
            let result = start_in(&job.namespace, &mut job.command);
            // Nobody is left to answer when the asking thread has died.
            let _unanswered = job.answer.send(result);
        }
    });
    jobs
}

fn start_in(namespace: &OwnedFd, command: &mut Command) -> io::Result<Child> {
    let home = super::Namespace::current()?;
    let network = Some(LinkNameSpaceType::Network);
    move_into_link_name_space(namespace.as_fd(), network)
        .doing(|| "enter a network namespace".to_owned())?;
    let program = command.get_program().to_owned();
    let child = command
        .spawn()
        .doing(|| format!("start {}", program.display()));
    // Were this to fail, the next job would still begin in its own namespace; only this one would be
    // kept alive, until the process ends.
    if let Err(error) = home.enter() {
        tracing::warn!(%error, "the spawning thread could not return to its namespace");
    }
    child
}
