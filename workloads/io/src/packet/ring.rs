//! Packet I/O over receive rings that are shared with the kernel: what `pcap_mmap` and `packet_mmap_v3`
//! have in common.
//!
//! A received frame stays where the kernel put it, and is held by its token until it is released or sent.
//! Tokens may be given back in any order; the kernel fills its ring in order, so that what is held for long
//! stops it when it comes round there, and it drops (and counts) what arrives until it gets it back.
//!
//! A thread that sleeps while it holds the frame, or the block, that the kernel filled last is woken at once:
//! the kernel takes it for one that has not been looked at.

use std::io;
use std::os::fd::RawFd;
use std::sync::atomic::{AtomicU32, Ordering};

use packet::ethernet;

use super::arrival::{Beside, restore};
use super::dispatch::Detach;
use super::mapping::Mapping;
use super::memory::{FRONT, OwnFrame, Pool};
use super::transmit::Transmitter;
use crate::frame::{FrameIo, FrameMut, Port, TAILROOM};
use crate::{BatchIo, IoCounters};

/// Frames taken from one port before they are handed on.
const BATCH: usize = 64;

/// A frame as the kernel left it in a ring.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Arrival {
    /// The slot or block that it is given back to.
    pub(super) home: u32,
    /// The memory that it owns, by place in the mapping and length.
    pub(super) chunk: (u32, u32),
    /// Where it begins in there.
    pub(super) at: u32,
    /// Bytes that are there.
    pub(super) len: u32,
    /// Bytes that the frame had.
    pub(super) whole: u32,
    pub(super) beside: Beside,
    /// It was moved, to have room behind it.
    pub(super) moved: bool,
}

/// The receiving end of one port.
pub(super) trait Receiver: Send {
    /// The next frame that the kernel has filled in.
    fn take(&mut self) -> io::Result<Option<Arrival>>;
    /// Gives one frame back; each is given back once.
    fn give_back(&mut self, home: u32);
    /// The memory that its frames lie in.
    fn map(&self) -> &Mapping;
    /// Its name.
    fn id(&self) -> RingId;
    /// What is readable when a frame has arrived.
    fn raw(&self) -> RawFd;
}

/// Tells a ring from others of the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RingId(u32);

impl RingId {
    pub(super) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

/// A received frame, as a token, or one in memory of its own.
///
/// It must come back through [`FrameIo::send`] or [`BatchIo::release`]: a token that is merely dropped
/// takes its place out of the ring.
#[derive(Debug)]
#[must_use = "a frame that is neither sent nor released is lost to its ring"]
pub struct RingFrame(Memory);

impl RingFrame {
    fn view<'a, R: Receiver>(&'a mut self, receivers: &'a [R]) -> FrameMut<'a> {
        match &mut self.0 {
            Memory::Ring(token) => token.view(receivers),
            Memory::Own(own) => own.view(),
        }
    }
}

#[derive(Debug)]
enum Memory {
    Ring(Token),
    Own(OwnFrame),
}

#[derive(Debug)]
struct Token {
    ring: RingId,
    home: u32,
    chunk: (u32, u32),
    at: u32,
    len: u32,
    port: Port,
}

impl Token {
    fn view<'a, R: Receiver>(&'a mut self, receivers: &'a [R]) -> FrameMut<'a> {
        let ring = &receivers[usize::from(self.port.0)];
        assert_eq!(self.ring, ring.id(), "the frame belongs to another ring");
        let chunk = bytes(ring.map(), self.chunk);
        FrameMut::new(chunk, &mut self.at, &mut self.len)
    }
}

/// The memory of a frame that is held by its token.
#[expect(unsafe_code, reason = "a token owns its memory")]
#[expect(
    clippy::mut_from_ref,
    reason = "ownership is per frame, not per mapping"
)]
fn bytes(map: &Mapping, (at, len): (u32, u32)) -> &mut [u8] {
    // SAFETY: a token is unique, is made of what a status word gave us, and no two of a ring overlap; it is
    // borrowed for as long as the slice lives, and its memory is given back only when it is consumed.
    unsafe { map.bytes(at as usize, len as usize) }
}

/// One thread's rings, index = port.
#[derive(Debug)]
pub struct RingIo<R, T> {
    receivers: Vec<R>,
    transmitters: Vec<T>,
    pool: Pool,
    /// The longest frame that memory of the process' own has room for, with what is promised behind it.
    longest: usize,
    counters: IoCounters,
}

#[expect(
    private_bounds,
    reason = "the back ends here choose the ends, nobody else makes any"
)]
impl<R: Receiver, T: Transmitter> RingIo<R, T> {
    /// Frames of a processor's own have memory of `own` bytes.
    pub(super) fn new(receivers: Vec<R>, transmitters: Vec<T>, own: usize) -> Self {
        Self {
            receivers,
            transmitters,
            pool: Pool::new(own),
            longest: own - FRONT - ethernet::VLAN_TAG_LEN - TAILROOM,
            counters: IoCounters::default(),
        }
    }

    fn receive_from(&mut self, port: u16, out: &mut Vec<RingFrame>) -> io::Result<()> {
        for _ in 0..BATCH {
            let ring = &mut self.receivers[usize::from(port)];
            let Some(arrival) = ring.take()? else {
                return Ok(());
            };
            let mut token = Token {
                ring: ring.id(),
                home: arrival.home,
                chunk: arrival.chunk,
                at: arrival.at,
                len: arrival.len,
                port: Port(port),
            };
            self.counters.copies += u64::from(arrival.moved);
            let behind = arrival.chunk.1 - arrival.at - arrival.len;
            let too_long = arrival.len as usize > self.longest || (behind as usize) < TAILROOM;
            let discarded = if too_long || arrival.whole > arrival.len {
                Some(&mut self.counters.truncated)
            } else if !restore(&mut token.view(&self.receivers), arrival.beside) {
                Some(&mut self.counters.foreign)
            } else {
                None
            };
            match discarded {
                Some(count) => {
                    *count += 1;
                    self.receivers[usize::from(port)].give_back(arrival.home);
                }
                None => out.push(RingFrame(Memory::Ring(token))),
            }
        }
        Ok(())
    }
}

impl<R: Receiver, T: Transmitter> BatchIo for RingIo<R, T> {
    type Frame = RingFrame;

    fn receive(&mut self, out: &mut Vec<RingFrame>) -> io::Result<usize> {
        let before = out.len();
        for port in 0..self.ports() {
            self.receive_from(port, out)?;
        }
        let received = out.len() - before;
        self.counters.received += received as u64;
        Ok(received)
    }

    fn release(&mut self, frame: RingFrame) {
        match frame.0 {
            Memory::Ring(token) => {
                let ring = &mut self.receivers[usize::from(token.port.0)];
                assert_eq!(token.ring, ring.id(), "the frame belongs to another ring");
                ring.give_back(token.home);
            }
            Memory::Own(own) => self.pool.put(own),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        for transmitter in &mut self.transmitters {
            transmitter.flush(&mut self.counters)?;
        }
        Ok(())
    }

    /// False while the kernel does not take what waits in a transmit ring.
    fn settle(&mut self) -> io::Result<bool> {
        self.flush()?;
        Ok(!self.has_backlog())
    }

    fn has_backlog(&self) -> bool {
        self.transmitters.iter().any(T::has_backlog)
    }

    fn woken_by_packet(&mut self) {
        self.counters.wakeups_kernel += 1;
    }

    fn readable(&self) -> Vec<RawFd> {
        self.receivers.iter().map(R::raw).collect()
    }

    fn counters(&self) -> IoCounters {
        self.counters.clone()
    }
}

impl<R: Receiver, T: Transmitter> FrameIo for RingIo<R, T> {
    fn ports(&self) -> u16 {
        self.receivers.len() as u16
    }

    fn port(&self, frame: &RingFrame) -> Port {
        match &frame.0 {
            Memory::Ring(token) => token.port,
            Memory::Own(own) => own.port(),
        }
    }

    fn view<'a>(&'a mut self, frame: &'a mut RingFrame) -> FrameMut<'a> {
        frame.view(&self.receivers)
    }

    fn views<'a>(&'a mut self, frames: &'a mut [RingFrame]) -> impl Iterator<Item = FrameMut<'a>> {
        let receivers = &*self.receivers;
        frames.iter_mut().map(move |frame| frame.view(receivers))
    }

    fn allocate(&mut self, port: Port) -> Option<RingFrame> {
        Some(RingFrame(Memory::Own(self.pool.take(port))))
    }

    fn send(&mut self, mut frame: RingFrame, port: Port) {
        let transmitter = &mut self.transmitters[usize::from(port.0)];
        match &mut frame.0 {
            Memory::Ring(token) => {
                let view = token.view(&self.receivers);
                transmitter.send(view.bytes(), &mut self.counters);
            }
            Memory::Own(own) => transmitter.send(own.bytes(), &mut self.counters),
        }
        self.release(frame);
    }
}

impl<R: Receiver, T: Transmitter> Detach for RingIo<R, T> {
    fn detach(&mut self, mut frame: RingFrame) -> OwnFrame {
        let port = self.port(&frame);
        let mut own = self.pool.take(port);
        own.copy(self.view(&mut frame).bytes());
        self.counters.copies += 1;
        self.release(frame);
        own
    }

    fn reclaim(&mut self, memory: OwnFrame) {
        self.pool.put(memory);
    }
}
