//! Partitions that change owners while a server is measured.

use anyhow::{Context, Result, ensure};
use kv::server::Server;
use serde::{Deserialize, Serialize};
use spec::Repartition;
use steering::passed_on;
use sys::clock;

use super::window::Window;

/// What a repartition took.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Repartitioned {
    /// Slots that changed owners.
    pub(crate) slots: u64,
    /// From the first order to the last confirmation, ns.
    pub(crate) took_ns: u64,
}

/// Moves slots at the time that `repartition` names, one after the other, each with its items.
pub(super) fn carry_out(
    server: &mut Server,
    repartition: Repartition,
    window: Window,
) -> Result<Repartitioned> {
    clock::sleep_until_ns(window.measure_from_ns() + repartition.after.as_nanos());
    let owners = u16::try_from(server.config().owners())?;
    let (begun_ns, mut slots) = (clock::now_ns(), 0);
    for (slot, owner) in passed_on(owners, repartition.slots) {
        server
            .move_slot(slot, owner)
            .with_context(|| format!("moving slot {slot} to owner {owner}"))?;
        slots += 1;
        ensure!(
            clock::now_ns() < window.measure_until_ns(),
            "{slots} of {} slots were moved when the measure phase ended: make it longer, or move \
             fewer",
            repartition.slots
        );
    }
    Ok(Repartitioned {
        slots,
        took_ns: clock::now_ns() - begun_ns,
    })
}
