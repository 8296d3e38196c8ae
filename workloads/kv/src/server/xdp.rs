//! What a server's XDP program does beside steering, and what its sockets are like.

use std::num::NonZeroU32;

use loader::{Notes, SteerOptions};
use serde::{Deserialize, Serialize};

use super::ServerError;

/// What is by default, every server over AF_XDP can have; the rest only one whose
/// program steers by key.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct XdpOptions {
    /// The hash of each key goes with its packet, and the owner does not compute it again.
    pub hash_reuse: Option<HashReuse>,
    /// Work for each frame before it is decided, in nanoseconds.
    pub cost_ns: u32,
    /// Chunks of packet memory have 4096 bytes, not 2048.
    pub large_chunks: bool,
    /// The device is to run the program, not its driver.
    pub offload: bool,
    /// A packet may take several chunks.
    pub multi_buffer: bool,
}

/// How hashes are reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct HashReuse {
    /// Of so many requests one is parsed and hashed anew, and what came with the packet is compared.
    pub check_one_in: NonZeroU32,
    /// Slot of the partition table whose keys get a wrong hash, to see that it is noticed.
    pub corrupt_slot: Option<u16>,
}

impl XdpOptions {
    /// The same for the program's loader.
    pub(crate) fn of_program(&self) -> SteerOptions {
        SteerOptions {
            note: self.hash_reuse.map(|reuse| Notes {
                corrupt_slot: reuse.corrupt_slot,
            }),
            cost_ns: self.cost_ns,
        }
    }

    /// Bytes of a chunk of packet memory.
    pub(crate) const fn chunk(&self) -> usize {
        if self.large_chunks { 4096 } else { 2048 }
    }

    /// Whether a server may have them whose program steers by key, or has none.
    ///
    /// # Errors
    /// What it cannot have.
    pub(crate) fn check(&self, steers_by_key: bool) -> Result<(), ServerError> {
        if steers_by_key || *self == Self::default() {
            return Ok(());
        }
        let what = "options of the XDP program belong to a server whose program steers by key";
        Err(ServerError::Config(what.to_owned()))
    }
}
