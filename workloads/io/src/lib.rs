//! Packet I/O behind one batched interface, and the worker loop.
//!
//! A server thread owns one [`DatagramIo`]; the same store runs over kernel sockets ([`udp`]) and
//! over AF_XDP ([`af_xdp`]), so that an experiment can tell steering from kernel bypass; and over memory
//! that it shares with its client ([`region`]). A thread that forwards packets owns one [`FrameIo`], which
//! may be the kernel's packet sockets ([`packet`]).
//! Both are a [`BatchIo`], which is what the loop that drives them needs ([`worker::run`]); the
//! generator's side of AF_XDP is [`client`]. What was lost is read from named counters ([`drops`]), never
//! computed by subtraction.

pub mod af_xdp;
mod bpf;
pub mod client;
pub mod drops;
pub mod frame;
pub mod handoff;
pub mod packet;
pub mod region;
pub mod udp;

pub mod wait;
pub mod worker;

use std::io;
use std::os::fd::RawFd;

use steering::KeyNote;

pub use frame::FrameIo;

/// Where a received datagram arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Origin {
    /// Receive queue of the device, where the back end knows it (AF_XDP does).
    pub queue: Option<u16>,
    /// UDP destination port in host byte order: MICA's partition address.
    pub port: u16,
}

/// What one thread's I/O has seen since it was opened. All counts are datagrams unless named otherwise.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct IoCounters {
    /// Datagrams handed to the caller.
    pub received: u64,
    /// Datagrams accepted by the transmit path, further ones of one reply included.
    pub transmitted: u64,
    /// Replies of which the transmit path took no datagram. One that lost only some of its datagrams
    /// is not among them: the client counts it as partial.
    pub transmit_refused: u64,
    /// Of those, the ones that the device counted in its `tx_dropped` as well, for its queue was full.
    pub device_refused: u64,
    /// Attempts to send that the device counted in its `tx_dropped` although the datagram was kept and tried again.
    pub transmit_retried: u64,
    /// Times that the thread slept and packet arrival woke it.
    pub wakeups_kernel: u64,
    /// Frames recycled into the fill ring of a queue whose home is another thread.
    pub frame_returns: u64,
    /// Further datagrams of a reply that found no free frame or no room in the transmit path.
    pub no_frame: u64,
    /// Frames that reached this thread and were none of its business: no UDP datagram for one of its
    /// ports, or with a checksum that its sender left open and that nobody here can fill in.
    pub foreign: u64,
    /// Copies of other threads' frames, where each thread gets a copy of every frame. Whoever owns the frame counts it otherwise.
    pub of_others: u64,
    /// Datagrams longer than a buffer, discarded.
    pub truncated: u64,
    /// Chunks of packet memory that received frames took.
    pub chunks: u64,
    /// Bytes of those frames, from their link headers on.
    pub frame_bytes: u64,
    /// Times that a frame was copied from one memory of this process into another.
    pub copies: u64,
}

/// One thread's batched, non-blocking packet I/O.
///
/// A [`Frame`](BatchIo::Frame) owns what was received until it is given back: with
/// [`release`](BatchIo::release), or by sending it ([`DatagramIo::reply`], [`FrameIo::send`]).
pub trait BatchIo: Send {
    /// A received packet that nothing was decided about yet.
    type Frame: Send + 'static;

    /// Appends what has arrived, at most one batch, to `out`; returns how many.
    ///
    /// # Errors
    /// When the socket or ring is unusable; never for one bad packet.
    fn receive(&mut self, out: &mut Vec<Self::Frame>) -> io::Result<usize>;

    /// Gives a frame back of which nothing is sent (noreply, dropped).
    fn release(&mut self, frame: Self::Frame);

    /// Pushes queued packets out and recycles frames.
    ///
    /// # Errors
    /// When the socket or ring is unusable.
    fn flush(&mut self) -> io::Result<()>;

    /// Flushes, and waits for locks where [`flush`](Self::flush) only tries them: call it before
    /// sleeping. False when something could not be given back yet, so that the thread must not
    /// sleep: a sleeper that holds frames starves the threads that share its queue.
    ///
    /// # Errors
    /// When the socket or ring is unusable.
    fn settle(&mut self) -> io::Result<bool>;

    /// Whether packets still wait for the transmit path to take them.
    fn has_backlog(&self) -> bool;

    /// Tells the counters that packet arrival woke the thread after it really slept.
    fn woken_by_packet(&mut self);

    /// Descriptors whose readability means that a packet arrived.
    fn readable(&self) -> Vec<RawFd>;

    /// What was counted so far.
    fn counters(&self) -> IoCounters;
}

/// One server thread's datagrams and the replies to them.
///
/// A frame may be sent to another
/// thread of the same server and given back through that thread's I/O: this is how software
/// steering hands a request to its owner without copying.
pub trait DatagramIo: BatchIo {
    /// Where the frame arrived.
    fn origin(&self, frame: &Self::Frame) -> Origin;

    /// What was noted of the request's key on its way, by offset in the UDP payload and inside it. Nothing
    /// where nobody noted anything.
    fn key_note(&self, _frame: &Self::Frame) -> Option<KeyNote> {
        None
    }

    /// The UDP payload of the request.
    fn payload<'a>(&'a self, frame: &'a Self::Frame) -> &'a [u8];

    /// The room for a reply, from where the UDP payload starts (at least 1400 bytes). It holds
    /// the request's bytes, of a request that is longer the first of them, until they are overwritten.
    fn room<'a>(&'a mut self, frame: &'a mut Self::Frame) -> &'a mut [u8];

    /// From now on the payload is its first `len` bytes, for what was received is longer than the request:
    /// it was sealed.
    fn shorten(&self, frame: &mut Self::Frame, len: usize);

    /// Sends a datagram of a reply that takes several to where `frame` came from; the last goes by
    /// [`reply`](Self::reply), with no other frame's in between. Returns false (and counts it) when
    /// there is no frame or no room.
    fn send_copy(&mut self, frame: &Self::Frame, payload: &[u8]) -> bool;

    /// Queues the first `len` bytes of the frame's room as the reply, or as its last datagram.
    fn reply(&mut self, frame: Self::Frame, len: usize);
}
