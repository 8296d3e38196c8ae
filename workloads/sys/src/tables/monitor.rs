//! Following the tables as they change.

use std::io;
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd};
use std::time::Duration;

use netlink_packet_route::RouteNetlinkMessage;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::message::change;
use super::{Change, Standing};
use crate::netlink::{Listener, Notice};

/// Groups of reports (linux/rtnetlink.h): links, neighbours, addresses and routes of both families.
const GROUPS: [u32; 6] = [1, 3, 5, 7, 9, 11];

/// Tells of changes.
pub struct Monitor {
    listener: Listener,
}

/// What a monitor heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard {
    /// Everything up to now.
    All,
    /// Reports were lost, since nobody took them in time: the tables are to be read again.
    Lost,
}

impl Monitor {
    /// Follows the tables of the calling thread's network namespace from now on. Reports wait in `buffer` bytes
    /// (which the kernel doubles, and bounds by `net.core.rmem_max`).
    ///
    /// # Errors
    /// When the kernel refuses the socket.
    pub fn open(buffer: usize) -> io::Result<Self> {
        Ok(Self {
            listener: Listener::open(&GROUPS, buffer)?,
        })
    }

    /// Waits until there is something to hear, at most for `limit`; whether there is.
    ///
    /// # Errors
    /// When the wait fails; a signal is no error.
    pub fn wait(&self, limit: Duration) -> io::Result<bool> {
        // Within a second or two, so that the conversion cannot fail.
        let limit = Timespec {
            tv_sec: limit.as_secs() as i64,
            tv_nsec: i64::from(limit.subsec_nanos()),
        };
        let fd = self.listener.as_fd();
        let mut fds = [PollFd::from_borrowed_fd(fd, PollFlags::IN)];
        match poll(&mut fds, Some(&limit)) {
            Ok(ready) => Ok(ready > 0),
            Err(rustix::io::Errno::INTR) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Appends what has changed to `changes`, without waiting.
    ///
    /// # Errors
    /// When the socket is unusable or a report cannot be understood.
    pub fn hear(&mut self, changes: &mut Vec<Change>) -> io::Result<Heard> {
        loop {
            match self.listener.next::<RouteNetlinkMessage>()? {
                Notice::Nothing => return Ok(Heard::All),
                Notice::Lost => return Ok(Heard::Lost),
                Notice::Messages(messages) => {
                    for (message, replaces) in messages {
                        let standing = match replaces {
                            true => Standing::InPlace,
                            false => Standing::Beside,
                        };
                        changes.extend(change(message, standing)?);
                    }
                }
            }
        }
    }
}

impl AsFd for Monitor {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.listener.as_fd()
    }
}

impl std::fmt::Debug for Monitor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Monitor({})", self.listener.as_fd().as_raw_fd())
    }
}
