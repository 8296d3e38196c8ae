//! What the phases of a system's life mean for one design.

use super::counters::Counters;
use super::hands::Hands;
use super::isolated::Killed;
use super::{Error, ThreadInfo};

/// One design, between loading and the end. What [`System`](super::System) says of its phases holds here.
pub(super) trait Machine: Send {
    /// Programs on devices, sockets open, forwarding as it is to be.
    fn attach(&mut self) -> Result<(), Error>;

    /// Threads, where there are any.
    fn start(&mut self) -> Result<(), Error>;

    /// The threads of this process; none of a design in the kernel.
    fn hands(&self) -> Option<&Hands>;

    /// The same, to end them.
    fn hands_mut(&mut self) -> Option<&mut Hands>;

    /// What was had.
    fn obtained(&self) -> Vec<(String, String)>;

    /// Adds what was counted.
    fn count(&self, into: &mut Counters) -> Result<(), Error>;

    /// All threads of the system.
    fn threads(&self) -> Vec<ThreadInfo> {
        self.hands().map_or_else(Vec::new, Hands::threads)
    }

    /// Whether no thread has anything to do.
    fn is_quiet(&self) -> Result<bool, Error> {
        self.hands().map_or(Ok(true), Hands::is_quiet)
    }

    /// Ends the threads.
    fn dismiss(&mut self) -> Result<(), Error> {
        match self.hands_mut() {
            Some(hands) => hands.crew.dismiss(),
            None => Ok(()),
        }
    }

    /// Kills a slice's process.
    fn kill(&mut self, slice: u16) -> Result<Killed, Error> {
        Err(no_process(slice))
    }

    /// Starts another one in its place.
    fn restart(&mut self, slice: u16) -> Result<(), Error> {
        Err(no_process(slice))
    }
}

fn no_process(slice: u16) -> Error {
    Error::Config(format!(
        "slice {slice} is no process of its own: only those of an isolated system are"
    ))
}
