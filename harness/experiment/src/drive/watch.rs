//! A look at the whole machine around a load, from outside the roles.

use std::collections::BTreeSet;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Result, anyhow};
use loader::RunTimes;
use record::{Machine, ProgramRuns};
use sys::account::{Others, Scan};
use sys::clock;
use sys::cpu::CpuId;

use crate::agents::window::Window;

/// The first look ends before the phase begins, the second begins after its end: reading the account
/// of every task takes milliseconds, which must not fall into the phase.
const AHEAD: Duration = Duration::from_millis(20);

/// What belongs to the run: the CPUs of its plan, this process with its children, and the kernel
/// threads of its devices.
pub(super) struct Ours {
    cpus: BTreeSet<CpuId>,
    napi: BTreeSet<u32>,
}

impl Ours {
    /// The CPUs of a plan, and the kernel threads `napi`.
    pub(super) fn of(cpus: impl Iterator<Item = u32>, napi: BTreeSet<u32>) -> Self {
        Self {
            cpus: cpus.map(CpuId).collect(),
            napi,
        }
    }

    /// Looks at the machine for the first time.
    pub(super) fn look(self) -> Result<Look> {
        Ok(Look {
            ours: self,
            before: Scan::take()?,
        })
    }
}

/// The machine as it was.
pub(super) struct Look {
    ours: Ours,
    before: Scan,
}

impl Look {
    /// Who ran on the CPUs since then.
    pub(super) fn again(self) -> Result<Machine> {
        let Ours { cpus, napi } = &self.ours;
        let others = self.before.until_now(cpus, std::process::id(), napi)?;
        Ok(machine(others))
    }
}

/// Watches until the measure phase is over.
pub(super) struct Watch(JoinHandle<Result<(Machine, Vec<ProgramRuns>)>>);

impl Watch {
    /// Begins to watch; with `statistics` also how long eBPF programs run in the warmup.
    pub(super) fn begin(window: Window, statistics: bool, ours: Ours) -> Result<Self> {
        let from_ns = window
            .measure_from_ns()
            .saturating_sub(u64::try_from(AHEAD.as_nanos())?);
        let watch = move || {
            let programs = if statistics {
                run_times(window)?
            } else {
                Vec::new()
            };
            clock::sleep_until_ns(from_ns);
            let look = ours.look()?;
            clock::sleep_until_ns(window.measure_until_ns());
            Ok((look.again()?, programs))
        };
        Ok(Self(
            thread::Builder::new()
                .name("watch".to_owned())
                .spawn(watch)?,
        ))
    }

    /// What was seen, and how long eBPF programs ran in the warmup.
    pub(super) fn finish(self) -> Result<(Machine, Vec<ProgramRuns>)> {
        let seen = self.0.join();
        seen.map_err(|_| anyhow!("the thread that watches the machine panicked"))?
    }
}

/// A pass of its own over the middle of the warmup: statistics slow every run of a program down, so
/// none are kept when the measure phase begins.
fn run_times(window: Window) -> Result<Vec<ProgramRuns>> {
    let end_ns = u64::try_from((AHEAD * 2).as_nanos())?;
    clock::sleep_until_ns(window.start_ns + window.warmup_ns / 4);
    let kept = RunTimes::begin()?;
    clock::sleep_until_ns(window.measure_from_ns().saturating_sub(end_ns));
    let runs = kept.finish()?;
    let runs = runs.into_iter().map(|one| ProgramRuns {
        program: one.program,
        runs: one.runs,
        run_ns: one.run_ns,
    });
    Ok(runs.collect())
}

fn machine(others: Others) -> Machine {
    let Others {
        elapsed_ns,
        cpus,
        busy_ns,
        steal_ns,
        own_ns,
        kernel_ns,
        foreign_ns,
        foreign_wait_ns,
        busiest_foreign,
        tasks_begun,
        pressure_share,
    } = others;
    Machine {
        window_ns: elapsed_ns,
        cpus,
        busy_ns,
        own_ns,
        kernel_ns,
        foreign_ns,
        foreign_wait_ns,
        steal_ns,
        tasks_begun,
        busiest_foreign,
        pressure_share,
    }
}
