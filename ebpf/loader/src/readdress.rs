//! The program that writes the owner's port into requests.

use aya::{Ebpf, EbpfLoader, include_bytes_aligned};
use steering::{PartitionTable, layout};

use crate::Result;
use crate::counters::Counters;
use crate::object;
use crate::slots::{self, Slots};

/// The program, loaded: XDP that sends each request up the network stack to the port of its owner.
/// A refusal cannot be seen in its counters but for a frame that changes while it is read.
pub struct Readdress {
    owners: u32,
    ebpf: Ebpf,
    slots: Slots,
    counters: Counters,
}

impl Readdress {
    const NAME: &str = "readdress";

    /// Loads the program with an even table for the owners on these CPUs (1 to 256). Owner `i` listens
    /// on port `server_port + i`; clients know `server_port` alone.
    ///
    /// # Errors
    /// A number of owners out of range, missing privilege, or the verifier's refusal.
    pub fn load(owner_cpus: &[u32], server_port: u16) -> Result<Self> {
        let owners = slots::owners(owner_cpus)?;
        let mut loader = EbpfLoader::new();
        loader
            .override_global("OWNERS", &owners, true)
            .override_global("SERVER_PORT", &server_port, true)
            .override_global("PORTS", &1_u16, true)
            .map_max_entries(slots::OWNER_CPUS, owners)
            .map_max_entries(Counters::NAME, layout::COUNTER_REDIRECTED + owners);
        let object = include_bytes_aligned!(concat!(env!("OUT_DIR"), "/readdress"));
        let mut ebpf = object::xdp(Self::NAME, &mut loader, object)?;
        slots::set_owner_cpus(&mut ebpf, Self::NAME, owner_cpus)?;
        let mut readdress = Self {
            owners,
            slots: Slots::take(&mut ebpf, Self::NAME)?,
            counters: Counters::take(&mut ebpf, Self::NAME)?,
            ebpf,
        };
        readdress.set_table(&PartitionTable::even(owners as u16))?;
        Ok(readdress)
    }
}

slots::placing_methods!(Readdress);
crate::chain::xdp_methods!(Readdress);
