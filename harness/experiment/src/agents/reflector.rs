//! The reflector agent: an XDP program that sends each request straight back, in the place of a
//! server. It has no threads, so that what remains of a round trip is the instrument's own.

use anyhow::{Context, Result, anyhow, bail};
use kv::server::DropLine;
use loader::{Attached, Reflect, ServerPorts};
use protocol::{Phase, Progress};
use sys::account::Usage;
use sys::environment::Reading;
use sys::{clock, ethtool};

use super::Role;
use super::serving::{Answer, Counts, Deployment, Measured, Reflector, Request};
use super::window::Window;

/// What veth counts for each queue when a frame that XDP sent back finds no room.
const LOST: &str = "xdp_tx_errors";

/// The role's state.
#[derive(Default)]
pub(crate) struct ReflectorRole {
    loaded: Option<Loaded>,
    progress: Progress,
}

struct Loaded {
    config: Reflector,
    // The link goes before the program.
    attached: Option<Attached>,
    program: Reflect,
}

impl Role for ReflectorRole {
    type Request = Request;
    type Answer = Answer;

    fn handle(&mut self, request: Request) -> Result<Answer> {
        match request {
            Request::Load(deployment) => {
                self.progress.enter(Phase::Loaded)?;
                let Deployment::Reflector(config) = *deployment else {
                    bail!("this agent reflects only");
                };
                let loaded = self.loaded.insert(Loaded::load(config)?);
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
                let device = sys::link::ifindex(&loaded.config.device)?;
                loaded.attached = Some(loaded.program.attach(device)?);
                Ok(Answer::Done)
            }
            Request::NapiCpus(_) => Ok(Answer::Done),
            Request::Process => bail!("a reflector is no process"),
            Request::KernelThreads => Ok(Answer::KernelThreads(Vec::new())),
            Request::Preload => {
                self.progress.enter(Phase::Preloaded)?;
                Ok(Answer::Done)
            }
            Request::Serve => Ok(Answer::Done),
            Request::Hold | Request::Drain { .. } => {
                bail!("the reflector serves inside NAPI: nothing of it can be held")
            }
            Request::MoveSlots(_) => bail!("a reflector has no owners to move slots between"),
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

impl ReflectorRole {
    fn loaded(&mut self) -> Result<&mut Loaded> {
        self.loaded
            .as_mut()
            .ok_or_else(|| anyhow!("no reflector was loaded"))
    }
}

impl Loaded {
    fn load(config: Reflector) -> Result<Self> {
        let program = Reflect::load(ServerPorts::new(config.port, 1))?;
        Ok(Self {
            config,
            attached: None,
            program,
        })
    }

    fn counts(&self) -> Result<Counts> {
        let device = &self.config.device;
        let counters = self.program.counters()?;
        let statistics = ethtool::statistics(device).context("the device's statistics")?;
        let lost = statistics
            .iter()
            .filter(|(name, _)| name.ends_with(LOST))
            .map(|(_, value)| value)
            .sum();
        Ok(Counts {
            executed: counters.reflected,
            replies: counters.reflected,
            drops: vec![DropLine {
                name: "reflection_link".to_owned(),
                requests: lost,
                source: format!("{LOST} of {device}'s queues"),
            }],
            related: vec![("xdp_passed".to_owned(), counters.passed)],
            ..Counts::default()
        })
    }

    fn measure(&self, window: Window) -> Result<Measured> {
        clock::sleep_until_ns(window.measure_from_ns());
        let before = self.counts()?;
        clock::sleep_until_ns(window.measure_until_ns());
        Ok(Measured {
            counts: self.counts()?.since(&before),
            used: Usage::default(),
            hardware: Reading::absent("a reflector has no threads"),
            pinned: Vec::new(),
            empty_polling_ns: None,
            repartitioned: None,
        })
    }
}
