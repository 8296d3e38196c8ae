//! The router agent: a packet system in a process of its own, between sender and receiver.

use anyhow::{Result, anyhow};
use protocol::{Phase, Progress};
use serde::{Deserialize, Serialize};
use slices::system::{Counters, Error, System, SystemConfig};
use sys::account::{CpuSnapshot, HardwareCounts, Usage};
use sys::clock;
use sys::cpu::{CpuId, Pinned};
use sys::environment::Reading;

use super::Role;
use super::hardware::Counting;
use super::window::Window;

/// Why a system in the kernel has no hardware counts: NAPI threads carry it, which do others' work too.
pub(crate) const NO_THREADS: &str = "a system in the kernel has no threads";

/// A request to the router agent.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Request {
    /// Make ready: memory, programs.
    Load(Box<SystemConfig>),
    /// Attach programs, open sockets, set forwarding; tells what was obtained.
    Attach,
    /// Start the threads.
    Start,
    /// Read the counters at rest.
    Arm,
    /// Pass frames on through the window and tell about its measure phase.
    Measure(Window),
    /// Wait until no frame is in the system, then read the counters.
    Quiesce,
}

/// The answer of the router agent.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Answer {
    /// It was done.
    Done,
    /// There is no such system, or not on this machine: why, and the remedy.
    Refused(String),
    /// What was obtained, which may differ from what was asked.
    Obtained(Vec<(String, String)>),
    /// The counters since the start.
    Counters(Counters),
    /// The measure phase.
    Measured(Measured),
}

/// A router's measure phase.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Measured {
    /// What the system's threads used.
    pub(crate) used: Usage,
    /// What the CPU counted for them.
    pub(crate) hardware: Reading<HardwareCounts>,
    /// Where those that are pinned were allowed to run at its end.
    pub(crate) pinned: Vec<Pinned>,
}

/// The role's state.
#[derive(Default)]
pub(crate) struct RouterRole {
    loaded: Option<Loaded>,
    progress: Progress,
}

struct Loaded {
    system: System,
}

impl Role for RouterRole {
    type Request = Request;
    type Answer = Answer;

    fn handle(&mut self, request: Request) -> Result<Answer> {
        match request {
            Request::Load(config) => {
                self.progress.enter(Phase::Loaded)?;
                let system = match System::load(&config) {
                    Err(error @ (Error::Refused { .. } | Error::Config(_))) => {
                        return Ok(Answer::Refused(error.to_string()));
                    }
                    loaded => loaded?,
                };
                self.loaded = Some(Loaded { system });
                Ok(Answer::Done)
            }
            Request::Attach => {
                self.progress.enter(Phase::Attached)?;
                let system = &mut self.loaded()?.system;
                system.attach()?;
                Ok(Answer::Obtained(system.obtained()))
            }
            Request::Start => {
                self.loaded()?.system.start()?;
                Ok(Answer::Done)
            }
            Request::Arm => {
                self.progress.enter(Phase::Armed)?;
                Ok(Answer::Counters(self.loaded()?.system.counters()?))
            }
            Request::Measure(window) => {
                self.progress.enter(Phase::Measuring)?;
                Ok(Answer::Measured(self.loaded()?.measure(window)?))
            }
            Request::Quiesce => {
                self.progress.enter(Phase::Drained)?;
                let system = &mut self.loaded()?.system;
                system.quiesce()?;
                Ok(Answer::Counters(system.counters()?))
            }
        }
    }
}

impl RouterRole {
    fn loaded(&mut self) -> Result<&mut Loaded> {
        self.loaded
            .as_mut()
            .ok_or_else(|| anyhow!("no system was loaded"))
    }
}

impl Loaded {
    fn measure(&self, window: Window) -> Result<Measured> {
        let threads = self.system.threads();
        let tids: Vec<u32> = threads.iter().map(|thread| thread.tid).collect();
        let counting = match tids.is_empty() {
            true => Counting::Absent(NO_THREADS.to_owned()),
            false => Counting::of_threads(&tids, window),
        };
        let cpu = || CpuSnapshot::of_threads(tids.iter().copied());
        clock::sleep_until_ns(window.measure_from_ns());
        let before = cpu()?;
        clock::sleep_until_ns(window.measure_until_ns());
        let after = cpu()?;
        let pinned = threads.iter().filter_map(|thread| {
            let cpu = CpuId(thread.cpu?);
            Some(Pinned::look(&thread.name, Some(thread.tid), cpu))
        });
        Ok(Measured {
            used: after.since(&before).total,
            hardware: counting.finish(),
            pinned: pinned.collect::<Result<_, _>>()?,
        })
    }
}
