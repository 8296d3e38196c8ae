//! A look at the whole machine around a measure phase, from outside the roles.

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
use crate::plan::Plan;

/// The first look ends before the phase begins, the second begins after its end: reading the account
/// of every task takes milliseconds, which must not fall into the phase.
const AHEAD: Duration = Duration::from_millis(20);

/// Watches until the measure phase is over.
pub(super) struct Watch(JoinHandle<Result<(Others, Vec<ProgramRuns>)>>);

impl Watch {
    /// Begins to watch the CPUs of `plan`. This process and its children are the run, and so are the
    /// kernel threads `napi`.
    pub(super) fn begin(window: Window, plan: &Plan, napi: BTreeSet<u32>) -> Result<Self> {
        let cpus: BTreeSet<CpuId> = plan.placement.cpus().map(CpuId).collect();
        let statistics = plan.trial.bpf_stats;
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
            let before = Scan::take()?;
            clock::sleep_until_ns(window.measure_until_ns());
            let others = before.until_now(&cpus, std::process::id(), &napi)?;
            Ok((others, programs))
        };
        Ok(Self(
            thread::Builder::new()
                .name("watch".to_owned())
                .spawn(watch)?,
        ))
    }

    /// What was seen, and how long eBPF programs ran in the warmup.
    pub(super) fn finish(self) -> Result<(Machine, Vec<ProgramRuns>)> {
        let (others, programs) = self
            .0
            .join()
            .map_err(|_| anyhow!("the thread that watches the machine panicked"))??;
        Ok((machine(others), programs))
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
