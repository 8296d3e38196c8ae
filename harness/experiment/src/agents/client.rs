//! The client agent: drives one trial's load.

use std::sync::Arc;
use std::thread::{self, JoinHandle};

use anyhow::{Result, anyhow};
use loader::{Attached, TxQueue, TxQueueConfig};
use loadgen::{Armed, Client, ClientConfig, ClientError, ClientReport, Hold, Mode, QueueChoice};
use model::{Schedule, WorkloadSpec};
use protocol::{Phase, Progress};
use serde::{Deserialize, Serialize};
use steering::rss::{DEFAULT_KEY, Indirection};

use sys::account::HardwareCounts;
use sys::environment::Reading;

use super::Role;
use super::hardware::Counting;
use super::window::Window;

/// Requests of a closed loop, or of a generator that saturates, before they start over: enough that no cache remembers the last round,
/// and few enough to be made in a fraction of a second.
const SEQUENCE: u32 = 1 << 20;

/// A request to the client agent.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ClientRequest {
    /// Make the schedule, open sockets, attach programs.
    Load(Box<Load>),
    /// Drive the load until nothing more is expected.
    Run(Window),
    /// The server is at rest: take what came meanwhile, and report.
    Close,
}

/// What is to be sent, and how.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Load {
    /// The client.
    pub(crate) config: ClientConfig,
    /// The workload at the trial's load.
    pub(crate) workload: WorkloadSpec,
    /// Length of the schedule, ns.
    pub(crate) duration_ns: u64,
    /// The NIC emulation that kernel sockets need on veth; an AF_XDP client is its own.
    pub(crate) steer_transmit: Option<SteerTransmit>,
}

/// Which of its queues a device sends each datagram by: the server's receive queue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SteerTransmit {
    /// The device.
    pub(crate) device: String,
    /// Its queues.
    pub(crate) queues: u16,
    /// The rule.
    pub(crate) choice: QueueChoice,
}

impl SteerTransmit {
    fn attach(&self) -> Result<(TxQueue, Attached)> {
        let config = match self.choice {
            QueueChoice::Rss => TxQueueConfig::Rss {
                key: DEFAULT_KEY,
                indirection: Indirection::even(self.queues),
            },
            QueueChoice::Port { base } => TxQueueConfig::Port {
                base,
                queues: self.queues,
            },
        };
        let mut program = TxQueue::load(&config)?;
        let attached = program.attach_clsact_egress(&self.device)?;
        Ok((program, attached))
    }
}

/// The answer of the client agent.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ClientAnswer {
    /// Everything is ready.
    Ready,
    /// Nothing more is expected.
    Driven,
    /// What became of the load.
    Report {
        /// As the client saw it.
        report: Box<ClientReport>,
        /// What the CPU counted for its threads in the measure phase.
        hardware: Reading<HardwareCounts>,
    },
}

/// A load under way: its thread gives the client back, so that what it holds stays attached.
struct Driving {
    hold: Arc<Hold>,
    counting: Counting,
    thread: JoinHandle<(Armed, Result<ClientReport, ClientError>)>,
}

impl Driving {
    fn start(mut armed: Armed, window: Window) -> Result<Self> {
        let hold = Arc::new(Hold::default());
        let counting = Counting::of_descendants(window);
        let (threads, at) = (armed.threads(), Arc::clone(&hold));
        let thread = thread::Builder::new()
            .name("load".to_owned())
            .spawn(move || {
                let Window {
                    start_ns,
                    warmup_ns,
                    measure_ns,
                } = window;
                let report = armed.run_held(start_ns, warmup_ns, measure_ns, &at);
                (armed, report)
            })?;
        hold.await_arrivals(threads, || thread.is_finished());
        Ok(Self {
            hold,
            counting,
            thread,
        })
    }

    fn close(self) -> Result<(Armed, ClientReport, Reading<HardwareCounts>)> {
        self.hold.open();
        let (armed, report) = self
            .thread
            .join()
            .map_err(|_| anyhow!("the thread of the load panicked"))?;
        Ok((armed, report?, self.counting.finish()))
    }
}

/// The role's state.
#[derive(Default)]
pub(crate) struct ClientRole {
    armed: Option<Armed>,
    driving: Option<Driving>,
    /// Attached as long as it lives.
    transmit: Option<(TxQueue, Attached)>,
    progress: Progress,
}

impl Role for ClientRole {
    type Request = ClientRequest;
    type Answer = ClientAnswer;

    fn handle(&mut self, request: ClientRequest) -> Result<ClientAnswer> {
        match request {
            ClientRequest::Load(load) => {
                self.progress.enter(Phase::Attached)?;
                self.transmit = load
                    .steer_transmit
                    .as_ref()
                    .map(SteerTransmit::attach)
                    .transpose()?;
                let schedule = match load.config.mode {
                    Mode::Open => Schedule::generate(&load.workload, load.duration_ns)?,
                    Mode::Closed { .. } | Mode::Saturate => {
                        Schedule::sequence(&load.workload, SEQUENCE)?
                    }
                    Mode::Held { requests } => Schedule::sequence(&load.workload, requests)?,
                };
                self.armed = Some(Client::new(load.config, schedule)?.arm()?);
                Ok(ClientAnswer::Ready)
            }
            ClientRequest::Run(window) => {
                self.progress.enter(Phase::Measuring)?;
                let armed = self
                    .armed
                    .take()
                    .ok_or_else(|| anyhow!("nothing was prepared"))?;
                self.driving = Some(Driving::start(armed, window)?);
                Ok(ClientAnswer::Driven)
            }
            ClientRequest::Close => {
                let driving = self
                    .driving
                    .take()
                    .ok_or_else(|| anyhow!("no load was driven"))?;
                let (armed, report, hardware) = driving.close()?;
                self.armed = Some(armed);
                self.progress.enter(Phase::Reported)?;
                Ok(ClientAnswer::Report {
                    report: Box::new(report),
                    hardware,
                })
            }
        }
    }
}
