//! Stops a server's process for a while, and sees to it that it goes on in any case.
//!
//! A thread of the coordinator does it, from outside: what is stopped cannot count its own pause.
//! SIGSTOP stops the whole process, its spinning threads as well, and no packet of the kernel's.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use anyhow::{Context, Result, anyhow, bail};
use record::StallSeen;
use rustix::process::Signal;
use spec::Stall;
use sys::clock;
use sys::process::Identity;

use crate::agents::window::Window;

/// How often the thread looks whether it is still wanted, ns.
const GLANCE_NS: u64 = 2_000_000;
/// How long the kernel may take to stop a process, ns: each of its threads must be seen first.
const STOPPING_NS: u64 = 1_000_000_000;

/// A stall that is going to happen. Dropping it calls it off, or ends it at once.
pub(crate) struct Stalling {
    thread: Option<JoinHandle<Result<StallSeen>>>,
    unwanted: Arc<AtomicBool>,
}

impl Stalling {
    /// Will stop process `pid` as `stall` says.
    ///
    /// # Errors
    /// When there is no such process, or no thread can be had.
    pub(crate) fn begin(pid: u32, stall: Stall, window: Window) -> Result<Self> {
        let server = Identity::of(pid).context("the server to be stopped")?;
        let unwanted = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&unwanted);
        let thread = std::thread::Builder::new()
            .name("stall".to_owned())
            .spawn(move || carry_out(server, stall, window, &seen))?;
        Ok(Self {
            thread: Some(thread),
            unwanted,
        })
    }

    /// Waits until it is over; returns when it really was.
    ///
    /// # Errors
    /// When the process could not be stopped.
    pub(crate) fn finish(mut self) -> Result<StallSeen> {
        let thread = self.thread.take().context("a stall ends once")?;
        let seen = thread
            .join()
            .map_err(|_| anyhow!("the thread of the stall panicked"))?;
        seen.context("stopping the server")
    }
}

impl Drop for Stalling {
    fn drop(&mut self) {
        self.unwanted.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// A stopped process, until this is dropped.
struct Stopped(Identity);

impl Stopped {
    fn stop(server: Identity) -> Result<Self> {
        if !server.signal(Signal::STOP)? {
            bail!("the server has ended");
        }
        let stopped = Self(server);
        let deadline_ns = clock::now_ns() + STOPPING_NS;
        while !server.is_stopped()? {
            if clock::now_ns() > deadline_ns {
                bail!("the server does not stop");
            }
            std::thread::yield_now();
        }
        Ok(stopped)
    }
}

impl Drop for Stopped {
    fn drop(&mut self) {
        if let Err(error) = self.0.signal(Signal::CONT) {
            tracing::warn!(%error, "a stopped server could not be continued");
        }
    }
}

fn carry_out(
    server: Identity,
    stall: Stall,
    window: Window,
    unwanted: &AtomicBool,
) -> Result<StallSeen> {
    clock::set_timerslack(1)?;
    sleep_until(window.measure_from_ns() + stall.after.as_nanos(), unwanted)?;
    let stopped = Stopped::stop(server)?;
    let began_ns = clock::now_ns();
    let slept = sleep_until(began_ns + stall.length.as_nanos(), unwanted);
    // This thread may be off its CPU between the two, and the server answer meanwhile.
    let ended_ns = clock::now_ns();
    drop(stopped);
    slept?;
    Ok(StallSeen {
        began_ns: began_ns - window.start_ns,
        ended_ns: ended_ns - window.start_ns,
    })
}

fn sleep_until(at_ns: u64, unwanted: &AtomicBool) -> Result<()> {
    loop {
        if unwanted.load(Ordering::Relaxed) {
            bail!("called off");
        }
        let now_ns = clock::now_ns();
        if now_ns >= at_ns {
            return Ok(());
        }
        clock::sleep_until_ns(at_ns.min(now_ns + GLANCE_NS));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sleeper() -> std::process::Child {
        std::process::Command::new("sleep")
            .arg("60")
            .spawn()
            .unwrap()
    }

    fn stall(after_ms: u64, length_ms: u64) -> Stall {
        Stall {
            after: spec::Duration(after_ms * 1_000_000),
            length: spec::Duration(length_ms * 1_000_000),
        }
    }

    fn window() -> Window {
        Window {
            start_ns: clock::now_ns(),
            warmup_ns: 0,
            measure_ns: 1_000_000_000,
        }
    }

    #[test]
    fn a_stall_has_its_length_and_ends() {
        let mut child = sleeper();
        let server = Identity::of(child.id()).unwrap();
        let stalling = Stalling::begin(child.id(), stall(5, 20), window()).unwrap();
        let seen = stalling.finish().unwrap();
        assert!(seen.began_ns >= 5_000_000);
        assert!(seen.ended_ns - seen.began_ns >= 20_000_000);
        assert!(!server.is_stopped().unwrap());
        child.kill().unwrap();
        child.wait().unwrap();
    }

    #[test]
    fn a_stall_that_is_dropped_in_the_middle_leaves_nothing_stopped() {
        let mut child = sleeper();
        let server = Identity::of(child.id()).unwrap();
        let stalling = Stalling::begin(child.id(), stall(0, 60_000), window()).unwrap();
        while !server.is_stopped().unwrap() {
            std::thread::yield_now();
        }
        drop(stalling);
        assert!(!server.is_stopped().unwrap());
        child.kill().unwrap();
        child.wait().unwrap();
    }
}
