//! The inspector between two links: what comes by one port leaves by the other, as it is.

use std::os::fd::RawFd;

use pktio::FrameIo;
use pktio::frame::Port;
use pktio::worker::{Handler, Woken};

use super::Inspector;

/// A bump in the wire, as in NetSlices' Figure 2: ports make pairs (0 and 1, 2 and 3 ...). What comes by the last of an odd number
/// of ports is inspected and discarded, and counted ([`InspectorCounters::no_other_port`](super::InspectorCounters)).
impl<I: FrameIo> Handler<I> for Inspector {
    fn frame(&mut self, io: &mut I, mut frame: I::Frame) {
        self.inspect(&io.view(&mut frame));
        let other = Port(io.port(&frame).0 ^ 1);
        if other.0 < io.ports() {
            io.send(frame, other);
        } else {
            self.counters.no_other_port += 1;
            io.release(frame);
        }
    }

    fn inbox(&mut self, _io: &mut I) -> usize {
        0
    }

    fn before_sleep(&mut self) -> bool {
        true
    }

    fn after_sleep(&mut self, _why: Woken) {}

    fn notification(&self) -> Option<RawFd> {
        None
    }

    fn tick(&mut self, _io: &mut I, _now_ns: u64) {}
}
