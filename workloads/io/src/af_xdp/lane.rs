//! One socket of the mesh with what it needs to send, receive and recycle: an owner's lane to one
//! queue.

use std::io;
use std::os::fd::RawFd;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use super::kernel_ring::{RxRing, RxWatch, TxRing};
use super::mesh::QueueFeeder;
use super::outlet::Outlet;
use super::socket::{Obtained, Xsk};

/// How often, and how long each time, a further datagram waits for a frame to come back.
const FRAME_NAPS: u32 = 200;
const FRAME_NAP: Duration = Duration::from_micros(100);

/// Frames taken at once for further datagrams.
const SPARE: usize = 16;

/// A chunk's worth of a received packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) addr: u64,
    pub(super) len: u32,
}

/// An owner's lane to one receive queue.
#[derive(Debug)]
pub(super) struct Lane {
    rx: RxRing,
    feeder: Arc<QueueFeeder>,
    released: Vec<u64>,
    spare: Vec<u64>,
    /// Chunks of a packet whose last one is still to come.
    parts: Vec<Part>,
    /// Something was received or sent since the feeder was last fed.
    worked: bool,
    at_home: bool,
    outlet: Outlet,
}

impl Lane {
    pub(super) fn new(
        socket: Xsk,
        (rx, tx): (RxRing, TxRing),
        feeder: Arc<QueueFeeder>,
        obtained: Obtained,
        at_home: bool,
    ) -> Self {
        Self {
            rx,
            feeder,
            released: Vec::with_capacity(256),
            spare: Vec::with_capacity(SPARE),
            parts: Vec::new(),
            worked: false,
            at_home,
            outlet: Outlet::new(socket, tx, obtained),
        }
    }

    /// A look at this lane's RX ring for another thread.
    pub(super) fn watch(&self) -> io::Result<RxWatch> {
        self.outlet.socket().watch(self.rx.size())
    }

    /// Whether the TX ring may hold frames that the kernel has not taken.
    pub(super) const fn has_backlog(&self) -> bool {
        self.outlet.has_backlog()
    }

    pub(super) fn raw(&self) -> RawFd {
        self.outlet.socket().raw()
    }

    /// Hands the packets of at most `batch` received chunks to `take`: the first chunk, and the further ones of
    /// a packet that did not fit it.
    pub(super) fn receive(&mut self, batch: usize, mut take: impl FnMut(&mut Self, Part, &[Part])) {
        let mut received = 0;
        while received < batch
            && let Some(descriptor) = self.rx.pop()
        {
            received += 1;
            let part = Part {
                addr: descriptor.addr,
                len: descriptor.len,
            };
            if descriptor.options & libc::XDP_PKT_CONTD != 0 {
                self.parts.push(part);
            } else if self.parts.is_empty() {
                take(self, part, &[]);
            } else {
                let mut parts = std::mem::take(&mut self.parts);
                parts.push(part);
                take(self, parts[0], &parts[1..]);
                parts.clear();
                self.parts = parts;
            }
        }
        if received > 0 {
            self.rx.release();
            self.worked = true;
        }
    }

    pub(super) fn give_back(&mut self, addr: u64) {
        self.released.push(addr);
        self.worked = true;
    }

    /// A frame for a further datagram, out of the reserve. When that is used up, frames on
    /// their way are waited for: a long reply needs more frames than any reserve holds.
    pub(super) fn free_frame(&mut self) -> Option<u64> {
        let mut naps = 0;
        while self.spare.is_empty() {
            self.worked = true;
            self.feeder.lock().take(SPARE, &mut self.spare);
            if self.spare.is_empty() {
                if naps == FRAME_NAPS || self.outlet.push_out().is_err() {
                    return None;
                }
                naps += 1;
                thread::sleep(FRAME_NAP);
            }
        }
        self.spare.pop()
    }

    /// Queues a frame for transmission; false when the ring stayed full and the frame was
    /// discarded.
    pub(super) fn transmit(&mut self, addr: u64, len: u32) -> bool {
        self.worked = true;
        let queued = self.outlet.transmit(addr, len);
        if !queued {
            self.released.push(addr);
        }
        queued
    }

    /// Sends what is queued and, unless another owner is at it, feeds the queue. Returns how
    /// many frames were posted on behalf of another home owner.
    pub(super) fn flush(&mut self) -> io::Result<u64> {
        if self.outlet.has_backlog() {
            self.outlet.push_out()?;
        }
        if !self.worked {
            return Ok(0);
        }
        let Some(mut feed) = self.feeder.try_lock() else {
            return Ok(0);
        };
        let posted = feed.recycle(&mut self.released);
        let kick = posted > 0 && feed.needs_wakeup();
        drop(feed);
        Ok(self.fed(posted, kick))
    }

    /// As [`flush`](Self::flush), waiting for the lock; also whether nothing is left to do.
    pub(super) fn settle(&mut self) -> io::Result<(bool, u64)> {
        let sent = !self.outlet.has_backlog() || self.outlet.push_out()?;
        if !self.worked && self.spare.is_empty() {
            return Ok((sent, 0));
        }
        self.released.append(&mut self.spare);
        let mut feed = self.feeder.lock();
        let posted = feed.recycle(&mut self.released);
        let kick = posted > 0 && feed.needs_wakeup();
        drop(feed);
        Ok((sent, self.fed(posted, kick)))
    }

    fn fed(&mut self, posted: u64, kick: bool) -> u64 {
        self.worked = false;
        if kick && self.outlet.obtained() == Obtained::ZeroCopy {
            self.outlet.socket().kick_receive();
        }
        if self.at_home { 0 } else { posted }
    }
}
