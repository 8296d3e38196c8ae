//! Whole frames of a slice's ports: received, changed in place, sent by any port in the chunk that they came in.

use std::io;
use std::os::fd::RawFd;
use std::time::Duration;

use steering::forward::NextLink;

use super::ports::{Lane, Ports};
use super::umem::{HEADROOM, Umem};
use crate::frame::{FrameMut, Port};
use crate::{BatchIo, FrameIo, IoCounters, wait};

/// Bytes of the shortest frame that can be sent: an Ethernet header. A shorter one the kernel would refuse
/// without ever giving its chunk back.
const SHORTEST: u32 = packet::ethernet::HEADER_LEN as u32;

/// A frame, as a token that owns its chunk.
///
/// It must come back through [`FrameIo::send`], [`Ports::offer`] or [`BatchIo::release`]: a token that is merely dropped takes
/// its chunk out of circulation, which the ledger goes on showing as held.
#[derive(Debug)]
#[must_use = "a frame that is neither sent nor released is lost to its slice"]
pub struct PortFrame {
    chunk: u64,
    /// Where the frame begins in its chunk.
    at: u32,
    len: u32,
    umem: u32,
    port: Port,
    next_link: Option<NextLink>,
}

impl PortFrame {
    /// Its bytes, from the link header on.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len as usize
    }

    /// Whether it has no bytes: it was just allocated.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    const fn addr(&self) -> u64 {
        self.chunk + self.at as u64
    }

    fn check(&self, umem: &Umem) {
        assert_eq!(self.umem, umem.id(), "the frame belongs to another slice");
    }

    fn view<'a>(&'a mut self, umem: &'a Umem) -> FrameMut<'a> {
        self.check(umem);
        let chunk = chunk_mut(umem, self.chunk);
        FrameMut::new(chunk, &mut self.at, &mut self.len)
    }
}

impl Ports {
    /// Appends at most `most` frames that have arrived to `out`; returns how many. The ports take turns in being the
    /// first that is asked.
    pub fn take(&mut self, most: usize, out: &mut Vec<PortFrame>) -> usize {
        let ports = self.lanes.len();
        let mut taken = 0;
        for turn in 0..ports {
            taken += self.take_from((self.next + turn) % ports, most - taken, out);
        }
        self.next = (self.next + 1) % ports;
        self.counters.received += taken as u64;
        self.counters.chunks += taken as u64;
        self.held += taken as u32;
        taken
    }

    fn take_from(&mut self, port: usize, most: usize, out: &mut Vec<PortFrame>) -> usize {
        let lane = &mut self.lanes[port];
        let mut taken = 0;
        while taken < most
            && let Some(descriptor) = lane.rx.pop()
        {
            let chunk = self.umem.chunk_of(descriptor.addr);
            let next_link = if self.next_links {
                taken_next_link(&self.umem, descriptor.addr)
            } else {
                None
            };
            self.counters.frame_bytes += u64::from(descriptor.len);
            out.push(PortFrame {
                chunk,
                at: (descriptor.addr - chunk) as u32,
                len: descriptor.len,
                umem: self.umem.id(),
                port: Port(port as u16),
                next_link,
            });
            taken += 1;
        }
        if taken > 0 {
            lane.rx.release();
            lane.supply.took(taken as u32);
        }
        taken
    }

    /// Queues the frame for transmission by `port` if its TX ring takes it now, and gives it back if not: nothing is waited
    /// for.
    ///
    /// # Errors
    /// When the device takes nothing any more, or the frame is shorter than a link header or longer than the port's MTU
    /// allows. The frame is released then, and counted as refused.
    ///
    /// # Panics
    /// When there is no such port, or the frame belongs to another slice.
    pub fn offer(&mut self, frame: PortFrame, port: Port) -> io::Result<Option<PortFrame>> {
        frame.check(&self.umem);
        let lane = &mut self.lanes[usize::from(port.0)];
        let queued = if fits(lane, &frame) {
            lane.outlet.offer(frame.addr(), frame.len)
        } else {
            let (len, longest) = (frame.len, lane.longest);
            let what = format!("a frame of {len} bytes, where {SHORTEST} to {longest} can be sent");
            Err(io::Error::new(io::ErrorKind::InvalidInput, what))
        };
        match queued {
            Ok(true) => self.sent(port),
            Ok(false) => return Ok(Some(frame)),
            Err(error) => {
                self.refuse(&frame);
                return Err(error);
            }
        }
        Ok(None)
    }

    /// Waits until the TX ring of a port may take a frame, at most for `timeout`.
    ///
    /// # Panics
    /// When there is no such port.
    pub fn wait_writable(&self, port: Port, timeout: Duration) {
        wait::writable(
            self.lanes[usize::from(port.0)].outlet.socket().raw(),
            timeout,
        );
    }

    fn sent(&mut self, port: Port) {
        self.lanes[usize::from(port.0)].supply.queued();
        self.held -= 1;
        self.counters.transmitted += 1;
    }

    fn refuse(&mut self, frame: &PortFrame) {
        self.counters.transmit_refused += 1;
        self.put_back(frame);
    }

    fn put_back(&mut self, frame: &PortFrame) {
        self.held -= 1;
        self.stock.push(frame.chunk);
    }

    /// Pushes out what is queued and takes back what was sent; whether nothing is left to be pushed out.
    fn turn_over(&mut self) -> io::Result<bool> {
        let mut all = true;
        for lane in &mut self.lanes {
            if lane.outlet.has_backlog() {
                all &= lane.outlet.push_out()?;
            }
            lane.supply.reclaim(&mut self.stock);
        }
        self.feed();
        Ok(all)
    }
}

fn fits(lane: &Lane, frame: &PortFrame) -> bool {
    (SHORTEST..=lane.longest).contains(&frame.len)
}

impl BatchIo for Ports {
    type Frame = PortFrame;

    fn receive(&mut self, out: &mut Vec<PortFrame>) -> io::Result<usize> {
        Ok(self.take(self.batch, out))
    }

    fn release(&mut self, frame: PortFrame) {
        frame.check(&self.umem);
        self.put_back(&frame);
    }

    fn flush(&mut self) -> io::Result<()> {
        self.turn_over().map(drop)
    }

    /// False also while a port has no chunk to receive into: no packet would end the sleep.
    fn settle(&mut self) -> io::Result<bool> {
        let all = self.turn_over()?;
        Ok(all && !self.lanes.iter().any(|lane| lane.supply.is_dry()))
    }

    fn has_backlog(&self) -> bool {
        self.lanes.iter().any(|lane| lane.outlet.has_backlog())
    }

    fn woken_by_packet(&mut self) {
        self.counters.wakeups_kernel += 1;
    }

    fn readable(&self) -> Vec<RawFd> {
        self.lanes
            .iter()
            .map(|lane| lane.outlet.socket().raw())
            .collect()
    }

    fn counters(&self) -> IoCounters {
        self.counters.clone()
    }
}

impl FrameIo for Ports {
    fn ports(&self) -> u16 {
        self.lanes.len() as u16
    }

    fn port(&self, frame: &PortFrame) -> Port {
        frame.port
    }

    fn next_link(&self, frame: &PortFrame) -> Option<NextLink> {
        frame.next_link
    }

    fn view<'a>(&'a mut self, frame: &'a mut PortFrame) -> FrameMut<'a> {
        frame.view(&self.umem)
    }

    fn views<'a>(&'a mut self, frames: &'a mut [PortFrame]) -> impl Iterator<Item = FrameMut<'a>> {
        let umem = &*self.umem;
        frames.iter_mut().map(move |frame| frame.view(umem))
    }

    fn allocate(&mut self, port: Port) -> Option<PortFrame> {
        if self.stock.is_empty() {
            for lane in &mut self.lanes {
                lane.supply.reclaim(&mut self.stock);
            }
        }
        let Some(chunk) = self.stock.pop() else {
            self.counters.no_frame += 1;
            return None;
        };
        self.held += 1;
        Some(PortFrame {
            chunk,
            at: HEADROOM as u32,
            len: 0,
            umem: self.umem.id(),
            port,
            next_link: None,
        })
    }

    fn send(&mut self, frame: PortFrame, port: Port) {
        frame.check(&self.umem);
        let lane = &mut self.lanes[usize::from(port.0)];
        if fits(lane, &frame) && lane.outlet.transmit(frame.addr(), frame.len) {
            self.sent(port);
        } else {
            self.refuse(&frame);
        }
    }
}

/// Takes the note out of a frame that the caller has taken out of a ring.
#[expect(unsafe_code, reason = "a descriptor owns its chunk")]
fn taken_next_link(umem: &Umem, addr: u64) -> Option<NextLink> {
    // SAFETY: the descriptor came out of the RX ring, so that the chunk is ours, and nobody holds a slice of it yet.
    unsafe { umem.take_note(addr, NextLink::of_words) }
}

/// The whole chunk of a frame that the caller holds. Of several frames at once the chunks are several, for no two tokens
/// have one.
#[expect(unsafe_code, reason = "a token owns its chunk")]
#[expect(
    clippy::mut_from_ref,
    reason = "ownership is per chunk, not per memory"
)]
fn chunk_mut(umem: &Umem, chunk: u64) -> &mut [u8] {
    // SAFETY: a token is unique and owns its chunk until it is given back, and the view borrows the token.
    unsafe { umem.slice_mut(chunk, umem.chunk()) }
}
