//! Two routers in a row with a link of their own between them: what a tunnel and a pair of proxies stand on.
//!
//! Port 0 leads towards the sender and port 1 towards the receiver, at both. So the link between the two is the one's port 1
//! and the other's port 0; what a router does to packets of that link it does on this port, in both directions.

use pktio::frame::Port;
use serde::{Deserialize, Serialize};

/// Which of the two routers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// The sender's: it is where traffic enters the link between.
    Egress,
    /// The receiver's: it is where traffic comes out.
    Ingress,
}

impl Side {
    /// The port of the link between the two.
    #[must_use]
    pub const fn between(self) -> Port {
        match self {
            Self::Egress => Port(1),
            Self::Ingress => Port(0),
        }
    }

    /// The port of its own hosts.
    #[must_use]
    pub const fn hosts(self) -> Port {
        match self {
            Self::Egress => Port(0),
            Self::Ingress => Port(1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_link_between_is_one_link() {
        for side in [Side::Egress, Side::Ingress] {
            assert_ne!(side.between(), side.hosts());
        }
        assert_eq!(Side::Egress.between(), Side::Ingress.hosts());
    }
}
