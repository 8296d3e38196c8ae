//! The cache on a switch between clients and server: a host with two ports.
//!
//! The program of the cache sits on the port towards the clients. What it does not answer goes out by the port
//! towards the server, and what comes from there goes out by the one towards the clients, both by
//! [`loader::SwitchPort`]: frames are forwarded as they are, and keep their queue where the NAPI threads of the ports
//! are placed for it.

use loader::{Attached, NetCache, SwitchPort};
use serde::{Deserialize, Serialize};
use sys::netns::Namespace;

use crate::server::ServerError;
use crate::server::snapshot::{DropLine, ServerCounters};

/// A switch that requests and replies pass.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SwitchPorts {
    /// A process that lives on it: the switch is that process' network namespace.
    pub host: u32,
    /// The device towards the clients.
    pub to_clients: String,
    /// The device towards the server.
    pub to_server: String,
}

/// The programs on the switch. They are detached with the value.
pub(super) struct OnSwitch {
    _attached: [Attached; 2],
    to_clients: SwitchPort,
    to_server: SwitchPort,
}

impl OnSwitch {
    /// Puts `program` in the path.
    ///
    /// # Errors
    /// When there is no such switch, or its devices take no program.
    pub(super) fn attach(program: &mut NetCache, ports: &SwitchPorts) -> Result<Self, ServerError> {
        let place = || format!("the switch (process {})", ports.host);
        let space = Namespace::of_pid(ports.host).map_err(ServerError::io(place()))?;
        let attach = || -> Result<Self, ServerError> {
            let index = |device: &str| {
                let what = format!("{device} of {}", place());
                sys::link::ifindex(device).map_err(ServerError::io(what))
            };
            let (clients, server) = (index(&ports.to_clients)?, index(&ports.to_server)?);
            let to_server = SwitchPort::load(server)?;
            let mut to_clients = SwitchPort::load(clients)?;
            program.held.before(&to_server)?;
            Ok(Self {
                _attached: [to_clients.attach(server)?, program.attach(clients)?],
                to_clients,
                to_server,
            })
        };
        space.run(attach).map_err(ServerError::io(place()))?
    }

    /// Adds what the ports' programs counted. Frames that the devices lost are not among it.
    ///
    /// # Errors
    /// When a counter cannot be read.
    pub(super) fn add_counters(&self, counters: &mut ServerCounters) -> Result<(), ServerError> {
        for (port, name) in [
            (&self.to_server, "to_server"),
            (&self.to_clients, "to_clients"),
        ] {
            let seen = port.counters()?;
            let forwarded = (format!("switch_{name}"), seen.forwarded);
            counters.related.push(forwarded);
            counters.drops.push(DropLine {
                name: format!("switch_{name}_refused"),
                requests: seen.refused,
                source: "counter of the switch program".to_owned(),
            });
        }
        Ok(())
    }
}
