//! The program that counts replies and discards them.

use aya::{Ebpf, EbpfLoader, include_bytes_aligned};

use crate::counters::Counters;
use crate::object;
use crate::{ReplyCounters, Result, ServerPorts};

/// The program, loaded: a client's end that keeps nothing but counts.
pub struct Replies {
    ebpf: Ebpf,
    counters: Counters,
}

impl Replies {
    const NAME: &str = "replies";

    /// Loads the program: what comes from `ports` are replies.
    ///
    /// # Errors
    /// Missing privilege, or the verifier's refusal.
    pub fn load(ports: ServerPorts) -> Result<Self> {
        let mut loader = EbpfLoader::new();
        ports.set(&mut loader);
        let object = include_bytes_aligned!(concat!(env!("OUT_DIR"), "/replies"));
        let mut ebpf = object::xdp(Self::NAME, &mut loader, object)?;
        let counters = Counters::take(&mut ebpf, Self::NAME)?;
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
