//! How packets come to a system and leave it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The system's packet I/O.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Io {
    /// Kernel UDP sockets.
    Udp,
    /// AF_XDP sockets: kernel bypass.
    AfXdp,
    /// Memory that clients write requests into.
    Memory,
    /// The kernel's network stack, which frames do not leave.
    Kernel,
    /// An XDP program alone.
    Xdp,
    /// Packet sockets (PF_PACKET).
    PacketSocket,
}

impl Io {
    /// The name that the spec uses.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::AfXdp => "af_xdp",
            Self::Memory => "memory",
            Self::Kernel => "kernel",
            Self::Xdp => "xdp",
            Self::PacketSocket => "packet_socket",
        }
    }
}
