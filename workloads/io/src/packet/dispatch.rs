//! `dispatch_threads`: one reader gives frames to worker threads, which process and send them (NetSlices,
//! sections 2 and 4: user-space Click's role, and how the pcap variants use several CPUs).
//!
//! The reader reads by any of the other back ends. A flow stays with one worker (by its source port), and one
//! ring leads to each, so that no flow is reordered. A frame travels with its memory, which comes back through
//! a ring of its own; out of a receive ring of the kernel's it is copied into such memory first.
//!
//! Nothing is lost between threads: a reader that finds a ring full reads on only when there is room, so that
//! the loss is the socket's and counted there. Workers sleep behind a doorbell, which the reader rings once a
//! batch where it has to.

use std::io;
use std::os::fd::RawFd;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use super::group::{Group, Opened, invalid};
use super::memory::{FRONT, OwnFrame, Pool};
use super::share::thread_of;
use super::socket::PacketSocket;
use super::transmit::{Calls, Transmitter as _};
use crate::frame::{FrameIo, FrameMut, Port, TAILROOM};
use crate::handoff::doorbell::Doorbell;
use crate::handoff::mesh::{self, EventfdPerBatch, mesh};
use crate::worker::{Control, Handler, Woken};
use crate::{BatchIo, IoCounters};

/// Frames taken from the reader at a time.
const BATCH: usize = 64;

/// The reader's place among the threads; worker i has place i + 1.
const READER: usize = 0;

/// How long the reader waits for room in a worker's ring before it looks again.
const FULL_WAIT: Duration = Duration::from_micros(20);

/// I/O whose frames can be handed to another thread.
pub trait Detach: FrameIo {
    /// Takes a frame out, with memory of its own.
    fn detach(&mut self, frame: Self::Frame) -> OwnFrame;

    /// Takes such memory back, or other memory of the same size.
    fn reclaim(&mut self, memory: OwnFrame);
}

/// A reader's workers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dispatch {
    /// The devices by which the workers send: the reader's, in the same order.
    pub ports: Vec<u32>,
    /// Worker threads.
    pub workers: u16,
    /// Frames that wait for one worker at most.
    pub ring: usize,
    /// Bytes of memory per frame: the reader's
    /// ([`PlainConfig::buffer`](super::PlainConfig::buffer), [`PcapMmap::slot_len`](super::pcap_mmap::PcapMmap),
    /// 2048 of [`packet_mmap_v3`](super::packet_mmap_v3)).
    pub buffer: usize,
    /// What may be on its way out, per socket, in bytes as the kernel counts.
    pub send_buffer: usize,
    /// Whether frames go to the driver without a queueing discipline.
    pub qdisc_bypass: bool,
}

impl Dispatch {
    /// Workers with rings of 1024 frames and no queueing discipline.
    #[must_use]
    pub const fn new(ports: Vec<u32>, workers: u16) -> Self {
        Self {
            ports,
            workers,
            ring: 1024,
            buffer: 2048,
            send_buffer: 1 << 20,
            qdisc_bypass: true,
        }
    }

    /// Opens the workers' sockets, which only send, and joins them to a reader, which goes on until `control`
    /// says stop. It is the [`Handler`] of the reading I/O; each worker's own handler goes into
    /// [`WorkerIo::handler`].
    ///
    /// # Errors
    /// No worker at all; when a device is not there, or the process may not open packet sockets.
    pub fn open(&self, control: &Arc<Control>) -> io::Result<(Reader, Group<WorkerIo>)> {
        if self.ports.is_empty()
            || self.workers == 0
            || self.ring == 0
            || self.buffer <= FRONT + TAILROOM
        {
            return Err(invalid(
                "a dispatcher needs devices, workers, rings and memory for frames",
            ));
        }
        let bells: Vec<Doorbell> = (0..=self.workers)
            .map(|_| Doorbell::new())
            .collect::<io::Result<_>>()?;
        let bells: Arc<[Doorbell]> = bells.into();
        let mut ends = mesh(&bells, self.ring).into_iter();
        let reader = Reader {
            rings: ends.next().expect("there is a reader"),
            workers: self.workers,
            control: Arc::clone(control),
            back: Vec::new(),
        };
        let (mut ios, mut opened) = (Vec::new(), Vec::new());
        for (place, rings) in (READER + 1..).zip(ends) {
            let mut ports = Vec::new();
            for port in &self.ports {
                let socket = PacketSocket::new(self.qdisc_bypass)?;
                socket.send_buffer(self.send_buffer)?;
                socket.bind(*port, false)?;
                let socket = Arc::new(socket);
                ports.push(Calls(Arc::clone(&socket)));
                opened.push(Opened {
                    socket,
                    receive_buffer: None,
                    rings: None,
                    fanout: false,
                    filter: None,
                });
            }
            ios.push(WorkerIo {
                place,
                rings,
                bells: Arc::clone(&bells),
                ports,
                pool: Pool::new(self.buffer),
                borrowed: 0,
                counters: IoCounters::default(),
            });
        }
        Ok((reader, Group::let_in(ios, opened)?))
    }
}

/// Gives each received frame to a worker.
#[derive(Debug)]
pub struct Reader {
    rings: mesh::Port<OwnFrame>,
    workers: u16,
    control: Arc<Control>,
    back: Vec<OwnFrame>,
}

impl Reader {
    /// Frames given to `worker` so far, and those of them that it has not taken.
    #[must_use]
    pub fn given(&self, worker: u16) -> (u64, u64) {
        self.rings.outstanding(usize::from(worker) + READER + 1)
    }

    /// Publishes what waits, and takes memory back.
    fn exchange<I: Detach>(&mut self, io: &mut I) {
        self.rings.publish::<EventfdPerBatch>();
        self.rings.receive(BATCH, &mut self.back);
        for memory in self.back.drain(..) {
            io.reclaim(memory);
        }
    }
}

impl<I: Detach> Handler<I> for Reader {
    fn frame(&mut self, io: &mut I, mut frame: I::Frame) {
        let worker = thread_of(io.view(&mut frame).bytes(), self.workers);
        let own = io.detach(frame);
        let place = usize::from(worker) + READER + 1;
        self.rings.send::<EventfdPerBatch>(place, own);
    }

    /// Goes on reading only when every worker's ring has taken what it was given.
    fn batch_done(&mut self, io: &mut I) {
        self.exchange(io);
        while self.rings.congested() && !self.control.stopped() {
            thread::sleep(FULL_WAIT);
            self.exchange(io);
        }
    }

    fn inbox(&mut self, io: &mut I) -> usize {
        self.exchange(io);
        0
    }

    fn before_sleep(&mut self) -> bool {
        true
    }

    fn after_sleep(&mut self, _: Woken) {}

    fn notification(&self) -> Option<RawFd> {
        None
    }

    fn tick(&mut self, _: &mut I, _: u64) {}
}

/// A worker's end: frames from the reader, sockets to send by.
#[derive(Debug)]
pub struct WorkerIo {
    place: usize,
    rings: mesh::Port<OwnFrame>,
    bells: Arc<[Doorbell]>,
    ports: Vec<Calls>,
    pool: Pool,
    /// Frames that were allocated here and not given back: so many pieces of memory stay here when frames
    /// are, and the others go home to the reader.
    borrowed: usize,
    counters: IoCounters,
}

impl WorkerIo {
    /// What the worker runs: `handler`, called when the reader rings.
    #[must_use]
    pub fn handler<H>(&self, handler: H) -> Dispatched<H> {
        Dispatched {
            handler,
            place: self.place,
            bells: Arc::clone(&self.bells),
        }
    }

    fn bell(&self) -> &Doorbell {
        &self.bells[self.place]
    }
}

impl BatchIo for WorkerIo {
    type Frame = OwnFrame;

    fn receive(&mut self, out: &mut Vec<OwnFrame>) -> io::Result<usize> {
        self.bell().awake();
        let received = self.rings.receive(BATCH, out);
        self.counters.received += received as u64;
        Ok(received)
    }

    fn release(&mut self, frame: OwnFrame) {
        if self.borrowed > 0 {
            self.borrowed -= 1;
            self.pool.put(frame);
        } else {
            self.rings.send::<EventfdPerBatch>(READER, frame);
        }
    }

    /// Frames went out when they were sent; their memory goes home.
    fn flush(&mut self) -> io::Result<()> {
        self.rings.publish::<EventfdPerBatch>();
        Ok(())
    }

    /// Also tells the reader that this thread is about to sleep. False when something has arrived meanwhile.
    fn settle(&mut self) -> io::Result<bool> {
        self.flush()?;
        self.bell().announce_sleep();
        let idle = !self.rings.has_inbound();
        if !idle {
            self.bell().awake();
        }
        Ok(idle)
    }

    fn has_backlog(&self) -> bool {
        false
    }

    /// Never called: no descriptor of this I/O tells of packets.
    fn woken_by_packet(&mut self) {}

    fn readable(&self) -> Vec<RawFd> {
        Vec::new()
    }

    fn counters(&self) -> IoCounters {
        self.counters.clone()
    }
}

impl FrameIo for WorkerIo {
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
        self.borrowed += 1;
        Some(self.pool.take(port))
    }

    fn send(&mut self, frame: OwnFrame, port: Port) {
        let calls = &mut self.ports[usize::from(port.0)];
        calls.send(frame.bytes(), &mut self.counters);
        self.release(frame);
    }
}

/// A worker's handler, with the doorbell that the reader rings as its notification.
#[derive(Debug)]
pub struct Dispatched<H> {
    handler: H,
    place: usize,
    bells: Arc<[Doorbell]>,
}

impl<H> Dispatched<H> {
    /// The handler again.
    pub fn into_inner(self) -> H {
        self.handler
    }
}

impl<H: Handler<WorkerIo>> Handler<WorkerIo> for Dispatched<H> {
    fn frame(&mut self, io: &mut WorkerIo, frame: OwnFrame) {
        self.handler.frame(io, frame);
    }

    fn batch_done(&mut self, io: &mut WorkerIo) {
        self.handler.batch_done(io);
    }

    fn inbox(&mut self, io: &mut WorkerIo) -> usize {
        self.handler.inbox(io)
    }

    fn before_sleep(&mut self) -> bool {
        self.handler.before_sleep()
    }

    fn after_sleep(&mut self, why: Woken) {
        self.handler.after_sleep(why);
    }

    fn parked(&mut self) -> bool {
        self.handler.parked()
    }

    /// A handler that others notify needs another way: a thread waits for one notification.
    fn notification(&self) -> Option<RawFd> {
        assert!(
            self.handler.notification().is_none(),
            "a dispatched worker is notified by its reader alone"
        );
        Some(self.bells[self.place].raw_fd())
    }

    fn tick(&mut self, io: &mut WorkerIo, now_ns: u64) {
        self.handler.tick(io, now_ns);
    }
}
