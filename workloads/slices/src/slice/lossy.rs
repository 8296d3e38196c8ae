//! A path to a sliced device that loses frames, for experiments: what is lost never reaches the slices.

use loader::{Attached, Divert, LossyPath};
use pktio::frame::Port;
use steering::channel::Channel;

/// Where a path ends, and what it loses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LossyPort {
    /// The port by which its frames come.
    pub port: Port,
    /// How frames are lost; each queue's by themselves.
    pub channel: Channel,
    /// Equal seeds lose the same frames.
    pub seed: u64,
}

impl LossyPort {
    /// Attaches the path to the device, in front of the program that gives its frames to slices.
    pub(super) fn attach(
        self,
        before: &Divert,
        ifindex: u32,
    ) -> loader::Result<(LossyPath, Attached)> {
        let mut path = LossyPath::load(&self.channel, self.seed)?;
        path.before(before)?;
        let attached = path.attach(ifindex)?;
        Ok((path, attached))
    }
}
