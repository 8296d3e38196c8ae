//! A link in whose middle frames are lost: XDP programs on both devices of a host between two others, which redirect what
//! comes in by the one to the other.

use anyhow::Result;
use loader::{Attached, LossyPath, Provenance, SwitchPort};
use steering::channel::Channel;

use super::InKernel;
use crate::agents::serving;
use crate::agents::serving::Counts;

/// Counter of the frames that were lost.
pub(crate) const LOST: &str = "lost";

/// The programs of both directions; frames are lost in one of them.
pub(super) struct Path {
    queues: u32,
    lossy: LossyPath,
    /// Behind it.
    onward: SwitchPort,
    back: SwitchPort,
    outward: u32,
    attached: Option<Attached>,
}

impl Path {
    /// Loads the programs.
    pub(super) fn load(config: &serving::LossyPath) -> Result<Self> {
        let [inward, outward] =
            [&config.devices[0], &config.devices[1]].map(|it| sys::link::ifindex(it));
        let (inward, outward) = (inward?, outward?);
        let channel = Channel::losing(config.loss, u32::from(config.burst));
        let mut lossy = LossyPath::load(&channel, config.seed)?;
        let onward = SwitchPort::load(outward)?;
        lossy.before(&onward)?;
        Ok(Self {
            queues: u32::from(config.queues),
            lossy,
            onward,
            back: SwitchPort::load(inward)?,
            outward,
            attached: None,
        })
    }
}

impl InKernel for Path {
    fn preload(&mut self) -> Result<()> {
        Ok(())
    }

    fn attach(&mut self, ifindex: u32) -> loader::Result<Attached> {
        self.attached = Some(self.back.attach(self.outward)?);
        self.lossy.attach(ifindex)
    }

    fn provenance(&self) -> loader::Result<Provenance> {
        self.lossy.provenance()
    }

    fn counts(&self) -> Result<Counts> {
        let paths = self.lossy.counters(self.queues)?;
        let passed: u64 = paths.iter().map(|path| path.passed).sum();
        let lost = paths.iter().map(|path| path.lost).sum();
        Ok(Counts {
            executed: passed,
            replies: passed,
            related: vec![
                (LOST.to_owned(), lost),
                ("passed".to_owned(), passed),
                ("onward".to_owned(), self.onward.counters()?.forwarded),
                ("back".to_owned(), self.back.counters()?.forwarded),
            ],
            ..Counts::default()
        })
    }
}
