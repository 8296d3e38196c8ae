//! Whose datagrams a program means.

use std::ops::RangeInclusive;

use aya::EbpfLoader;

/// Consecutive UDP ports of a server, at least one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServerPorts {
    first: u16,
    count: u16,
}

impl ServerPorts {
    /// Port `first` and those after it, `count` in all.
    #[must_use]
    pub const fn new(first: u16, count: u16) -> Self {
        Self { first, count }
    }

    /// Tells the programs of the object that `loader` will load.
    pub(crate) fn set<'a>(&'a self, loader: &mut EbpfLoader<'a>) {
        loader
            .override_global("SERVER_PORT", &self.first, true)
            .override_global("PORTS", &self.count, true);
    }
}

impl From<RangeInclusive<u16>> for ServerPorts {
    fn from(ports: RangeInclusive<u16>) -> Self {
        let first = *ports.start();
        Self::new(first, ports.end().saturating_sub(first).saturating_add(1))
    }
}
