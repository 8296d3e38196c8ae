//! What a steering XDP program does beside steering: the `xdp` section of a system.

use garde::Validate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::units::{Bytes, Duration};

/// What a steering program does beside steering. Nothing of it is done by default.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, Validate, JsonSchema,
)]
#[serde(deny_unknown_fields)]
pub struct Xdp {
    /// The program passes each key's hash and place in the packet's metadata, and the owner neither looks
    /// for the key nor hashes it again. Default: false.
    #[garde(skip)]
    #[serde(default, skip_serializing_if = "is_false")]
    pub hash_reuse: bool,
    /// With `hash_reuse`: of so many requests one is parsed and hashed anew, to compare. Default: 64.
    #[garde(inner(range(min = 1, max = 1_000_000)))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub check_one_in: Option<u32>,
    /// Work that the program does for each frame before it decides, as a NIC with slow cores would take
    /// longer; up to 20 us, calibrated when the program is loaded. Default: none.
    #[garde(inner(custom(crate::rules::steering_cost)))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<Duration>,
    /// Bytes of a chunk of packet memory, 2 KiB or 4 KiB; each packet takes one, or several, and leaves the rest of
    /// it unused. Default: 2 KiB.
    #[garde(inner(custom(crate::rules::chunk)))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chunk: Option<Bytes>,
    /// Where the program runs. Default: `native`.
    #[garde(skip)]
    #[serde(default, skip_serializing_if = "XdpMode::is_native")]
    pub mode: XdpMode,
    /// A packet that is longer than a chunk takes several (XDP_USE_SG). Default: false, and it is dropped.
    #[garde(skip)]
    #[serde(default, skip_serializing_if = "is_false")]
    pub multi_buffer: bool,
}

/// Where an XDP program runs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum XdpMode {
    /// In the driver, on the host's CPU.
    #[default]
    Native,
    /// On the NIC (ENCP 2019, figure 2c).
    Offload,
}

impl XdpMode {
    #[expect(
        clippy::trivially_copy_pass_by_ref,
        reason = "serde passes a reference"
    )]
    const fn is_native(&self) -> bool {
        matches!(self, Self::Native)
    }
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
const fn is_false(value: &bool) -> bool {
    !*value
}

impl Xdp {
    /// Seldom enough to cost nothing, often enough that a trial of ten thousand requests is checked more
    /// than a hundred times.
    pub const DEFAULT_CHECK: u32 = 64;
    /// Bytes of a chunk where nothing is said.
    pub const CHUNK: Bytes = Bytes(2 << 10);
    /// The other size that the kernel takes.
    pub const LARGE_CHUNK: Bytes = Bytes(4 << 10);
    /// Bytes of a chunk that the kernel leaves free before each packet.
    const HEADROOM: u64 = 256;

    /// Bytes of the longest frame that one chunk holds, from its link header on.
    #[must_use]
    pub fn longest_frame(self) -> Bytes {
        Bytes(self.chunk.unwrap_or(Self::CHUNK).get() - Self::HEADROOM)
    }

    /// With its defaults written out; nothing where nothing is asked for.
    #[must_use]
    pub fn resolve(self) -> Option<Self> {
        let check = self.check_one_in.unwrap_or(Self::DEFAULT_CHECK);
        let resolved = Self {
            check_one_in: self.hash_reuse.then_some(check),
            chunk: self.chunk.filter(|chunk| *chunk != Self::CHUNK),
            cost: self.cost.filter(|cost| cost.get() > 0),
            ..self
        };
        (resolved != Self::default()).then_some(resolved)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_asks_for_nothing_is_nothing() {
        assert_eq!(Xdp::default().resolve(), None);
        let reuse = Xdp {
            hash_reuse: true,
            ..Xdp::default()
        };
        let resolved = reuse.resolve().unwrap();
        assert_eq!(resolved.check_one_in, Some(Xdp::DEFAULT_CHECK));
        assert_eq!(resolved.resolve(), Some(resolved));
    }
}
