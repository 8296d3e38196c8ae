//! The known wrongs of a disturbed trial, done to a server from outside everything that counts.

use anyhow::{Result, anyhow, ensure};
use kv::server::Server;
use loader::{Attached, Lossy, LossyConfig};
use steering::{Table, table};

/// The program that loses frames, in front of the server's own.
pub(super) struct Rig {
    _lossy: Lossy,
    _attached: Attached,
}

impl Rig {
    /// Attaches a program that discards `frames` requests and hands the others to the server's
    /// steering program, in place of that program alone.
    pub(super) fn attach(server: &mut Server, frames: u32) -> Result<Self> {
        let config = server.config();
        let device = config
            .interface
            .clone()
            .ok_or_else(|| anyhow!("no device to lose frames on"))?;
        let ports = u16::try_from(config.owners())?;
        let mut lossy = Lossy::load(&LossyConfig {
            frames: u64::from(frames),
            first_port: config.port,
            ports,
        })?;
        let steer = server
            .steer_mut()
            .ok_or_else(|| anyhow!("the server has no XDP program"))?;
        lossy.before(steer)?;
        let attached = lossy.attach(sys::link::ifindex(&device)?)?;
        Ok(Self {
            _lossy: lossy,
            _attached: attached,
        })
    }
}

/// Lets the kernel's table, and only it, name the wrong owner of `slot`.
pub(super) fn misdirect(server: &mut Server, slot: u16) -> Result<()> {
    let owners = server.config().owners();
    ensure!(owners > 1, "with one owner no request can be misdirected");
    let right = server
        .table()
        .entry(slot)
        .ok_or_else(|| anyhow!("there is no slot {slot}"))?;
    let wrong = (table::owner_in(right) + 1) % owners;
    let entry = table::entry(table::epoch_in(right), u16::try_from(wrong)?);
    Ok(server.misdirect_slot(slot, entry)?)
}
