//! Whether a network namespace forwards packets of its own accord.
//!
//! A host that begins to forward IPv6 joins the group of all routers on each link that knows groups, and reports that by MLD within
//! seconds (seen on Linux 6.18): one or two frames that are no traffic leave by each device.

use std::{io, mem};

use sys::netns::Namespace;
use sys::sysctl::Guard;

use super::Error;

/// The switches of both protocols. The first sets each device's as well.
const SWITCHES: [&str; 2] = ["net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding"];

/// The switches of a namespace. What was switched is put back with this.
#[derive(Debug)]
pub(super) struct Forwarding {
    namespace: Namespace,
    guards: Vec<Guard>,
}

impl Forwarding {
    /// The calling thread's namespace, which is left alone so far.
    pub(super) fn here() -> Result<Self, Error> {
        Ok(Self {
            namespace: Namespace::current().map_err(Error::io("find this namespace"))?,
            guards: Vec::new(),
        })
    }

    /// Switches forwarding on or off. By the thread that the namespace is that of.
    pub(super) fn switch(&mut self, on: bool) -> Result<(), Error> {
        let value = if on { "1" } else { "0" };
        for switch in SWITCHES {
            match Guard::set(switch, value, None) {
                Ok(guard) => self.guards.push(guard),
                // A kernel without IPv6 forwards none.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(Error::io(format!("set {switch}"))(error)),
            }
        }
        Ok(())
    }
}

impl Drop for Forwarding {
    /// A thread sees the settings of its own namespace, and this may be dropped by one that is elsewhere.
    fn drop(&mut self) {
        let guards = mem::take(&mut self.guards);
        if let Err(error) = self.namespace.run(|| drop(guards)) {
            tracing::warn!(%error, "forwarding could not be put back");
        }
    }
}
