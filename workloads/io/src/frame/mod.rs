//! Whole frames between ports: the I/O of packet processors.
//!
//! A port is a device that a thread forwards from and to. Back ends differ in what they copy; they agree
//! in what becomes of a frame: it was received or allocated, and it is sent or released, and each of
//! these is counted.

mod view;

use steering::forward::NextLink;

use crate::BatchIo;

pub use view::{FrameMut, NoRoom};

/// Bytes that lie free in front of a received frame, at least: for what a tunnel or a code puts there.
pub const HEADROOM: usize = 64;
/// Bytes that lie free behind a received frame, at least: for padding and a check value. Where a frame leaves less, it is
/// counted as too long for its memory.
pub const TAILROOM: usize = 48;

/// One of the devices that a thread forwards between, by its place in the thread's list of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Port(pub u16);

/// One thread's whole frames, link header first, over one or more ports.
///
/// Frames are sent on a port in the order of the calls; a back end never reorders what went by one port.
pub trait FrameIo: BatchIo {
    /// How many ports there are; their numbers count from 0.
    fn ports(&self) -> u16;

    /// The port by which the frame came, or for which it was allocated.
    fn port(&self, frame: &Self::Frame) -> Port;

    /// Where the kernel's tables sent the frame when it came, as a program has noted it. Nothing where nobody asked, or the
    /// kernel would not forward it.
    fn next_link(&self, _frame: &Self::Frame) -> Option<NextLink> {
        None
    }

    /// The frame's bytes, from the link header to the last byte before the frame check sequence, and the
    /// room around them: at least [`HEADROOM`] and [`TAILROOM`] of a frame as it was received.
    fn view<'a>(&'a mut self, frame: &'a mut Self::Frame) -> FrameMut<'a>;

    /// The same of several frames at once, in their order, for what is cheaper when done to many of them together.
    fn views<'a>(&'a mut self, frames: &'a mut [Self::Frame])
    -> impl Iterator<Item = FrameMut<'a>>;

    /// An empty frame, with at least [`HEADROOM`], for what a processor sends of its own (an ICMP error,
    /// a repair packet) by `port`. Nothing (and counts it in [`IoCounters::no_frame`](crate::IoCounters::no_frame))
    /// when there is none free.
    fn allocate(&mut self, port: Port) -> Option<Self::Frame>;

    /// Queues the frame for transmission by `port`. What the transmit path does not take in the end is
    /// counted in [`IoCounters::transmit_refused`](crate::IoCounters::transmit_refused).
    fn send(&mut self, frame: Self::Frame, port: Port);
}
