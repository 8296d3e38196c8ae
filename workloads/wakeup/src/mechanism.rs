//! The mechanisms behind one small trait; [`crate::measure`](crate::measure()) is generic over it, so nothing is
//! decided per notification.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::event::{EventfdFlags, eventfd};
use rustix::io::{Errno, read, retry_on_intr, write};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::thread::futex;

use crate::slot::Alone;

/// Delivers numbered notifications from one thread to another, one under way at a time.
pub(crate) trait Notifier: Sized + Sync {
    /// Whether the reader sleeps in the kernel.
    const SLEEPS: bool;

    /// Makes one.
    fn new() -> io::Result<Self>;

    /// Notifies; `number` counts from 1 and never wraps.
    fn notify(&self, number: u32) -> io::Result<()>;

    /// Returns when notification `number` has arrived.
    fn wait(&self, number: u32) -> io::Result<()>;
}

/// A notification was delivered twice, or two were merged: the counts of the probe would be wrong.
fn miscounted(what: &str, count: u64) -> io::Error {
    io::Error::other(format!("{what} delivered {count} notifications at once"))
}

/// eventfd(2), blocking, counting.
pub(crate) struct Eventfd(OwnedFd);

impl Notifier for Eventfd {
    const SLEEPS: bool = true;

    fn new() -> io::Result<Self> {
        Ok(Self(eventfd(0, EventfdFlags::CLOEXEC)?))
    }

    fn notify(&self, _: u32) -> io::Result<()> {
        retry_on_intr(|| write(&self.0, &1u64.to_ne_bytes()))?;
        Ok(())
    }

    fn wait(&self, _: u32) -> io::Result<()> {
        let mut count = [0; 8];
        retry_on_intr(|| read(&self.0, &mut count))?;
        match u64::from_ne_bytes(count) {
            1 => Ok(()),
            count => Err(miscounted("the eventfd", count)),
        }
    }
}

/// One byte through a pipe.
pub(crate) struct Pipe {
    reader: OwnedFd,
    writer: OwnedFd,
}

impl Notifier for Pipe {
    const SLEEPS: bool = true;

    fn new() -> io::Result<Self> {
        let (reader, writer) = pipe_with(PipeFlags::CLOEXEC)?;
        Ok(Self { reader, writer })
    }

    fn notify(&self, _: u32) -> io::Result<()> {
        retry_on_intr(|| write(&self.writer, &[1]))?;
        Ok(())
    }

    fn wait(&self, _: u32) -> io::Result<()> {
        let mut bytes = [0; 2];
        match retry_on_intr(|| read(&self.reader, &mut bytes))? {
            1 => Ok(()),
            count => Err(miscounted("the pipe", count as u64)),
        }
    }
}

/// futex(2): the word holds the number of the last notification. Always through the kernel's
/// wake, as a lock's slow path; the wait looks at the word first, as every user of futexes does.
pub(crate) struct Futex(Alone<AtomicU32>);

impl Notifier for Futex {
    const SLEEPS: bool = true;

    fn new() -> io::Result<Self> {
        Ok(Self(Alone::default()))
    }

    fn notify(&self, number: u32) -> io::Result<()> {
        self.0.0.store(number, Ordering::Release);
        futex::wake(&self.0.0, futex::Flags::PRIVATE, 1)?;
        Ok(())
    }

    fn wait(&self, number: u32) -> io::Result<()> {
        loop {
            let seen = self.0.0.load(Ordering::Acquire);
            if seen >= number {
                return Ok(());
            }
            match futex::wait(&self.0.0, futex::Flags::PRIVATE, seen, None) {
                // Woken, or the word changed before the kernel looked, or a signal: look again.
                Ok(()) | Err(Errno::AGAIN | Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// A flag that the reader polls.
pub(crate) struct Spin(Alone<AtomicU32>);

impl Notifier for Spin {
    const SLEEPS: bool = false;

    fn new() -> io::Result<Self> {
        Ok(Self(Alone::default()))
    }

    fn notify(&self, number: u32) -> io::Result<()> {
        self.0.0.store(number, Ordering::Release);
        Ok(())
    }

    fn wait(&self, number: u32) -> io::Result<()> {
        while self.0.0.load(Ordering::Acquire) < number {
            std::hint::spin_loop();
        }
        Ok(())
    }
}
