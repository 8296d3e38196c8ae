//! One owner's kernel sockets.

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::sync::Arc;
use std::time::Duration;

use super::batch::{self, BATCH, Incoming, Outgoing, Peer};
use super::pool::{Buffer, Homes};
use crate::{BatchIo, DatagramIo, IoCounters, Origin, wait};

/// How often a full send buffer is waited for, 1 ms each, before a reply is discarded and counted.
const FULL_WAITS: u32 = 20;

/// Replies queued before they are sent without waiting for the flush.
const QUEUED: usize = 2 * BATCH;

/// A received datagram with its buffer; it can be sent to another owner of the same group.
#[derive(Debug)]
pub struct UdpFrame {
    buffer: Buffer,
    peer: Peer,
    len: u32,
    listener: u16,
    /// The owner who received it, to whom the buffer belongs.
    home: u16,
    port: u16,
}

/// One owner's end of a group of UDP sockets.
#[derive(Debug)]
pub struct UdpIo {
    owner: u16,
    sockets: Arc<Vec<Vec<OwnedFd>>>,
    ports: Vec<u16>,
    homes: Arc<Homes>,
    incoming: Incoming,
    free: Vec<Buffer>,
    /// Buffers of other owners, by owner.
    away: Vec<Vec<Buffer>>,
    outgoing: VecDeque<Outgoing>,
    /// An earlier datagram of the reply at the head of `outgoing` was accepted.
    begun: bool,
    counters: IoCounters,
}

impl UdpIo {
    pub(super) fn new(
        owner: u16,
        sockets: &Arc<Vec<Vec<OwnedFd>>>,
        ports: Vec<u16>,
        homes: &Arc<Homes>,
    ) -> Self {
        Self {
            owner,
            sockets: Arc::clone(sockets),
            ports,
            incoming: Incoming::new(|| homes.allocate()),
            free: Vec::new(),
            away: (0..homes.owners()).map(|_| Vec::new()).collect(),
            outgoing: VecDeque::with_capacity(QUEUED),
            begun: false,
            homes: Arc::clone(homes),
            counters: IoCounters::default(),
        }
    }

    fn own(&self) -> &[OwnedFd] {
        &self.sockets[usize::from(self.owner)]
    }

    /// The socket that answers a datagram: our own where it is bound to the port that the
    /// request addressed, else the receiver's (sending on a shared UDP socket needs no lock).
    fn answering(&self, frame: &UdpFrame) -> RawFd {
        let owner = if self.ports[usize::from(self.owner)] == frame.port {
            self.owner
        } else {
            frame.home
        };
        self.sockets[usize::from(owner)][usize::from(frame.listener)].as_raw_fd()
    }

    fn receive_from(&mut self, listener: usize, out: &mut Vec<UdpFrame>) -> io::Result<usize> {
        let owner = usize::from(self.owner);
        let socket = self.sockets[owner][listener].as_raw_fd();
        let (home, port) = (self.owner, self.ports[owner]);
        let (free, homes) = (&mut self.free, &self.homes);
        let (received, skipped) = self.incoming.receive(socket, |slot, len, peer| {
            let buffer = std::mem::replace(slot, fresh(free, homes, owner));
            let (len, listener) = (len as u32, listener as u16);
            out.push(UdpFrame {
                buffer,
                peer,
                len,
                listener,
                home,
                port,
            });
        })?;
        self.counters.truncated += skipped as u64;
        self.counters.received += (received - skipped) as u64;
        Ok(received - skipped)
    }

    fn queue(&mut self, datagram: Outgoing) {
        self.outgoing.push_back(datagram);
        if self.outgoing.len() >= QUEUED {
            self.send_queued();
        }
    }

    /// Sends everything that is queued; what the kernel keeps refusing is discarded and counted.
    fn send_queued(&mut self) {
        let mut waits = 0;
        while !self.outgoing.is_empty() {
            match batch::send(self.outgoing.make_contiguous()) {
                Ok(sent) => {
                    waits = 0;
                    self.finish(sent, true);
                }
                Err(error) if is_full(&error) && waits < FULL_WAITS => {
                    waits += 1;
                    wait::writable(self.outgoing[0].socket, Duration::from_millis(1));
                }
                Err(_) => {
                    waits = 0;
                    self.finish(1, false);
                }
            }
        }
    }

    /// Takes the first `count` datagrams off the queue, which the kernel accepted or refused.
    fn finish(&mut self, count: usize, accepted: bool) {
        for _ in 0..count {
            let Some(done) = self.outgoing.pop_front() else {
                return;
            };
            match (accepted, done.last) {
                (true, _) => self.counters.transmitted += 1,
                (false, false) => self.counters.no_frame += 1,
                (false, true) if self.begun => self.counters.no_frame += 1,
                (false, true) => self.counters.transmit_refused += 1,
            }
            self.begun = !done.last && (self.begun || accepted);
            self.recycle(done.buffer, done.home);
        }
    }

    fn recycle(&mut self, buffer: Buffer, home: u16) {
        if home == self.owner {
            self.free.push(buffer);
        } else {
            self.away[usize::from(home)].push(buffer);
        }
    }
}

#[cfg(test)]
impl UdpIo {
    pub(super) fn free_buffers(&self) -> usize {
        self.free.len()
    }

    /// Takes home what others gave back; returns how many buffers are free then.
    pub(super) fn collect_home(&mut self) -> usize {
        self.homes.collect(usize::from(self.owner), &mut self.free);
        self.free.len()
    }
}

/// A buffer to receive into: one at hand, one that another owner gave back, or a new one.
fn fresh(free: &mut Vec<Buffer>, homes: &Homes, owner: usize) -> Buffer {
    if free.is_empty() {
        homes.collect(owner, free);
    }
    free.pop().unwrap_or_else(|| homes.allocate())
}

fn is_full(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(libc::EAGAIN | libc::ENOBUFS | libc::EINTR)
    )
}

impl BatchIo for UdpIo {
    type Frame = UdpFrame;

    fn receive(&mut self, out: &mut Vec<UdpFrame>) -> io::Result<usize> {
        let mut received = 0;
        for listener in 0..self.own().len() {
            received += self.receive_from(listener, out)?;
        }
        Ok(received)
    }

    fn release(&mut self, frame: UdpFrame) {
        self.recycle(frame.buffer, frame.home);
    }

    fn flush(&mut self) -> io::Result<()> {
        self.send_queued();
        for (owner, buffers) in self.away.iter_mut().enumerate() {
            if !buffers.is_empty() {
                self.homes.try_give_back(owner, buffers);
            }
        }
        Ok(())
    }

    /// Buffers that could not be given back yet starve nobody: their home allocates others.
    fn settle(&mut self) -> io::Result<bool> {
        self.flush()?;
        Ok(true)
    }

    fn has_backlog(&self) -> bool {
        !self.outgoing.is_empty()
    }

    fn woken_by_packet(&mut self) {
        self.counters.wakeups_kernel += 1;
    }

    fn readable(&self) -> Vec<RawFd> {
        self.own().iter().map(AsRawFd::as_raw_fd).collect()
    }

    fn counters(&self) -> IoCounters {
        self.counters.clone()
    }
}

impl DatagramIo for UdpIo {
    fn origin(&self, frame: &UdpFrame) -> Origin {
        Origin {
            queue: None,
            port: frame.port,
        }
    }

    fn payload<'a>(&'a self, frame: &'a UdpFrame) -> &'a [u8] {
        &frame.buffer[..frame.len as usize]
    }

    fn room<'a>(&'a mut self, frame: &'a mut UdpFrame) -> &'a mut [u8] {
        &mut frame.buffer
    }

    fn shorten(&self, frame: &mut UdpFrame, len: usize) {
        frame.len = frame.len.min(u32::try_from(len).unwrap_or(u32::MAX));
    }

    fn send_copy(&mut self, frame: &UdpFrame, payload: &[u8]) -> bool {
        let mut buffer = fresh(&mut self.free, &self.homes, usize::from(self.owner));
        buffer[..payload.len()].copy_from_slice(payload);
        let socket = self.answering(frame);
        let (home, len, peer) = (self.owner, payload.len(), frame.peer);
        self.queue(Outgoing {
            socket,
            buffer,
            home,
            len,
            peer,
            last: false,
        });
        true
    }

    fn reply(&mut self, frame: UdpFrame, len: usize) {
        assert!(len <= frame.buffer.len(), "longer than the room");
        let socket = self.answering(&frame);
        let UdpFrame {
            buffer, peer, home, ..
        } = frame;
        self.queue(Outgoing {
            socket,
            buffer,
            home,
            len,
            peer,
            last: true,
        });
    }
}
