//! Partitions that change owners while a server is measured: at one time, or by load again and again.

use anyhow::{Context, Result, ensure};
use kv::server::Server;
use serde::{Deserialize, Serialize};
use spec::{Repartition, Trial};
use steering::passed_on;
use sys::clock;

use super::window::Window;

/// What makes slots change owners.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum SlotMoves {
    /// The spec: so many at one time of the measure phase.
    At(Repartition),
    /// The load that was observed, from the first request on.
    ByLoad {
        /// How often it is looked at, ns.
        every_ns: u64,
    },
}

/// What moving slots came to in the measure phase.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Repartitioned {
    /// Slots that changed owners.
    pub(crate) slots: u64,
    /// Time from order to confirmation, of all moves together, ns.
    pub(crate) took_ns: u64,
}

impl SlotMoves {
    /// What a trial asks for.
    pub(crate) fn of(trial: &Trial) -> Option<Self> {
        let by_load = trial.system.rebalance.map(|every| Self::ByLoad {
            every_ns: every.as_nanos(),
        });
        trial.repartition.map(Self::At).or(by_load)
    }

    /// Moves what is to be moved before the measure phase; returns when that begins.
    pub(super) fn before(self, server: &mut Server, window: Window) -> Result<()> {
        match self {
            Self::At(_) => {}
            Self::ByLoad { every_ns } => {
                by_load(server, every_ns, window.measure_from_ns())?;
            }
        }
        clock::sleep_until_ns(window.measure_from_ns());
        Ok(())
    }

    /// Moves what is to be moved in the measure phase.
    pub(super) fn during(self, server: &mut Server, window: Window) -> Result<Repartitioned> {
        match self {
            Self::At(repartition) => at(server, repartition, window),
            Self::ByLoad { every_ns } => by_load(server, every_ns, window.measure_until_ns()),
        }
    }
}

/// Moves slots at the time that `repartition` names, one after the other, each with its items.
fn at(server: &mut Server, repartition: Repartition, window: Window) -> Result<Repartitioned> {
    clock::sleep_until_ns(window.measure_from_ns() + repartition.after.as_nanos());
    let owners = u16::try_from(server.config().owners())?;
    let moves: Vec<_> = passed_on(owners, repartition.slots).collect();
    let begun_ns = clock::now_ns();
    server
        .move_slots(&moves)
        .with_context(|| format!("moving {} slots", moves.len()))?;
    let ended_ns = clock::now_ns();
    ensure!(
        ended_ns < window.measure_until_ns(),
        "moving {} slots took {} ms, beyond the end of the measure phase: make it longer, or move \
         fewer",
        moves.len(),
        (ended_ns - begun_ns) / 1_000_000
    );
    Ok(Repartitioned {
        slots: moves.len() as u64,
        took_ns: ended_ns - begun_ns,
    })
}

/// Brings the owners' loads together again and again until `until_ns`.
fn by_load(server: &mut Server, every_ns: u64, until_ns: u64) -> Result<Repartitioned> {
    let mut sum = Repartitioned {
        slots: 0,
        took_ns: 0,
    };
    loop {
        let next_ns = clock::now_ns() + every_ns;
        if next_ns >= until_ns {
            return Ok(sum);
        }
        clock::sleep_until_ns(next_ns);
        let begun_ns = clock::now_ns();
        sum.slots += server.rebalance().context("moving slots by load")? as u64;
        sum.took_ns += clock::now_ns() - begun_ns;
    }
}
