//! A program in each group of sockets that share an address and a port.

use loader::{Provenance, Reuseport};
use pktio::udp::UdpGroup;

use super::{add_hops, relate};
use crate::server::ServerError;
use crate::server::config::ServerConfig;
use crate::server::snapshot::ServerCounters;

/// See the [module](self). One loaded program a group, for a program can choose only among the sockets
/// of the group that it is asked for.
pub(crate) struct Groups(Vec<Reuseport>);

impl Groups {
    /// Loads the programs and gives them to the groups.
    ///
    /// # Errors
    /// When a program is refused.
    pub(super) fn open(config: &ServerConfig, group: &UdpGroup) -> Result<Self, ServerError> {
        let mut programs = Vec::new();
        for listener in 0..config.addresses.len() {
            let mut program = Reuseport::load(&config.cores)?;
            let sockets = group.sockets_of(listener);
            for (owner, socket) in (0..).zip(&sockets) {
                program.register(owner, socket)?;
            }
            if let Some(first) = sockets.first() {
                program.attach(first)?;
            }
            programs.push(program);
        }
        Ok(Self(programs))
    }

    pub(super) fn set_slot(&mut self, slot: u16, entry: u64) -> Result<(), ServerError> {
        for program in &mut self.0 {
            program.set_slot(slot, entry)?;
        }
        Ok(())
    }

    pub(super) fn add_counters(&self, counters: &mut ServerCounters) -> Result<(), ServerError> {
        for program in &self.0 {
            let placed = program.counters()?;
            relate(counters, "reuseport", &placed);
            // The kernel chose another socket for them.
            counters.relate("reuseport_no_socket".to_owned(), placed.refused);
            add_hops(counters, placed.hopped);
        }
        Ok(())
    }

    pub(super) fn provenance(&self) -> Result<Provenance, ServerError> {
        let Some(program) = self.0.first() else {
            return Err(ServerError::Config("there is no address".to_owned()));
        };
        Ok(program.provenance()?)
    }
}
