//! XDP that writes the owner's port into requests, and clsact that gives replies the server's.

use loader::{Attached, Provenance, Readdress, Restore};

use super::{add_hops, interface, relate};
use crate::server::ServerError;
use crate::server::config::ServerConfig;
use crate::server::snapshot::{DropLine, ServerCounters};

/// See the [module](self).
pub(crate) struct Ports {
    device: String,
    ifindex: u32,
    // The links go before the programs and their maps.
    attached: Option<[Attached; 2]>,
    readdress: Readdress,
    restore: Restore,
}

impl Ports {
    /// Loads both programs.
    ///
    /// # Errors
    /// When there is no interface, or a program is refused.
    pub(super) fn open(config: &ServerConfig) -> Result<Self, ServerError> {
        let (device, ifindex) = interface(config)?;
        let owners = u16::try_from(config.owners())
            .map_err(|_| ServerError::Config("more than 65535 owners".to_owned()))?;
        Ok(Self {
            device,
            ifindex,
            attached: None,
            readdress: Readdress::load(&config.cores, config.port)?,
            restore: Restore::load(owners, config.port)?,
        })
    }

    /// Replies first: no request may be answered from a port that its client does not know.
    pub(super) fn attach(&mut self) -> Result<(), ServerError> {
        if self.attached.is_none() {
            let egress = self.restore.attach_clsact_egress(&self.device)?;
            self.attached = Some([self.readdress.attach(self.ifindex)?, egress]);
        }
        Ok(())
    }

    pub(super) fn detach(&mut self) {
        self.attached = None;
    }

    pub(super) fn set_slot(&mut self, slot: u16, entry: u64) -> Result<(), ServerError> {
        Ok(self.readdress.set_slot(slot, entry)?)
    }

    pub(super) fn add_counters(&self, counters: &mut ServerCounters) -> Result<(), ServerError> {
        let placed = self.readdress.counters()?;
        relate(counters, "xdp", &placed);
        add_hops(counters, placed.hopped);
        // Such a frame went up with its port unchanged.
        counters.relate("xdp_not_readdressed".to_owned(), placed.refused);
        let restored = self.restore.counters()?;
        for (owner, count) in restored.replies.iter().enumerate() {
            counters.relate(format!("restored_replies_{owner}"), *count);
        }
        counters.relate("restore_passed".to_owned(), restored.passed);
        counters.drops.push(DropLine {
            name: "reply_port".to_owned(),
            requests: restored.dropped,
            source: "clsact: dropped".to_owned(),
        });
        Ok(())
    }

    pub(super) fn provenance(&self) -> Result<Provenance, ServerError> {
        Ok(self.readdress.provenance()?)
    }
}
