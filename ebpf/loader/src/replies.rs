//! The program that counts replies and discards them.

use aya::programs::Xdp;
use aya::{Ebpf, EbpfLoader, include_bytes_aligned};

use crate::counters::Counters;
use crate::object::{self, program_error};
use crate::{ClientFilter, ReplyCounters, Result};

/// The program, loaded: a client's end that keeps nothing but counts.
pub struct Replies {
    ebpf: Ebpf,
    counters: Counters,
}

impl Replies {
    const NAME: &str = "replies";

    /// Loads the program.
    ///
    /// # Errors
    /// Missing privilege, or the verifier's refusal.
    pub fn load(filter: ClientFilter) -> Result<Self> {
        let mut loader = EbpfLoader::new();
        loader
            .override_global("SERVER_PORT", &filter.server_port, true)
            .override_global("PORTS", &filter.ports, true);
        let object = include_bytes_aligned!(concat!(env!("OUT_DIR"), "/replies"));
        let mut ebpf = object::load(Self::NAME, &mut loader, object)?;
        object::program::<Xdp>(&mut ebpf, Self::NAME)?
            .load()
            .map_err(program_error(Self::NAME))?;
        let counters = Counters::new(object::per_cpu(&mut ebpf, Self::NAME, Counters::NAME)?);
        Ok(Self { ebpf, counters })
    }

    /// What the program counted so far.
    ///
    /// # Errors
    /// When the map cannot be read.
    pub fn counters(&self) -> Result<ReplyCounters> {
        self.counters.replies()
    }
}

crate::chain::xdp_methods!(Replies);
