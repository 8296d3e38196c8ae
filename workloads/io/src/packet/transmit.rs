//! Sending: a port takes bytes, wherever they lie.

use std::io;
use std::sync::Arc;

use super::socket::{PacketSocket, Sent};
use crate::IoCounters;

/// The sending end of one port. It takes bytes, so that the frame is free when it returns.
pub trait Transmitter: Send {
    /// Takes a frame, or counts it as refused.
    fn send(&mut self, frame: &[u8], counters: &mut IoCounters);

    /// Makes the kernel take what waits.
    ///
    /// # Errors
    /// When the socket is unusable.
    fn flush(&mut self, counters: &mut IoCounters) -> io::Result<()>;

    /// Whether something waits.
    fn has_backlog(&self) -> bool;
}

/// A port that is written by one system call a frame.
#[derive(Debug)]
pub struct Calls(pub(super) Arc<PacketSocket>);

impl Transmitter for Calls {
    fn send(&mut self, frame: &[u8], counters: &mut IoCounters) {
        match self.0.send(frame) {
            Sent::Taken => counters.transmitted += 1,
            Sent::Dropped => {
                counters.transmit_refused += 1;
                counters.device_refused += 1;
            }
            Sent::Refused => counters.transmit_refused += 1,
        }
    }

    /// Frames went out when they were sent.
    fn flush(&mut self, _counters: &mut IoCounters) -> io::Result<()> {
        Ok(())
    }

    fn has_backlog(&self) -> bool {
        false
    }
}
