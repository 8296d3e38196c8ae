//! The program that forwards by the kernel's tables.

use aya::{Ebpf, EbpfLoader, include_bytes_aligned};
use steering::forward::Fate;

use crate::counters::Counters;
use crate::object;
use crate::{Error, ForwardCounters, Result};

/// Highest number of a device that the map of ports has room for: 8 bytes each.
const HIGHEST_DEVICE: u32 = 1 << 16;

/// XDP that forwards between devices by the routes, neighbours and settings of their network namespace, loaded.
/// It is to be attached to each device that it forwards from; over veth the devices' peers need an XDP program,
/// or what is sent to them is lost ([`crate::Pass`]).
pub struct Forward {
    ebpf: Ebpf,
    counters: Counters,
}

impl Forward {
    const NAME: &str = "forward";
    const PORTS: &str = "PORTS";

    /// Loads the program for devices with these kernel numbers, in the calling thread's network namespace; what would
    /// leave by others is left to the network stack.
    ///
    /// # Errors
    /// A device number of 0 or above 65536, one that there is not, missing privilege, or the verifier's refusal.
    pub fn load(ports: &[u32]) -> Result<Self> {
        let highest = ports.iter().copied().max().unwrap_or(0);
        if highest > HIGHEST_DEVICE || ports.contains(&0) {
            return Err(Error::BadConfig(
                "forwarding takes devices with kernel numbers from 1 to 65536: make them in a namespace of \
                 their own, where numbers begin anew",
            ));
        }
        let mut loader = EbpfLoader::new();
        loader
            .map_max_entries(Self::PORTS, highest + 1)
            .map_max_entries(Counters::NAME, Fate::ALL.len() as u32);
        let object = include_bytes_aligned!(concat!(env!("OUT_DIR"), "/forward"));
        let mut ebpf = object::xdp(Self::NAME, &mut loader, object)?;
        let mut map = object::devices(&mut ebpf, Self::NAME, Self::PORTS)?;
        for port in ports {
            object::set_device(&mut map, Self::PORTS, *port, *port)?;
        }
        Ok(Self {
            counters: Counters::take(&mut ebpf, Self::NAME)?,
            ebpf,
        })
    }

    /// What the program counted so far.
    ///
    /// # Errors
    /// When the map cannot be read.
    pub fn counters(&self) -> Result<ForwardCounters> {
        self.counters.forward()
    }
}

crate::chain::xdp_methods!(Forward);
