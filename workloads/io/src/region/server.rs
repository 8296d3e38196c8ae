//! An owner's end: it polls its regions, and its replies go into the slots of their requests.

use std::io;
use std::os::fd::RawFd;
use std::sync::Arc;

use super::{ROOM, Regions, slot};
use crate::{BatchIo, DatagramIo, IoCounters, Origin};

/// Requests taken per call.
const BATCH: usize = 32;

/// A request that was copied out of its slot, which stays its own until it is answered or released.
#[derive(Debug)]
#[must_use = "a slot that is neither answered nor released is lost to its client"]
pub struct RegionFrame {
    owner: u16,
    slot: u32,
    tag: u32,
    len: usize,
    bytes: Vec<u8>,
}

/// One owner's end of the regions.
#[derive(Debug)]
pub struct RegionIo {
    regions: Arc<Regions>,
    me: u16,
    base_port: u16,
    next: u32,
    free: Vec<Vec<u8>>,
    counters: IoCounters,
}

impl RegionIo {
    /// Owner `me`'s end; its partition's address is `base_port + me`.
    #[must_use]
    pub fn new(regions: Arc<Regions>, me: u16, base_port: u16) -> Self {
        Self {
            regions,
            me,
            base_port,
            next: 0,
            free: Vec::new(),
            counters: IoCounters::default(),
        }
    }
}

impl BatchIo for RegionIo {
    type Frame = RegionFrame;

    fn receive(&mut self, out: &mut Vec<RegionFrame>) -> io::Result<usize> {
        let mut received = 0;
        while received < BATCH {
            let words = self.regions.slot(self.me, self.next);
            let mut bytes = self.free.pop().unwrap_or_default();
            let Some(tag) = slot::take(words, &mut bytes) else {
                self.free.push(bytes);
                break;
            };
            let Some(tag) = tag else {
                self.counters.truncated += 1;
                slot::release(words);
                self.free.push(bytes);
                self.next = self.regions.after(self.next);
                continue;
            };
            let len = bytes.len();
            bytes.resize(ROOM, 0);
            out.push(RegionFrame {
                owner: self.me,
                slot: self.next,
                tag,
                len,
                bytes,
            });
            self.next = self.regions.after(self.next);
            received += 1;
        }
        self.counters.received += received as u64;
        Ok(received)
    }

    fn release(&mut self, frame: RegionFrame) {
        slot::release(self.regions.slot(frame.owner, frame.slot));
        self.free.push(frame.bytes);
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn settle(&mut self) -> io::Result<bool> {
        Ok(true)
    }

    fn has_backlog(&self) -> bool {
        false
    }

    fn woken_by_packet(&mut self) {}

    fn readable(&self) -> Vec<RawFd> {
        Vec::new()
    }

    fn counters(&self) -> IoCounters {
        self.counters.clone()
    }
}

impl DatagramIo for RegionIo {
    fn origin(&self, frame: &RegionFrame) -> Origin {
        Origin {
            queue: None,
            port: self.base_port + frame.owner,
        }
    }

    fn payload<'a>(&'a self, frame: &'a RegionFrame) -> &'a [u8] {
        &frame.bytes[..frame.len]
    }

    fn room<'a>(&'a mut self, frame: &'a mut RegionFrame) -> &'a mut [u8] {
        &mut frame.bytes
    }

    fn shorten(&self, frame: &mut RegionFrame, len: usize) {
        frame.len = frame.len.min(len);
    }

    /// A slot holds one datagram.
    fn send_copy(&mut self, _frame: &RegionFrame, _payload: &[u8]) -> bool {
        self.counters.no_frame += 1;
        false
    }

    fn reply(&mut self, frame: RegionFrame, len: usize) {
        let words = self.regions.slot(frame.owner, frame.slot);
        slot::answer(words, frame.tag, &frame.bytes[..len]);
        self.counters.transmitted += 1;
        self.free.push(frame.bytes);
    }
}
