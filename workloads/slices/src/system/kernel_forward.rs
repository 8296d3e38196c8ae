//! `kernel_forward`: the kernel's own router (NetSlices, section 4.2), by the namespace's tables. No program, no thread: its part
//! runs in the NAPI threads of the devices.

use super::counters::Counters;
use super::forwarding::Forwarding;
use super::hands::Hands;
use super::ip_statistics::{ForHost, IpStatistics};
use super::machine::Machine;
use super::{Error, SystemConfig, port_numbers};

/// The kernel's router.
pub(super) struct KernelForward {
    statistics: IpStatistics,
    forwarding: Forwarding,
}

impl KernelForward {
    pub(super) fn load(config: &SystemConfig) -> Result<Self, Error> {
        // Only to know that they are there.
        port_numbers(config)?;
        Ok(Self {
            statistics: IpStatistics::open(ForHost::Lost)?,
            forwarding: Forwarding::here()?,
        })
    }
}

impl Machine for KernelForward {
    fn attach(&mut self) -> Result<(), Error> {
        self.forwarding.switch(true)
    }

    fn start(&mut self) -> Result<(), Error> {
        Ok(())
    }

    fn hands(&self) -> Option<&Hands> {
        None
    }

    fn hands_mut(&mut self) -> Option<&mut Hands> {
        None
    }

    fn obtained(&self) -> Vec<(String, String)> {
        vec![("io".to_owned(), "kernel".to_owned())]
    }

    fn count(&self, into: &mut Counters) -> Result<(), Error> {
        self.statistics.count(into)
    }
}
