//! What the phases of a system's life mean for one design.

use super::Error;
use super::counters::Counters;
use super::hands::Hands;

/// One design, between loading and the end. What [`System`](super::System) says of its phases holds here.
pub(super) trait Machine: Send {
    /// Programs on devices, sockets open, forwarding as it is to be.
    fn attach(&mut self) -> Result<(), Error>;

    /// Threads, where there are any.
    fn start(&mut self) -> Result<(), Error>;

    /// The threads; none of a design in the kernel.
    fn hands(&self) -> Option<&Hands>;

    /// The same, to end them.
    fn hands_mut(&mut self) -> Option<&mut Hands>;

    /// What was had.
    fn obtained(&self) -> Vec<(String, String)>;

    /// Adds what was counted.
    fn count(&self, into: &mut Counters) -> Result<(), Error>;
}
