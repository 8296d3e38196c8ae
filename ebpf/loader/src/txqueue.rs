//! The clsact program that chooses the transmit queue.

use aya::programs::SchedClassifier;
use aya::{Ebpf, EbpfLoader, include_bytes_aligned};
use steering::layout::{TX_BY_PORT, TX_BY_RSS};
use steering::rss::{Indirection, KEY_LEN, key_words};

use crate::object::{self, map_error, program_error};
use crate::{Attached, Error, Provenance, Result, attach};

/// How the queue is chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TxQueueConfig {
    /// RSS over addresses and ports.
    Rss {
        /// The Toeplitz key ([`steering::rss::DEFAULT_KEY`]).
        key: [u8; KEY_LEN],
        /// The indirection table.
        indirection: Indirection,
    },
    /// Flow Director: UDP destination port `base` to queue 0, and so on.
    Port {
        /// The port of queue 0.
        base: u16,
        /// Number of queues, at least 1.
        queues: u16,
    },
}

/// The program, loaded.
pub struct TxQueue {
    ebpf: Ebpf,
}

impl TxQueue {
    const NAME: &str = "txqueue";

    /// Loads the program.
    ///
    /// # Errors
    /// A configuration out of range, missing privilege, or the verifier's refusal.
    pub fn load(config: &TxQueueConfig) -> Result<Self> {
        let (mode, key, base, queues, indirection) = match *config {
            TxQueueConfig::Rss { key, indirection } => (TX_BY_RSS, key, 0, 1, indirection),
            TxQueueConfig::Port { base, queues } => {
                (TX_BY_PORT, [0; KEY_LEN], base, queues, Indirection::even(1))
            }
        };
        if queues == 0 {
            return Err(Error::BadConfig("the number of queues must be at least 1"));
        }
        let key = key_words(&key);
        let mut loader = EbpfLoader::new();
        loader
            .override_global("MODE", &mode, true)
            .override_global("KEY", key.as_slice(), true)
            .override_global("BASE_PORT", &base, true)
            .override_global("QUEUES", &queues, true);
        let object = include_bytes_aligned!(concat!(env!("OUT_DIR"), "/txqueue"));
        let mut ebpf = object::load(Self::NAME, &mut loader, object)?;
        object::program::<SchedClassifier>(&mut ebpf, Self::NAME)?
            .load()
            .map_err(program_error(Self::NAME))?;
        let mut map = object::array::<u64>(&mut ebpf, Self::NAME, "INDIRECTION")?;
        for (index, queue) in (0..).zip(indirection.entries()) {
            map.set(index, u64::from(*queue), 0)
                .map_err(map_error("INDIRECTION"))?;
        }
        Ok(Self { ebpf })
    }

    /// Attaches to the egress side of a device of the calling thread's network namespace: by a
    /// tcx link from kernel 6.6 on, else to clsact (which it adds).
    ///
    /// # Errors
    /// When there is no such device or the kernel refuses.
    pub fn attach_clsact_egress(&mut self, device: &str) -> Result<Attached> {
        let program = object::program(&mut self.ebpf, Self::NAME)?;
        attach::egress(Self::NAME, program, device)
    }

    /// The program as the kernel names it.
    ///
    /// # Errors
    /// When the kernel does not tell.
    pub fn provenance(&self) -> Result<Provenance> {
        object::provenance(&self.ebpf, Self::NAME)
    }
}
