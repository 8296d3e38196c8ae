//! The router agent: a packet system in a process of its own, between sender and receiver.

use anyhow::{Result, anyhow};
use protocol::{Phase, Progress};
use serde::{Deserialize, Serialize};
use slices::system::{Counters, Error, System, SystemConfig};
use spec::KillSlice;
use sys::account::{CpuSnapshot, HardwareCounts, Usage};
use sys::clock;
use sys::cpu::{CpuId, Pinned};
use sys::environment::Reading;

use super::fault::{Fault, FaultSeen};
use super::hardware::Counting;
use super::window::Window;
use super::{Role, slice};

/// Why a system in the kernel has no hardware counts: NAPI threads carry it, which do others' work too.
pub(crate) const NO_THREADS: &str = "a system in the kernel has no threads";

/// A request to the router agent.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Request {
    /// Make ready: memory, programs.
    Load(Box<Load>),
    /// Attach programs, open sockets, set forwarding; tells what was obtained.
    Attach,
    /// Start the threads.
    Start,
    /// Read the counters at rest.
    Arm,
    /// Pass frames on through the window and tell about its measure phase.
    Measure {
        /// The window.
        window: Window,
        /// The slice that is to be killed in it.
        kill: Option<KillSlice>,
    },
    /// Wait until no frame is in the system, then read the counters.
    Quiesce,
    /// Tell what was seen of the slice that was killed, after the last frame.
    Fault,
}

/// A system that is to be loaded.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Load {
    /// The system.
    pub(crate) system: SystemConfig,
    /// Whether each of its slices is to be a process of its own.
    pub(crate) isolated: bool,
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
    /// The end of a slice.
    Fault(FaultSeen),
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
    /// Slices or threads of it.
    workers: u16,
    /// From the counters at rest on, where slices can be killed.
    fault: Option<Fault>,
    isolated: bool,
}

impl Role for RouterRole {
    type Request = Request;
    type Answer = Answer;

    fn handle(&mut self, request: Request) -> Result<Answer> {
        match request {
            Request::Load(load) => {
                self.progress.enter(Phase::Loaded)?;
                match Loaded::load(&load) {
                    Err(error @ (Error::Refused { .. } | Error::Config(_))) => {
                        return Ok(Answer::Refused(error.to_string()));
                    }
                    loaded => self.loaded = Some(loaded?),
                }
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
                Ok(Answer::Counters(self.loaded()?.arm()?))
            }
            Request::Measure { window, kill } => {
                self.progress.enter(Phase::Measuring)?;
                Ok(Answer::Measured(self.loaded()?.measure(window, kill)?))
            }
            Request::Quiesce => {
                self.progress.enter(Phase::Drained)?;
                let system = &mut self.loaded()?.system;
                system.quiesce()?;
                Ok(Answer::Counters(system.counters()?))
            }
            Request::Fault => Ok(Answer::Fault(self.loaded()?.fault()?)),
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
    fn load(load: &Load) -> Result<Self, Error> {
        let Load { system, isolated } = load;
        Ok(Self {
            workers: system.workers,
            fault: None,
            isolated: *isolated,
            system: match isolated {
                true => System::isolated(system, slice::launch())?,
                false => System::load(system)?,
            },
        })
    }

    fn arm(&mut self) -> Result<Counters> {
        let counters = self.system.counters()?;
        if self.isolated {
            self.fault = Some(Fault::arm(&counters, self.workers)?);
        }
        Ok(counters)
    }

    fn measure(&mut self, window: Window, kill: Option<KillSlice>) -> Result<Measured> {
        let tids: Vec<u32> = self
            .system
            .threads()
            .iter()
            .map(|thread| thread.tid)
            .collect();
        let counting = match tids.is_empty() {
            true => Counting::Absent(NO_THREADS.to_owned()),
            false => Counting::of_threads(&tids, window),
        };
        clock::sleep_until_ns(window.measure_from_ns());
        let mut used = Usage::default();
        let mut before = self.cpu()?;
        if let Some(kill) = kill {
            clock::sleep_until_ns(window.measure_from_ns() + kill.after.as_nanos());
            // What the slice has used is not known any more when it is gone.
            let now = self.cpu()?;
            used = now.since(&before).total;
            before = now;
            let fault = self.fault.as_mut();
            let fault = fault.ok_or_else(|| anyhow!("no slice can be killed"))?;
            fault.carry_out(&mut self.system, kill, window)?;
        }
        clock::sleep_until_ns(window.measure_until_ns());
        let after = self.cpu()?;
        let threads = self.system.threads();
        let pinned = threads.iter().filter_map(|thread| {
            let cpu = CpuId(thread.cpu?);
            Some(Pinned::look(&thread.name, Some(thread.tid), cpu))
        });
        Ok(Measured {
            used: used + after.since(&before).total,
            hardware: counting.finish(),
            pinned: pinned.collect::<Result<_, _>>()?,
        })
    }

    /// What the threads used that there are.
    fn cpu(&self) -> Result<CpuSnapshot> {
        let threads = self.system.threads();
        let threads = threads.iter().map(|thread| thread.tid);
        Ok(CpuSnapshot::of_threads(threads)?)
    }

    fn fault(&mut self) -> Result<FaultSeen> {
        let counters = self.system.counters()?;
        let fault = self.fault.as_ref();
        let fault = fault.ok_or_else(|| anyhow!("no slice was to be killed"))?;
        fault.seen(&mut self.system, &counters)
    }
}
