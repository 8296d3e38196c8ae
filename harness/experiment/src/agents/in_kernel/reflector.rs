//! The reflector: an XDP program that sends each request straight back, in the place of a server. What
//! remains of a round trip is the instrument's own.

use anyhow::Result;
use loader::{Attached, Provenance, Reflect, ServerPorts};

use super::InKernel;
use crate::agents::serving::Counts;

/// Loads it for one port.
pub(super) fn load(port: u16) -> Result<Reflect> {
    Ok(Reflect::load(ServerPorts::new(port, 1))?)
}

impl InKernel for Reflect {
    fn preload(&mut self) -> Result<()> {
        Ok(())
    }

    fn attach(&mut self, ifindex: u32) -> loader::Result<Attached> {
        self.attach(ifindex)
    }

    fn provenance(&self) -> loader::Result<Provenance> {
        self.provenance()
    }

    fn counts(&self) -> Result<Counts> {
        let counters = self.counters()?;
        Ok(Counts {
            executed: counters.reflected,
            replies: counters.reflected,
            related: vec![("xdp_passed".to_owned(), counters.passed)],
            ..Counts::default()
        })
    }
}
