//! Packet I/O by one system call a frame, into and out of memory of the process' own: what `raw_socket`,
//! `pcap` and `raw_parallel` share.

use std::io;
use std::os::fd::RawFd;
use std::sync::Arc;

use super::arrival::restore;
use super::dispatch::Detach;
use super::group::{Group, Opened, invalid};
use super::memory::{FRONT, OwnFrame, Pool};
use super::share::Share;
use super::socket::PacketSocket;
use super::transmit::{Calls, Transmitter as _};
use crate::frame::{FrameIo, FrameMut, Port, TAILROOM};
use crate::{BatchIo, IoCounters};

/// Packet sockets that are read and written by system calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlainConfig {
    /// The devices, by their numbers in the calling thread's network namespace; index = port.
    pub ports: Vec<u32>,
    /// Memory for what waits to be received, per socket, in bytes. The kernel charges each frame with its
    /// bookkeeping too: count 1 KiB for a small one.
    pub receive_buffer: usize,
    /// What may be on its way out, per socket, in bytes as the kernel counts.
    pub send_buffer: usize,
    /// Bytes of memory per frame, of which some 80 lie in front of it and 48 behind it.
    pub buffer: usize,
    /// Frames received from one port before they are handed on; each takes a system call.
    pub burst: usize,
    /// Whether frames go to the driver without a queueing discipline.
    pub qdisc_bypass: bool,
}

impl PlainConfig {
    /// Sockets with the default sizes: 8 MiB for what waits, 1 MiB for what is on its way out, frames of up
    /// to 1918 bytes, 32 at a time, and no queueing discipline.
    #[must_use]
    pub const fn new(ports: Vec<u32>) -> Self {
        Self {
            ports,
            receive_buffer: 8 << 20,
            send_buffer: 1 << 20,
            buffer: 2048,
            burst: 32,
            qdisc_bypass: true,
        }
    }

    fn check(&self) -> io::Result<()> {
        if self.ports.is_empty() || self.ports.len() > usize::from(u16::MAX) {
            return Err(invalid("packet sockets need at least one device"));
        }
        if self.buffer < FRONT + 64 + TAILROOM || u32::try_from(self.buffer).is_err() {
            return Err(invalid("a frame's memory must have at least 194 bytes"));
        }
        if self.burst == 0 {
            return Err(invalid("at least one frame must be received at a time"));
        }
        Ok(())
    }

    /// Opens one thread's sockets for each of `threads`.
    pub(super) fn open(&self, threads: &[Part]) -> io::Result<Group<PlainIo>> {
        self.check()?;
        let (mut ios, mut opened) = (Vec::new(), Vec::new());
        for thread in threads {
            let mut ports = Vec::new();
            for port in &self.ports {
                let socket = PacketSocket::new(self.qdisc_bypass)?;
                socket.send_buffer(self.send_buffer)?;
                let receive_buffer = Some(socket.receive_buffer(self.receive_buffer)?);
                socket.bind(*port, true)?;
                let socket = Arc::new(socket);
                ports.push(Calls(Arc::clone(&socket)));
                opened.push(Opened {
                    socket,
                    receive_buffer,
                    rings: None,
                    fanout: false,
                    filter: thread.filter.clone(),
                });
            }
            ios.push(PlainIo {
                ports,
                pool: Pool::new(self.buffer),
                burst: self.burst,
                sender: thread.sender,
                share: thread.share,
                counters: IoCounters::default(),
            });
        }
        Group::let_in(ios, opened)
    }
}

/// What one thread's sockets receive.
#[derive(Debug, Clone, Default)]
pub(super) struct Part {
    /// What the kernel lets in.
    pub(super) filter: Option<Vec<libc::sock_filter>>,
    /// What of it belongs to the thread; all of it without one.
    pub(super) share: Option<Share>,
    /// Whether each call also asks for the sender's address.
    pub(super) sender: bool,
}

/// One thread's packet sockets.
#[derive(Debug)]
pub struct PlainIo {
    ports: Vec<Calls>,
    pool: Pool,
    burst: usize,
    sender: bool,
    share: Option<Share>,
    counters: IoCounters,
}

impl PlainIo {
    fn receive_from(&mut self, port: u16, out: &mut Vec<OwnFrame>) -> io::Result<()> {
        let Calls(socket) = &self.ports[usize::from(port)];
        for _ in 0..self.burst {
            let mut frame = self.pool.take(Port(port));
            let Some(delivered) = socket.receive(frame.room(), self.sender)? else {
                self.pool.put(frame);
                break;
            };
            frame.received(delivered.len);
            // Asked first, and of the same bytes by every thread: so each frame that all of them get is counted as more
            // than a copy by one of them alone.
            let discarded = if self.share.is_some_and(|share| !share.has(frame.bytes())) {
                Some(&mut self.counters.of_others)
            } else if delivered.whole > delivered.len {
                Some(&mut self.counters.truncated)
            } else if !restore(&mut frame.view(), delivered.beside) {
                Some(&mut self.counters.foreign)
            } else {
                None
            };
            match discarded {
                Some(count) => {
                    *count += 1;
                    self.pool.put(frame);
                }
                None => out.push(frame),
            }
        }
        Ok(())
    }
}

impl BatchIo for PlainIo {
    type Frame = OwnFrame;

    fn receive(&mut self, out: &mut Vec<OwnFrame>) -> io::Result<usize> {
        let before = out.len();
        for port in 0..self.ports() {
            self.receive_from(port, out)?;
        }
        let received = out.len() - before;
        self.counters.received += received as u64;
        Ok(received)
    }

    fn release(&mut self, frame: OwnFrame) {
        self.pool.put(frame);
    }

    /// Frames went out when they were sent.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn settle(&mut self) -> io::Result<bool> {
        Ok(true)
    }

    fn has_backlog(&self) -> bool {
        false
    }

    fn woken_by_packet(&mut self) {
        self.counters.wakeups_kernel += 1;
    }

    fn readable(&self) -> Vec<RawFd> {
        self.ports
            .iter()
            .map(|Calls(socket)| socket.raw())
            .collect()
    }

    fn counters(&self) -> IoCounters {
        self.counters.clone()
    }
}

impl FrameIo for PlainIo {
    fn ports(&self) -> u16 {
        self.ports.len() as u16
    }

    fn port(&self, frame: &OwnFrame) -> Port {
        frame.port()
    }

    fn view<'a>(&'a mut self, frame: &'a mut OwnFrame) -> FrameMut<'a> {
        frame.view()
    }

    fn views<'a>(&'a mut self, frames: &'a mut [OwnFrame]) -> impl Iterator<Item = FrameMut<'a>> {
        frames.iter_mut().map(OwnFrame::view)
    }

    fn allocate(&mut self, port: Port) -> Option<OwnFrame> {
        Some(self.pool.take(port))
    }

    fn send(&mut self, frame: OwnFrame, port: Port) {
        let calls = &mut self.ports[usize::from(port.0)];
        calls.send(frame.bytes(), &mut self.counters);
        self.pool.put(frame);
    }
}

impl Detach for PlainIo {
    fn detach(&mut self, frame: OwnFrame) -> OwnFrame {
        frame
    }

    fn reclaim(&mut self, memory: OwnFrame) {
        self.pool.put(memory);
    }
}
