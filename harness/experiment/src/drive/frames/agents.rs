//! The agents of a packet trial, asked in the order of its phases.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use loadgen::ClientReport;
use loadgen::frames::FramesReport;
use slices::system::Counters;
use sys::account::HardwareCounts;
use sys::environment::Reading;

use crate::agents::client::{ClientAnswer, ClientRequest};
use crate::agents::serving::{self, Counts, Deployment};
use crate::agents::window::Window;
use crate::agents::{router, sender};
use crate::lab::{Agent, Chain};
use crate::plan::chain::{FramePlan, Part, SenderPlan};

/// This machine cannot run the system. The text holds the reason and the remedy.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(in crate::drive) struct HostRefuses(String);

/// Where it lives, in messages.
const SENDER_HOST: &str = "the sender's host";
const RECEIVER_HOST: &str = "the receiver's host";

type RouterAgent = Agent<router::Request, router::Answer>;
/// XDP programs and nothing else.
type ProgramAgent = Agent<serving::Request, serving::Answer>;

/// Whoever sends.
enum SenderAgent {
    OneWay(Agent<sender::Request, sender::Answer>),
    RoundTrip(Agent<ClientRequest, ClientAnswer>),
}

/// What was sent.
pub(super) enum Sent {
    /// Frames that do not come back.
    OneWay(Box<FramesReport>),
    /// Frames that came back.
    RoundTrip(Box<ClientReport>),
}

/// What was sent, and what the CPU counted for the sender's threads in the measure phase.
pub(super) type Told = (Sent, Reading<HardwareCounts>);

/// What systems and programs counted.
pub(super) struct Counted {
    /// The systems, the sender's side first.
    pub(super) routers: Vec<Counters>,
    /// The programs.
    pub(super) programs: Programs,
}

/// What XDP programs counted that are not part of a system.
pub(super) struct Programs {
    /// What loses frames between two routers; nothing where none is to be lost.
    pub(super) path: Counts,
    /// The receiver.
    pub(super) receiver: Counts,
}

/// Every role of a packet trial.
pub(super) struct Roles {
    sender: SenderAgent,
    /// The sender's side first.
    routers: Vec<RouterAgent>,
    path: Option<ProgramAgent>,
    receiver: ProgramAgent,
}

/// An answer of another kind than was asked for.
fn out_of_turn<T>(who: &str) -> Result<T> {
    bail!("the {who} answered out of turn")
}

/// Loads programs and attaches them.
fn attach_programs(
    agent: &mut ProgramAgent,
    deployment: &Deployment,
    within: Duration,
) -> Result<()> {
    let load = serving::Request::Load(Box::new(deployment.clone()));
    agent.ask(&load, within).context("loading programs")?;
    let attach = serving::Request::Attach(None);
    agent.ask(&attach, within).context("attaching programs")?;
    Ok(())
}

/// What programs counted.
fn counted(
    agent: &mut ProgramAgent,
    request: &serving::Request,
    within: Duration,
) -> Result<Counts> {
    let serving::Answer::Counters(counts) = agent.ask(request, within)? else {
        return out_of_turn("programs' agent");
    };
    Ok(*counts)
}

impl Roles {
    /// Starts the agents in their hosts.
    pub(super) fn start(plan: &FramePlan, lab: &Chain) -> Result<Self> {
        let only = |part| lab.processes(part).first().copied();
        let (first, last) = (only(Part::Sender), only(Part::Receiver));
        let hosts = lab.processes(Part::Router);
        let routers = plan.routers.iter().zip(&hosts);
        Ok(Self {
            sender: match plan.sender {
                SenderPlan::OneWay(_) => {
                    SenderAgent::OneWay(Agent::start("sender", first)?.on(SENDER_HOST))
                }
                SenderPlan::RoundTrip(_) => {
                    SenderAgent::RoundTrip(Agent::start("client", first)?.on(SENDER_HOST))
                }
            },
            routers: routers
                .map(|(router, host)| {
                    let agent = Agent::start("router", Some(*host))?;
                    Ok(agent.on(router.scope))
                })
                .collect::<Result<_>>()?,
            path: match &plan.path {
                None => None,
                Some(_) => Some(Agent::start("in-kernel", only(Part::Path))?.on("the path's host")),
            },
            receiver: Agent::start("in-kernel", last)?.on(RECEIVER_HOST),
        })
    }

    /// Loads and attaches everything, from the receiver to the sender, and pins the NAPI threads that exist from then
    /// on; tells what was obtained.
    pub(super) fn attach(
        &mut self,
        plan: &FramePlan,
        lab: &mut Chain,
        within: Duration,
    ) -> Result<Vec<(String, String)>> {
        // Before anything is attached: a system that cannot be had is refused at once.
        for (agent, router) in self.routers.iter_mut().zip(&plan.routers) {
            let request = router::Request::Load(Box::new(router.system.clone()));
            let loaded = agent.ask(&request, within).context("loading the system")?;
            if let router::Answer::Refused(why) = loaded {
                return Err(HostRefuses(why).into());
            }
        }
        attach_programs(&mut self.receiver, &plan.receiver, within).context("the receiver")?;
        if let (Some(agent), Some(path)) = (&mut self.path, &plan.path) {
            attach_programs(agent, path, within).context("the path between the routers")?;
        }
        let mut obtained = Vec::new();
        for (agent, router) in self.routers.iter_mut().zip(&plan.routers).rev() {
            let attached = agent.ask(&router::Request::Attach, within);
            let router::Answer::Obtained(modes) = attached.context("attaching the system")? else {
                return out_of_turn("router");
            };
            let scope = router.scope;
            obtained.extend(
                modes
                    .into_iter()
                    .map(|(name, mode)| (format!("{scope}: {name}"), mode)),
            );
        }
        self.load_sender(plan, within)?;
        lab.pin().context("pinning NAPI threads")?;
        for agent in self.routers.iter_mut().rev() {
            let started = agent.ask(&router::Request::Start, within);
            started.context("starting the system's threads")?;
        }
        Ok(obtained)
    }

    fn load_sender(&mut self, plan: &FramePlan, within: Duration) -> Result<()> {
        let what = "preparing the sender";
        match (&mut self.sender, &plan.sender) {
            (SenderAgent::OneWay(agent), SenderPlan::OneWay(config)) => {
                let load = sender::Request::Load(config.clone());
                match agent.ask(&load, within).context(what)? {
                    sender::Answer::Ready => Ok(()),
                    sender::Answer::Report(_) => out_of_turn("sender"),
                }
            }
            (SenderAgent::RoundTrip(agent), SenderPlan::RoundTrip(load)) => {
                let load = ClientRequest::Load(load.clone());
                match agent.ask(&load, within).context(what)? {
                    ClientAnswer::Ready => Ok(()),
                    ClientAnswer::Driven | ClientAnswer::Report { .. } => out_of_turn("sender"),
                }
            }
            (SenderAgent::OneWay(_) | SenderAgent::RoundTrip(_), _) => {
                bail!("the plan's sender is another one")
            }
        }
    }

    /// What systems and programs counted before the first frame.
    pub(super) fn arm(&mut self, within: Duration) -> Result<Counted> {
        Ok(Counted {
            routers: self.systems(&router::Request::Arm, within)?,
            programs: self.programs(&serving::Request::Arm, within)?,
        })
    }

    /// What the systems counted once nothing is in them, the sender's side first: what one of them gives out the next
    /// one takes.
    pub(super) fn quiesce(&mut self, within: Duration) -> Result<Vec<Counters>> {
        self.systems(&router::Request::Quiesce, within)
    }

    /// What the programs counted once nothing is on its way.
    pub(super) fn finish_programs(&mut self, within: Duration) -> Result<Programs> {
        self.programs(&serving::Request::Quiesce, within)
    }

    fn systems(&mut self, request: &router::Request, within: Duration) -> Result<Vec<Counters>> {
        let mut all = Vec::new();
        for agent in &mut self.routers {
            let router::Answer::Counters(counters) = agent.ask(request, within)? else {
                return out_of_turn("router");
            };
            all.push(counters);
        }
        Ok(all)
    }

    fn programs(&mut self, request: &serving::Request, within: Duration) -> Result<Programs> {
        let path = match &mut self.path {
            None => Counts::default(),
            Some(agent) => counted(agent, request, within)?,
        };
        let receiver = counted(&mut self.receiver, request, within)?;
        Ok(Programs { path, receiver })
    }

    /// Lets everybody go through the window.
    pub(super) fn begin(&mut self, window: Window) -> Result<()> {
        self.receiver.begin(&serving::Request::Measure(window))?;
        for agent in &mut self.routers {
            agent.begin(&router::Request::Measure(window))?;
        }
        match &mut self.sender {
            SenderAgent::OneWay(agent) => agent.begin(&sender::Request::Run(window)),
            SenderAgent::RoundTrip(agent) => agent.begin(&ClientRequest::Run(window)),
        }
    }

    /// Waits until everything was sent; what was is told at once only where nothing comes back.
    pub(super) fn sent(&mut self, within: Duration) -> Result<Option<Told>> {
        match &mut self.sender {
            SenderAgent::OneWay(agent) => match agent.finish(within)? {
                sender::Answer::Report(sent) => {
                    let sender::Sent { report, hardware } = *sent;
                    Ok(Some((Sent::OneWay(Box::new(report)), hardware)))
                }
                sender::Answer::Ready => out_of_turn("sender"),
            },
            SenderAgent::RoundTrip(agent) => match agent.finish(within)? {
                ClientAnswer::Driven => Ok(None),
                ClientAnswer::Ready | ClientAnswer::Report { .. } => out_of_turn("sender"),
            },
        }
    }

    /// What the receiver counted in the measure phase.
    pub(super) fn arrived(&mut self, within: Duration) -> Result<Counts> {
        let serving::Answer::Measured(measured) = self.receiver.finish(within)? else {
            return out_of_turn("receiver");
        };
        Ok(measured.counts)
    }

    /// The systems' measure phase.
    pub(super) fn measured(&mut self, within: Duration) -> Result<Vec<router::Measured>> {
        let mut all = Vec::new();
        for agent in &mut self.routers {
            let router::Answer::Measured(measured) = agent.finish(within)? else {
                return out_of_turn("router");
            };
            all.push(measured);
        }
        Ok(all)
    }

    /// The sender's report, now that everybody is at rest.
    pub(super) fn close(&mut self, told: Option<Told>, within: Duration) -> Result<Told> {
        match (&mut self.sender, told) {
            (SenderAgent::OneWay(_), Some(told)) => Ok(told),
            (SenderAgent::RoundTrip(agent), None) => {
                let closed = agent.ask(&ClientRequest::Close, within);
                match closed.context("sending frames")? {
                    ClientAnswer::Report { report, hardware } => {
                        Ok((Sent::RoundTrip(report), hardware))
                    }
                    ClientAnswer::Ready | ClientAnswer::Driven => out_of_turn("sender"),
                }
            }
            (SenderAgent::OneWay(_) | SenderAgent::RoundTrip(_), _) => out_of_turn("sender"),
        }
    }
}
