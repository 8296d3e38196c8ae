//! What is done to a system while it is measured: the `disturb` section. Known wrongs, to see that the instrument notices them; and
//! the end of a slice, to see what the others notice.
//!
//! An instrument that has never reported a loss may be unable to. A disturbed trial has an answer
//! that is known beforehand, and where requests are lost or misrouted it is invalid by design
//! (`experiments/validation/`).

use garde::Validate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::units::Duration;

/// What is done to a server and its packets, outside everything that counts.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, Validate, JsonSchema,
)]
#[serde(deny_unknown_fields)]
pub struct Disturb {
    /// Requests that vanish before the steering program, seen by no counter: the ledger's
    /// remainder must be exactly this.
    #[garde(skip)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lose_frames: Option<u32>,
    /// Slot of the partition table that names the wrong owner in the kernel, and only there:
    /// exactly its requests must be misroutes.
    #[garde(inner(range(min = 0, max = 1023)))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub misdirect_slot: Option<u16>,
    /// Slot of the partition table whose keys get a wrong hash in the packets' metadata (`xdp.hash_reuse`):
    /// exactly those of its requests that are checked must be seen to disagree.
    #[garde(inner(range(min = 0, max = 1023)))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub corrupt_slot: Option<u16>,
    /// The server's process is stopped for a while in the measure phase: every request that is due
    /// meanwhile must be seen to wait.
    #[garde(dive)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stall: Option<Stall>,
    /// The process of a slice is killed in the measure phase (`netslice` with `isolation: process`): the other slices must go
    /// on, and every frame of its queue must be in the ledger.
    #[garde(dive)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kill_slice: Option<KillSlice>,
}

impl Disturb {
    /// Whether it does a known wrong, so that the trial tests the instrument and no system.
    #[must_use]
    pub const fn tests_the_instrument(self) -> bool {
        self.lose_frames.is_some()
            || self.misdirect_slot.is_some()
            || self.corrupt_slot.is_some()
            || self.stall.is_some()
    }
}

/// A pause of the server's process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Validate, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Stall {
    /// From the start of the measure phase to the stop.
    #[garde(skip)]
    pub after: Duration,
    /// From the stop to the continuation.
    #[garde(custom(crate::rules::phase))]
    pub length: Duration,
}

/// The end of a slice's process by SIGKILL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Validate, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KillSlice {
    /// The slice, counted from 0.
    #[garde(skip)]
    pub slice: u16,
    /// From the start of the measure phase to the signal.
    #[garde(custom(crate::rules::phase))]
    pub after: Duration,
}
