//! The transmitting half of a socket: its TX ring, and the kicks without which nothing leaves it.

use std::io;
use std::time::Duration;

use libc::xdp_desc;

use super::kernel_ring::TxRing;
use super::socket::{Obtained, Xsk};
use crate::wait;

/// Kicks without progress after which a flush leaves the rest for the next one.
const IDLE_KICKS: u32 = 2;

/// How often a full TX ring is waited for, 1 ms each, before a frame is refused.
const FULL_WAITS: u32 = 20;

/// One socket's way out.
#[derive(Debug)]
pub(super) struct Outlet {
    tx: TxRing,
    /// The TX ring may hold descriptors that the kernel has not taken.
    unsent: bool,
    obtained: Obtained,
    socket: Xsk,
}

impl Outlet {
    pub(super) const fn new(socket: Xsk, tx: TxRing, obtained: Obtained) -> Self {
        Self {
            tx,
            unsent: false,
            obtained,
            socket,
        }
    }

    pub(super) const fn socket(&self) -> &Xsk {
        &self.socket
    }

    pub(super) const fn obtained(&self) -> Obtained {
        self.obtained
    }

    /// Whether the TX ring may hold frames that the kernel has not taken.
    pub(super) const fn has_backlog(&self) -> bool {
        self.unsent
    }

    /// Frames in the TX ring that the kernel has not taken.
    pub(super) fn waiting(&mut self) -> u32 {
        self.tx.outstanding()
    }

    /// Queues a frame for transmission, after pushing out what is queued where the ring is full; false when it
    /// stayed full, and nothing was queued. It never waits.
    pub(super) fn offer(&mut self, addr: u64, len: u32) -> io::Result<bool> {
        let descriptor = xdp_desc {
            addr,
            len,
            options: 0,
        };
        if !self.tx.push(descriptor) {
            self.push_out()?;
            if !self.tx.push(descriptor) {
                return Ok(false);
            }
        }
        self.unsent = true;
        Ok(true)
    }

    /// As [`offer`](Self::offer), waiting for a full ring a while; false also when the device takes nothing.
    pub(super) fn transmit(&mut self, addr: u64, len: u32) -> bool {
        for _ in 0..FULL_WAITS {
            match self.offer(addr, len) {
                Ok(true) => return true,
                Ok(false) => wait::writable(self.socket.raw(), Duration::from_millis(1)),
                Err(_) => return false,
            }
        }
        self.offer(addr, len).unwrap_or(false)
    }

    /// Publishes the TX ring and kicks until the kernel has taken all of it or stands still.
    /// True when all was taken.
    pub(super) fn push_out(&mut self) -> io::Result<bool> {
        self.tx.publish();
        let mut left = self.tx.outstanding();
        let mut idle = 0;
        while left > 0 && idle < IDLE_KICKS {
            // A zero-copy driver drains by itself unless it asks. In copy mode nothing moves
            // without the kick, whatever the flag says.
            if self.obtained == Obtained::ZeroCopy && !self.tx.needs_wakeup() {
                left = 0;
                break;
            }
            self.socket.kick()?;
            let now = self.tx.outstanding();
            idle = if now == left { idle + 1 } else { 0 };
            left = now;
        }
        self.unsent = left > 0;
        Ok(left == 0)
    }
}
