//! The program that gives replies the port that was asked.

use aya::programs::SchedClassifier;
use aya::{Ebpf, EbpfLoader, include_bytes_aligned};
use steering::layout;

use crate::counters::Counters;
use crate::object::{self, program_error};
use crate::slots;
use crate::{Attached, Result, attach};

/// What the program did. All counts are frames.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestoreCounters {
    /// From each owner; owner 0 has the right port already.
    pub replies: Vec<u64>,
    /// From no owner's port: on as they are.
    pub passed: u64,
    /// From an owner's port, but the kernel refused the write: dropped.
    pub dropped: u64,
}

/// The program, loaded: clsact egress that gives what the owners' sockets send the server's port.
pub struct Restore {
    owners: u32,
    ebpf: Ebpf,
    counters: Counters,
}

impl Restore {
    const NAME: &str = "restore";

    /// Loads the program for owners 0 to `owners - 1`, of which `i` sends from port `server_port + i`.
    ///
    /// # Errors
    /// A number of owners out of range (1 to 256), missing privilege, or the verifier's refusal.
    pub fn load(owners: u16, server_port: u16) -> Result<Self> {
        slots::check_owners(u32::from(owners))?;
        let mut loader = EbpfLoader::new();
        let counters = layout::COUNTER_REDIRECTED + u32::from(owners);
        loader
            .override_global("OWNERS", &owners, true)
            .override_global("SERVER_PORT", &server_port, true)
            .map_max_entries(Counters::NAME, counters);
        let object = include_bytes_aligned!(concat!(env!("OUT_DIR"), "/restore"));
        let mut ebpf = object::load(Self::NAME, &mut loader, object)?;
        object::program::<SchedClassifier>(&mut ebpf, Self::NAME)?
            .load()
            .map_err(program_error(Self::NAME))?;
        Ok(Self {
            owners: u32::from(owners),
            counters: Counters::take(&mut ebpf, Self::NAME)?,
            ebpf,
        })
    }

    /// Attaches to the egress side of a device of the calling thread's network namespace: by a tcx
    /// link from kernel 6.6 on, else to clsact (which it adds).
    ///
    /// # Errors
    /// When there is no such device or the kernel refuses.
    pub fn attach_clsact_egress(&mut self, device: &str) -> Result<Attached> {
        let program = object::program(&mut self.ebpf, Self::NAME)?;
        attach::egress(Self::NAME, program, device)
    }

    /// What the program counted so far.
    ///
    /// # Errors
    /// When the map cannot be read.
    pub fn counters(&self) -> Result<RestoreCounters> {
        let counted = self.counters.placed(self.owners)?;
        Ok(RestoreCounters {
            replies: counted.placed,
            passed: counted.passed,
            dropped: counted.refused,
        })
    }
}
