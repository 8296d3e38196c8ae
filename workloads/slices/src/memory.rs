//! Packet I/O without a network: what arrives is given, and what leaves is kept. For tests and benchmarks.

use std::collections::VecDeque;
use std::io;
use std::os::fd::RawFd;

use pktio::frame::{FrameIo, FrameMut, Port};
use pktio::worker::Handler;
use pktio::{BatchIo, IoCounters};

/// As AF_XDP has it.
const CHUNK: usize = 2048;
const HEADROOM: usize = 256;

/// A frame in a chunk of its own.
#[derive(Debug)]
pub(crate) struct MemoryFrame {
    bytes: Box<[u8]>,
    at: u32,
    len: u32,
    port: Port,
}

impl MemoryFrame {
    fn view(&mut self) -> FrameMut<'_> {
        FrameMut::new(&mut self.bytes, &mut self.at, &mut self.len)
    }
}

/// Two ports in memory.
#[derive(Debug)]
pub(crate) struct Memory {
    arriving: VecDeque<(Port, Vec<u8>)>,
    /// What was sent, in order, if it is kept.
    pub(crate) sent: Vec<(Port, Vec<u8>)>,
    free: Vec<Box<[u8]>>,
    /// Whether what is sent is kept.
    pub(crate) keep: bool,
    /// Frames received or allocated, and neither sent nor released.
    pub(crate) held: usize,
    /// Frames that can still be allocated.
    pub(crate) allocations: usize,
    batch: usize,
    counters: IoCounters,
}

impl Memory {
    /// Hands out batches of so many frames.
    pub(crate) fn new(batch: usize) -> Self {
        Self {
            arriving: VecDeque::new(),
            sent: Vec::new(),
            keep: true,
            free: Vec::new(),
            held: 0,
            allocations: usize::MAX,
            batch,
            counters: IoCounters::default(),
        }
    }

    /// A frame arrives by a port.
    pub(crate) fn arrive(&mut self, port: Port, frame: &[u8]) {
        self.arriving.push_back((port, frame.to_vec()));
    }

    /// Lets a handler work until nothing arrives any more, as a worker does at this time.
    pub(crate) fn run<H: Handler<Self>>(&mut self, handler: &mut H, now_ns: u64) {
        let mut frames = Vec::new();
        loop {
            handler.tick(self, now_ns);
            let received = self.receive(&mut frames).expect("memory");
            for frame in frames.drain(..) {
                handler.frame(self, frame);
            }
            if received == 0 {
                return;
            }
            handler.batch_done(self);
        }
    }

    /// What was sent by a port.
    pub(crate) fn sent_by(&self, port: Port) -> Vec<Vec<u8>> {
        let by = self.sent.iter().filter(|(by, _)| *by == port);
        by.map(|(_, frame)| frame.clone()).collect()
    }

    fn take(&mut self, port: Port) -> MemoryFrame {
        self.held += 1;
        let fresh = || vec![0xcc; CHUNK].into();
        MemoryFrame {
            bytes: self.free.pop().unwrap_or_else(fresh),
            at: HEADROOM as u32,
            len: 0,
            port,
        }
    }

    fn put(&mut self, frame: MemoryFrame) {
        self.held -= 1;
        self.free.push(frame.bytes);
    }
}

impl BatchIo for Memory {
    type Frame = MemoryFrame;

    fn receive(&mut self, out: &mut Vec<MemoryFrame>) -> io::Result<usize> {
        let count = self.batch.min(self.arriving.len());
        for _ in 0..count {
            let Some((port, bytes)) = self.arriving.pop_front() else {
                break;
            };
            let mut frame = self.take(port);
            let mut view = frame.view();
            view.grow_back(bytes.len()).map_err(io::Error::other)?;
            view.bytes_mut().copy_from_slice(&bytes);
            out.push(frame);
        }
        self.counters.received += count as u64;
        Ok(count)
    }

    fn release(&mut self, frame: MemoryFrame) {
        self.put(frame);
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

impl FrameIo for Memory {
    fn ports(&self) -> u16 {
        2
    }

    fn port(&self, frame: &MemoryFrame) -> Port {
        frame.port
    }

    fn view<'a>(&'a mut self, frame: &'a mut MemoryFrame) -> FrameMut<'a> {
        frame.view()
    }

    fn views<'a>(
        &'a mut self,
        frames: &'a mut [MemoryFrame],
    ) -> impl Iterator<Item = FrameMut<'a>> {
        frames.iter_mut().map(MemoryFrame::view)
    }

    fn allocate(&mut self, port: Port) -> Option<MemoryFrame> {
        match self.allocations.checked_sub(1) {
            Some(left) => {
                self.allocations = left;
                Some(self.take(port))
            }
            None => {
                self.counters.no_frame += 1;
                None
            }
        }
    }

    fn send(&mut self, mut frame: MemoryFrame, port: Port) {
        assert!(port.0 < self.ports(), "there is no {port:?}");
        if self.keep {
            self.sent.push((port, frame.view().bytes().to_vec()));
        }
        self.counters.transmitted += 1;
        self.put(frame);
    }
}
