//! A port of a switch.

use aya::{Ebpf, EbpfLoader, include_bytes_aligned};

use crate::counters::Counters;
use crate::object;
use crate::{Result, SwitchCounters};

/// The program that forwards by one port, loaded. It runs where frames come in: attached to the other port, or
/// behind the program that is ([`crate::Held::before`]).
pub struct SwitchPort {
    ebpf: Ebpf,
    counters: Counters,
}

impl SwitchPort {
    const NAME: &str = "switch";

    /// Loads the program; it forwards by the device of this index in the calling thread's network namespace.
    ///
    /// # Errors
    /// When there is no such device, missing privilege, or the verifier's refusal.
    pub fn load(to: u32) -> Result<Self> {
        let object = include_bytes_aligned!(concat!(env!("OUT_DIR"), "/switch"));
        let mut ebpf = object::xdp(Self::NAME, &mut EbpfLoader::new(), object)?;
        let mut port = object::devices(&mut ebpf, Self::NAME, "PORT")?;
        object::set_device(&mut port, "PORT", 0, to)?;
        Ok(Self {
            counters: Counters::take(&mut ebpf, Self::NAME)?,
            ebpf,
        })
    }

    /// What the program counted so far. Frames that the device lost are not among it.
    ///
    /// # Errors
    /// When the map cannot be read.
    pub fn counters(&self) -> Result<SwitchCounters> {
        self.counters.switch()
    }
}

crate::chain::xdp_methods!(SwitchPort);
