//! Whether a network namespace forwards packets of its own accord.
//!
//! A host that begins to forward IPv6 joins the group of all routers on each link that knows groups, and reports that by MLD within
//! seconds (seen on Linux 6.18): one or two frames that are no traffic leave by each device. It does so even where IPv6 is
//! off, so there its switch is left alone. On a link without groups (`sys::link::without_groups`) it does not.

use std::{io, mem};

use sys::netns::Namespace;
use sys::sysctl::{self, Guard};

use super::Error;

/// The switch of IPv4, which sets each device's as well.
const V4: &str = "net.ipv4.ip_forward";
/// The switch of IPv6.
const V6: &str = "net.ipv6.conf.all.forwarding";
/// Says `1` where IPv6 is off.
const V6_OFF: &str = "net.ipv6.conf.all.disable_ipv6";

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
        let mut switches = vec![V4];
        switches.extend(has_v6().map_err(Error::io("ask for IPv6"))?.then_some(V6));
        for switch in switches {
            let guard = Guard::set(switch, value, None);
            self.guards
                .push(guard.map_err(Error::io(format!("set {switch}")))?);
        }
        Ok(())
    }
}

/// Whether there is IPv6 in the calling thread's namespace.
fn has_v6() -> io::Result<bool> {
    match sysctl::read(V6_OFF) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        off => Ok(off?.trim() != "1"),
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
