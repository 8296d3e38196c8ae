//! A stopped memcached, whose socket fills up meanwhile.
//!
//! SIGSTOP halts all of its threads, and datagrams queue up in its socket as for any process that is
//! not scheduled. Its buffer is enlarged from outside, through a duplicate of its descriptor; by the
//! same way the emptying is watched, which costs memcached nothing.

use std::os::fd::{AsFd, OwnedFd};
use std::process::Child;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rustix::process::{Pid, Signal, kill_process};
use sys::{clock, sockets};

use super::serving::External;

/// What the kernel may charge a socket for one datagram, halved: it doubles a buffer's size.
const CHARGED_BYTES: usize = 1152;
/// What its sockets may have on its way, as the kernel counts: less than veth's queue of 256 frames.
const IN_FLIGHT_BYTES: usize = 160 << 10;
/// How often the socket is looked at: the error of the end of a drain.
const LOOK_EVERY: Duration = Duration::from_micros(100);
/// A signal is taken up later on a busy machine.
const STOPPED: Duration = Duration::from_secs(5);

/// memcached, stopped. Dropping it lets it go on.
#[derive(Debug)]
pub(super) struct Held {
    pid: Pid,
    sockets: Vec<OwnedFd>,
    running: bool,
}

impl Held {
    /// Enlarges the UDP sockets of `child` for the backlog, and stops it.
    pub(super) fn stop(child: &Child, config: &External) -> Result<Self> {
        let pid = Pid::from_child(child);
        let sockets = sockets::duplicates_of_udp(child.id())
            .context("reaching into memcached for its socket (needs CAP_SYS_PTRACE)")?;
        ensure!(!sockets.is_empty(), "memcached has no UDP socket");
        for socket in &sockets {
            // A full link must hold it up, where it would lose replies.
            rustix::net::sockopt::set_socket_send_buffer_size(
                socket,
                IN_FLIGHT_BYTES / sockets.len() / 2,
            )?;
            let bytes = config.backlog as usize * CHARGED_BYTES;
            rustix::net::sockopt::set_socket_recv_buffer_size_force(socket, bytes)
                .context("enlarging memcached's receive buffer (needs CAP_NET_ADMIN)")?;
        }
        kill_process(pid, Signal::STOP)?;
        let held = Self {
            pid,
            sockets,
            running: false,
        };
        held.await_stop(child.id())?;
        Ok(held)
    }

    /// Waits until every thread has stopped.
    fn await_stop(&self, pid: u32) -> Result<()> {
        let deadline = clock::now_ns() + u64::try_from(STOPPED.as_nanos())?;
        while !all_stopped(pid)? {
            ensure!(
                clock::now_ns() < deadline,
                "memcached did not stop within {STOPPED:?}"
            );
            std::thread::sleep(LOOK_EVERY);
        }
        Ok(())
    }

    /// Lets it go on; returns when its sockets were empty (CLOCK_MONOTONIC, ns), by then the last
    /// datagrams were taken by its threads.
    pub(super) fn release(mut self) -> Result<u64> {
        self.go_on()?;
        loop {
            let mut waiting = 0;
            for socket in &self.sockets {
                waiting += sockets::waiting_bytes(socket.as_fd())?;
            }
            if waiting == 0 {
                return Ok(clock::now_ns());
            }
            std::thread::sleep(LOOK_EVERY);
        }
    }

    fn go_on(&mut self) -> Result<()> {
        self.running = true;
        Ok(kill_process(self.pid, Signal::CONT)?)
    }
}

/// Whether every thread of the process is in the state `T`.
fn all_stopped(pid: u32) -> Result<bool> {
    for tid in sys::account::threads_of(pid)? {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/task/{tid}/stat"))?;
        // The name stands in parentheses and may hold anything.
        let state = stat
            .rsplit(')')
            .next()
            .and_then(|rest| rest.trim().chars().next());
        if state != Some('T') {
            return Ok(false);
        }
    }
    Ok(true)
}

impl Drop for Held {
    fn drop(&mut self) {
        if !self.running {
            let _ = self.go_on();
        }
    }
}
