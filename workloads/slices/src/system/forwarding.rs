//! Whether a network namespace forwards packets of its own accord.

use std::io;

use sys::netns::Namespace;
use sys::sysctl::Guard;

use super::Error;

/// The switches of both protocols. The first sets each device's as well.
const SWITCHES: [&str; 2] = ["net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding"];

/// The switches of the namespace, as they are to be for as long as this lives.
#[derive(Debug)]
pub(super) struct Forwarding {
    namespace: Namespace,
    guards: Vec<Guard>,
}

impl Forwarding {
    /// Switches forwarding on or off in the calling thread's namespace.
    pub(super) fn set(on: bool) -> Result<Self, Error> {
        let value = if on { "1" } else { "0" };
        let mut guards = Vec::new();
        for switch in SWITCHES {
            match Guard::set(switch, value, None) {
                Ok(guard) => guards.push(guard),
                // A kernel without IPv6 forwards none.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(Error::io(format!("set {switch}"))(error)),
            }
        }
        let namespace = Namespace::current().map_err(Error::io("find this namespace"))?;
        Ok(Self { namespace, guards })
    }
}

impl Drop for Forwarding {
    /// A thread sees the settings of its own namespace, and this may be dropped by one that is elsewhere.
    fn drop(&mut self) {
        let guards = std::mem::take(&mut self.guards);
        if let Err(error) = self.namespace.run(|| drop(guards)) {
            tracing::warn!(%error, "forwarding could not be put back");
        }
    }
}
