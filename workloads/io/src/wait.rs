//! Sleeping until a datagram or a notification arrives.
//!
//! `ppoll(2)` is the only wait here. Busy polling socket options are absent on purpose: on
//! AF_XDP over veth they are accepted and do nothing.

#![expect(
    unsafe_code,
    reason = "ppoll, getrusage and the eventfd read are system calls"
)]

use std::io;
use std::os::fd::RawFd;
use std::ptr;
use std::time::Duration;

/// What a wait found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Ready {
    /// A socket has datagrams.
    pub packets: bool,
    /// The notification descriptor is readable.
    pub notified: bool,
}

/// The descriptors of one thread, polled together.
#[derive(Debug)]
pub struct PollSet {
    fds: Vec<libc::pollfd>,
    sockets: usize,
}

impl PollSet {
    /// Polls `sockets` for datagrams and, where given, an eventfd for notifications.
    #[must_use]
    pub fn new(sockets: &[RawFd], notification: Option<RawFd>) -> Self {
        let fds = sockets
            .iter()
            .copied()
            .chain(notification)
            .map(|fd| libc::pollfd {
                fd,
                events: libc::POLLIN,
                revents: 0,
            })
            .collect();
        Self {
            fds,
            sockets: sockets.len(),
        }
    }

    /// Blocks until something is readable or `timeout` has passed. A signal ends the wait early,
    /// with nothing ready.
    ///
    /// # Errors
    /// When a descriptor is broken (`POLLERR`, `POLLNVAL`), or the system call fails.
    pub fn wait(&mut self, timeout: Duration) -> io::Result<Ready> {
        let timeout = libc::timespec {
            tv_sec: timeout.as_secs() as libc::time_t,
            tv_nsec: libc::c_long::from(timeout.subsec_nanos()),
        };
        // SAFETY: `fds` is a live, exclusively borrowed array of the length passed; the timespec
        // outlives the call; a null mask leaves the signal mask alone.
        let ready = unsafe {
            libc::ppoll(
                self.fds.as_mut_ptr(),
                self.fds.len() as libc::nfds_t,
                &raw const timeout,
                ptr::null(),
            )
        };
        if ready < 0 {
            let error = io::Error::last_os_error();
            if error.kind() == io::ErrorKind::Interrupted {
                return Ok(Ready::default());
            }
            return Err(error);
        }
        self.classify()
    }

    fn classify(&self) -> io::Result<Ready> {
        let mut ready = Ready::default();
        for (index, fd) in self.fds.iter().enumerate() {
            if fd.revents & (libc::POLLNVAL | libc::POLLERR) != 0 && fd.revents & libc::POLLIN == 0
            {
                return Err(io::Error::other(format!(
                    "descriptor {} reports {:#x} to poll",
                    fd.fd, fd.revents
                )));
            }
            if fd.revents & libc::POLLIN != 0 {
                if index < self.sockets {
                    ready.packets = true;
                } else {
                    ready.notified = true;
                }
            }
        }
        Ok(ready)
    }
}

/// Blocks until the socket can send, or `timeout` has passed. An error counts as "try now": the
/// send itself reports it.
pub(crate) fn writable(fd: RawFd, timeout: Duration) {
    let mut fd = libc::pollfd {
        fd,
        events: libc::POLLOUT,
        revents: 0,
    };
    let milliseconds = i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX);
    // SAFETY: one live, exclusively borrowed pollfd.
    unsafe { libc::poll(&raw mut fd, 1, milliseconds) };
}

/// Tells a wait that blocked from one that returned at once.
///
/// The kernel's count of voluntary context switches of the thread rises only when the thread
/// really gave up its CPU, so a datagram that arrives between the last look at the rings and
/// the system call is not mistaken for a wake-up. Read once after each wait; a lock that blocked
/// since the previous wait can make one immediate return look like a sleep.
#[derive(Debug)]
pub struct SleepMeter {
    switches: i64,
}

impl SleepMeter {
    /// Starts from the calling thread's present count. Use it on this thread only.
    #[must_use]
    pub fn new() -> Self {
        Self {
            switches: voluntary_switches(),
        }
    }

    /// Whether the thread slept since the previous call.
    pub fn slept(&mut self) -> bool {
        let now = voluntary_switches();
        let slept = now != self.switches;
        self.switches = now;
        slept
    }
}

impl Default for SleepMeter {
    fn default() -> Self {
        Self::new()
    }
}

fn voluntary_switches() -> i64 {
    // SAFETY: rusage is a plain structure of integers, for which zero is a value.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: the pointer is to a live, writable rusage.
    unsafe { libc::getrusage(libc::RUSAGE_THREAD, &raw mut usage) };
    usage.ru_nvcsw
}

/// Takes all notifications out of a non-blocking eventfd; returns how many were written.
#[must_use]
pub fn drain_eventfd(fd: RawFd) -> u64 {
    let mut count = 0_u64;
    // SAFETY: the destination is a live u64 and the length is its size.
    let read = unsafe { libc::read(fd, (&raw mut count).cast(), size_of::<u64>()) };
    if read == size_of::<u64>() as isize {
        count
    } else {
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::event::{EventfdFlags, eventfd};
    use std::net::UdpSocket;
    use std::os::fd::AsRawFd;

    #[test]
    fn tells_packets_from_notifications_and_silence() {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let event = eventfd(0, EventfdFlags::NONBLOCK).unwrap();
        let mut set = PollSet::new(&[socket.as_raw_fd()], Some(event.as_raw_fd()));
        assert_eq!(set.wait(Duration::ZERO).unwrap(), Ready::default());

        rustix::io::write(&event, &3_u64.to_ne_bytes()).unwrap();
        assert_eq!(
            set.wait(Duration::from_secs(1)).unwrap(),
            Ready {
                packets: false,
                notified: true
            }
        );
        assert_eq!(drain_eventfd(event.as_raw_fd()), 3);
        assert_eq!(drain_eventfd(event.as_raw_fd()), 0);

        socket.send_to(b"x", socket.local_addr().unwrap()).unwrap();
        assert_eq!(
            set.wait(Duration::from_secs(1)).unwrap(),
            Ready {
                packets: true,
                notified: false
            }
        );
    }

    #[test]
    fn a_closed_descriptor_is_an_error() {
        let mut set = PollSet::new(&[1_000_000], None);
        assert!(set.wait(Duration::ZERO).is_err());
    }

    #[test]
    fn the_meter_sees_a_real_sleep() {
        let mut set = PollSet::new(&[], None);
        let mut meter = SleepMeter::new();
        set.wait(Duration::from_millis(5)).unwrap();
        assert!(meter.slept());
        set.wait(Duration::ZERO).unwrap();
        assert!(!meter.slept());
    }
}
