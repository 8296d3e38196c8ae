//! An open slice: reading, writing, waiting.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use pktio::af_xdp::{PortFrame, Ports};
use pktio::frame::Port;
use pktio::wait::PollSet;
use pktio::{BatchIo as _, FrameIo as _, IoCounters};
use sys::cpu;

use super::{Decision, Flags, Message, Route, checksum};
use crate::placement::{Plan, SliceCpus};

/// How long a blocking call sleeps before it looks again of itself: while it sends, the device takes frames without saying
/// so.
const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// How long one is waited that has given everything to the kernel, and the kernel stands still.
const STANDSTILL: Duration = Duration::from_micros(20);

/// One slice: queue i of every device, for one thread.
///
/// Routing is [`Chosen`](super::Chosen) unless it was opened with another [`Route`].
#[derive(Debug)]
pub struct Slice<R> {
    number: u16,
    io: Ports,
    route: R,
    plan: Arc<Mutex<Plan>>,
    nonblocking: bool,
    checksums: Flags,
    poll: PollSet,
    taken: Vec<PortFrame>,
    /// What was refused behind others that were written, and why: the answer to the next call, if that begins with it.
    refused: Option<(Message, io::Error)>,
}

impl<R: Route> Slice<R> {
    pub(super) fn new(number: u16, io: Ports, route: R, plan: Arc<Mutex<Plan>>) -> Self {
        let poll = PollSet::new(&io.readable(), None);
        Self {
            number,
            io,
            route,
            plan,
            nonblocking: false,
            checksums: Flags::NONE,
            poll,
            taken: Vec::with_capacity(256),
            refused: None,
        }
    }

    /// Its number: the queue of every device that is its own.
    #[must_use]
    pub const fn number(&self) -> u16 {
        self.number
    }

    /// Its CPUs, as they are now.
    #[must_use]
    pub fn cpus(&self) -> SliceCpus {
        let plan = self.plan.lock().unwrap_or_else(PoisonError::into_inner);
        plan.slices[usize::from(self.number)].clone()
    }

    /// Lets the calling thread run on the slice's u-peers alone (line 23 of Figure 2).
    ///
    /// # Errors
    /// When the process may not use them.
    pub fn run_here(&self) -> io::Result<()> {
        cpu::set_affinity(None, &self.cpus().u_peers)
    }

    /// Whether calls that would block fail with `WouldBlock` instead (O_NONBLOCK).
    pub const fn set_nonblocking(&mut self, nonblocking: bool) {
        self.nonblocking = nonblocking;
    }

    /// Computes these checksums ([`Flags::IP_CHECKSUM`], [`Flags::TRANSPORT_CHECKSUM`]) of every packet that is written from now
    /// on; a message's own flags add to them.
    pub const fn set_tx_checksums(&mut self, checksums: Flags) {
        self.checksums = checksums;
    }

    /// Its frames where they lie: received, changed in place and sent without a copy, by
    /// [`FrameIo`](pktio::FrameIo), also under [`pktio::worker::run`]. Neither routes nor checksums are looked at there.
    pub const fn io(&mut self) -> &mut Ports {
        &mut self.io
    }

    /// Only its frames where they lie, for one who looks at nothing else.
    #[must_use]
    pub fn into_io(self) -> Ports {
        self.io
    }

    /// Who chooses the ports by which packets leave.
    #[must_use]
    pub const fn route(&self) -> &R {
        &self.route
    }

    /// What was read, written and refused so far.
    #[must_use]
    pub fn counters(&self) -> IoCounters {
        self.io.counters()
    }

    /// Reads the next packet.
    ///
    /// # Errors
    /// As [`read_batch`](Self::read_batch).
    pub fn read(&mut self, message: &mut Message) -> io::Result<()> {
        self.read_batch(std::slice::from_mut(message)).map(drop)
    }

    /// Reads the packets that are there, into the first of `messages`; waits for one if there is none. Returns
    /// how many: 0 only where `messages` is empty.
    ///
    /// # Errors
    /// `WouldBlock` when there is none and the slice does not block; or when a device is gone.
    pub fn read_batch(&mut self, messages: &mut [Message]) -> io::Result<usize> {
        if messages.is_empty() {
            return Ok(0);
        }
        while self.io.take(messages.len(), &mut self.taken) == 0 {
            if self.nonblocking {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            self.sleep(LOOK_AGAIN)?;
        }
        let mut count = 0;
        for (message, mut frame) in messages.iter_mut().zip(self.taken.drain(..)) {
            let (port, next_link) = (self.io.port(&frame), self.io.next_link(&frame));
            message.fill(self.io.view(&mut frame).bytes(), port, next_link);
            self.io.release(frame);
            count += 1;
        }
        self.io.flush()?;
        Ok(count)
    }

    /// Waits until a packet can be read, at most for `timeout`; whether there is one.
    ///
    /// # Errors
    /// When a device is gone.
    pub fn poll(&mut self, timeout: Duration) -> io::Result<bool> {
        self.sleep(timeout)
    }

    /// Gives everything back to the kernel and sleeps; whether a packet is there.
    fn sleep(&mut self, timeout: Duration) -> io::Result<bool> {
        if !self.io.settle()? {
            thread::sleep(STANDSTILL.min(timeout));
            return Ok(self.poll.wait(Duration::ZERO)?.packets);
        }
        Ok(self.poll.wait(timeout)?.packets)
    }

    /// Writes one packet.
    ///
    /// # Errors
    /// As [`write_batch`](Self::write_batch).
    pub fn write(&mut self, message: &Message) -> io::Result<()> {
        self.write_batch(std::slice::from_ref(message)).map(drop)
    }

    /// Writes packets, the first of `messages` first; waits while there is no room for one. Returns how many were
    /// written: without blocking it may be fewer than all, and so it may before one that cannot be written at
    /// all, which the next call reports if it begins with that one: it is not tried, and not counted, twice. What was written has been handed to the kernel in one go.
    ///
    /// # Errors
    /// About the first message: `WouldBlock` when there is no room and the slice does not block; `HostUnreachable` when it is
    /// not routed; `InvalidInput` when it is shorter than a link header, longer than the device's MTU allows, or
    /// routed to a port that is not there; or when a device is gone.
    pub fn write_batch(&mut self, messages: &[Message]) -> io::Result<usize> {
        if let Some((refused, error)) = self.refused.take()
            && messages.first() == Some(&refused)
        {
            return Err(error);
        }
        let mut written = 0;
        for message in messages {
            match self.write_waiting(message) {
                Ok(()) => written += 1,
                Err(error) if written == 0 => {
                    self.io.flush()?;
                    return Err(error);
                }
                Err(error) => {
                    if error.kind() != io::ErrorKind::WouldBlock {
                        self.refused = Some((message.clone(), error));
                    }
                    break;
                }
            }
        }
        self.io.flush()?;
        Ok(written)
    }

    fn write_waiting(&mut self, message: &Message) -> io::Result<()> {
        loop {
            let missing = match self.write_now(message)? {
                Queued::Done => return Ok(()),
                missing @ (Queued::Full(_) | Queued::NoFrame) => missing,
            };
            // Pushes out and takes sent frames back, which may be all that is missing.
            self.io.flush()?;
            if self.nonblocking {
                return match self.write_now(message)? {
                    Queued::Done => Ok(()),
                    Queued::Full(_) | Queued::NoFrame => Err(io::ErrorKind::WouldBlock.into()),
                };
            }
            match missing {
                Queued::Full(port) => self.io.wait_writable(port, LOOK_AGAIN),
                // No descriptor tells when a sent frame is back.
                Queued::NoFrame | Queued::Done => thread::sleep(STANDSTILL),
            }
        }
    }

    fn write_now(&mut self, message: &Message) -> io::Result<Queued> {
        let Some(mut frame) = self.io.allocate(message.port) else {
            return Ok(Queued::NoFrame);
        };
        match self.compose(&mut frame, message) {
            Ok(port) => match self.io.offer(frame, port)? {
                None => Ok(Queued::Done),
                Some(frame) => {
                    self.io.release(frame);
                    Ok(Queued::Full(port))
                }
            },
            Err(error) => {
                self.io.release(frame);
                Err(error)
            }
        }
    }

    /// Copies a packet into its frame and decides by which port it leaves.
    fn compose(&mut self, frame: &mut PortFrame, message: &Message) -> io::Result<Port> {
        let ports = self.io.ports();
        let mut view = self.io.view(frame);
        let too_long = |error| io::Error::new(io::ErrorKind::InvalidInput, error);
        view.grow_back(message.bytes().len()).map_err(too_long)?;
        view.bytes_mut().copy_from_slice(message.bytes());
        checksum::finish(view.bytes_mut(), self.checksums.and(message.flags));
        match self.route.route(&mut view, message) {
            Decision::Leave(port) if port.0 < ports => Ok(port),
            Decision::Leave(port) => {
                let what = format!("port {} of {ports}, counted from 0", port.0);
                Err(io::Error::new(io::ErrorKind::InvalidInput, what))
            }
            Decision::Refuse(reason) => Err(io::Error::new(io::ErrorKind::HostUnreachable, reason)),
        }
    }
}

/// What became of one attempt to queue a packet.
enum Queued {
    /// It is queued.
    Done,
    /// The TX ring of this port has no room.
    Full(Port),
    /// No frame is free: all are held, posted or on their way.
    NoFrame,
}
