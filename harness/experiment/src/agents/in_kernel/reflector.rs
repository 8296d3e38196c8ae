//! The reflector: an XDP program that sends each request straight back, in the place of a server. What
//! remains of a round trip is the instrument's own.

use anyhow::Result;
use loader::{Attached, Provenance, Reflect, ServerPorts};

use super::InKernel;
use crate::agents::serving::{Counts, Reflector};

/// Loads it for one port.
pub(super) fn load(config: &Reflector) -> Result<Reflect> {
    let ports = ServerPorts::new(config.port, 1);
    if !config.redirects {
        return Ok(Reflect::load(ports)?);
    }
    let device = sys::link::ifindex(&config.device)?;
    Ok(Reflect::load_for(ports, device)?)
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
