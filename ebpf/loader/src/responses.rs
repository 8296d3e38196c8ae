//! The cache of responses in the path of a server.

use aya::{Ebpf, EbpfLoader, include_bytes_aligned};
use steering::in_kernel::response::Response;

use crate::counters::Counters;
use crate::held::Held;
use crate::object;
use crate::{AnswerCounters, Result, ServerPorts};

/// The program, loaded.
pub struct Responses {
    ebpf: Ebpf,
    /// The responses.
    pub held: Held<Response>,
    counters: Counters,
}

impl Responses {
    const NAME: &str = "responses";
    const VALUES: &str = "RESPONSES";

    /// Loads the program with an empty cache of so many slots, in use or waiting to be free again. What goes to `ports`
    /// are calls.
    ///
    /// # Errors
    /// No slots, missing privilege or memory, or the verifier's refusal.
    pub fn load(ports: ServerPorts, slots: u32) -> Result<Self> {
        let mut loader = EbpfLoader::new();
        Held::<Response>::prepare(&mut loader, &ports, slots, Self::VALUES)?;
        let object = include_bytes_aligned!(concat!(env!("OUT_DIR"), "/responses"));
        let mut ebpf = object::xdp(Self::NAME, &mut loader, object)?;
        Ok(Self {
            held: Held::take(&mut ebpf, Self::NAME, slots, Self::VALUES)?,
            counters: Counters::take(&mut ebpf, Self::NAME)?,
            ebpf,
        })
    }

    /// What the program counted so far.
    ///
    /// # Errors
    /// When the map cannot be read.
    pub fn counters(&self) -> Result<AnswerCounters> {
        self.counters.answers()
    }
}

crate::chain::xdp_methods!(Responses);
