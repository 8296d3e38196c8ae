//! The agent of a server that is an XDP program and nothing else. It has no threads: what requests cost
//! is the NAPI threads', and this process sleeps while they are served.

pub(crate) mod count;
mod delivered;
mod kv_direct;
pub(crate) mod path;
mod reflector;

use anyhow::{Result, anyhow, bail};
use kv::server::DropLine;
use loader::{AnswerCounters, Attached, Provenance};
use protocol::{Phase, Progress};
use sys::account::CpuSnapshot;
use sys::clock;
use sys::environment::Reading;

use super::Role;
use super::serving::{Answer, Counts, Deployment, Measured, Request};
use super::window::Window;

/// A program that serves.
trait InKernel: Send {
    /// Fills its store, where it has one.
    fn preload(&mut self) -> Result<()>;
    /// Attaches it to a device.
    fn attach(&mut self, ifindex: u32) -> loader::Result<Attached>;
    /// The program as the kernel names it.
    fn provenance(&self) -> loader::Result<Provenance>;
    /// What it counted. Replies that the device lost are in its `tx_dropped`, as those of any server.
    fn counts(&self) -> Result<Counts>;
}

/// The role's state.
#[derive(Default)]
pub(crate) struct InKernelRole {
    loaded: Option<Loaded>,
    progress: Progress,
}

struct Loaded {
    device: String,
    /// Whether it is looked at in the course of the measure phase.
    steps: bool,
    // The link goes before the program.
    attached: Option<Attached>,
    program: Box<dyn InKernel>,
}

impl Role for InKernelRole {
    type Request = Request;
    type Answer = Answer;

    fn handle(&mut self, request: Request) -> Result<Answer> {
        match request {
            Request::Load(deployment) => {
                self.progress.enter(Phase::Loaded)?;
                let loaded = self.loaded.insert(Loaded::load(*deployment)?);
                let program = loaded.program.provenance()?;
                let program = format!("{} tag {:016x}", program.name, program.tag);
                Ok(Answer::Obtained(vec![
                    ("server io".to_owned(), "xdp native".to_owned()),
                    ("server XDP program".to_owned(), program),
                ]))
            }
            Request::Attach(_) => {
                self.progress.enter(Phase::Attached)?;
                let loaded = self.loaded()?;
                let device = sys::link::ifindex(&loaded.device)?;
                loaded.attached = Some(loaded.program.attach(device)?);
                Ok(Answer::Done)
            }
            // It has no threads to place, and nothing but its NAPI threads serves.
            Request::NapiCpus(_) | Request::Serve => Ok(Answer::Done),
            Request::KernelThreads => Ok(Answer::KernelThreads(Vec::new())),
            Request::Process => bail!("a server in the kernel is no process"),
            Request::Preload => {
                self.progress.enter(Phase::Preloaded)?;
                self.loaded()?.program.preload()?;
                Ok(Answer::Done)
            }
            Request::Hold | Request::Drain { .. } => {
                bail!("it serves inside NAPI: nothing of it can be held")
            }
            Request::MoveSlots(_) => bail!("it has no owners to move slots between"),
            Request::Arm => {
                self.progress.enter(Phase::Armed)?;
                Ok(Answer::Counters(Box::new(self.loaded()?.counts()?)))
            }
            Request::Measure(window) => {
                self.progress.enter(Phase::Measuring)?;
                Ok(Answer::Measured(Box::new(self.loaded()?.measure(window)?)))
            }
            Request::Quiesce => {
                self.progress.enter(Phase::Drained)?;
                Ok(Answer::Counters(Box::new(self.loaded()?.counts()?)))
            }
        }
    }
}

impl InKernelRole {
    fn loaded(&mut self) -> Result<&mut Loaded> {
        self.loaded
            .as_mut()
            .ok_or_else(|| anyhow!("no program was loaded"))
    }
}

impl Loaded {
    fn load(deployment: Deployment) -> Result<Self> {
        let mut steps = false;
        let (device, program): (String, Box<dyn InKernel>) = match deployment {
            Deployment::Reflector(config) => {
                let program = reflector::load(&config)?;
                (config.device, Box::new(program))
            }
            Deployment::KvDirect(config) => {
                let program = kv_direct::Store::load(&config)?;
                (config.device, Box::new(program))
            }
            Deployment::FrameCount(config) => {
                let program = count::load(&config)?;
                steps = config.steps;
                (config.device, Box::new(program))
            }
            Deployment::LossyPath(config) => {
                let program = path::Path::load(&config)?;
                let [device, _] = config.devices;
                (device, Box::new(program))
            }
            Deployment::Ours(_) | Deployment::Memcached(_) => {
                bail!("this agent runs programs in the kernel only")
            }
        };
        Ok(Self {
            device,
            steps,
            attached: None,
            program,
        })
    }

    fn counts(&self) -> Result<Counts> {
        self.program.counts()
    }

    fn measure(&self, window: Window) -> Result<Measured> {
        clock::sleep_until_ns(window.measure_from_ns());
        let before = (self.counts()?, own_threads()?);
        let looks = match self.steps {
            true => Some(delivered::looks(window, || self.counts())?),
            false => None,
        };
        clock::sleep_until_ns(window.measure_until_ns());
        let after = (own_threads()?, self.counts()?);
        Ok(Measured {
            counts: after.1.since(&before.0),
            used: after.0.since(&before.1).total,
            dispatcher: None,
            hardware: Reading::absent("a server in the kernel has no threads"),
            pinned: Vec::new(),
            empty_polling_ns: None,
            repartitioned: None,
            steering_steps: None,
            delivered_steps: looks.map(|looks| delivered::steps(&looks, window)),
        })
    }
}

/// What this process has used, which only waits while the program serves.
fn own_threads() -> Result<CpuSnapshot> {
    let tasks = sys::tasks::of_process(std::process::id())?;
    Ok(CpuSnapshot::of_threads(tasks.iter().map(|task| task.tid))?)
}

/// Requests that a program dropped, each reason a line.
fn dropped(program: &str, counters: &AnswerCounters) -> Vec<DropLine> {
    let by_reason = counters.drops.iter();
    by_reason
        .map(|(reason, frames)| DropLine {
            name: reason.name().to_owned(),
            requests: *frames,
            source: format!("counter of the {program} program"),
        })
        .collect()
}
