//! The client agent: drives one trial's load.

use anyhow::{Result, anyhow};
use loader::{Attached, TxQueue, TxQueueConfig};
use loadgen::{Armed, Client, ClientConfig, ClientReport, QueueChoice};
use model::{Schedule, WorkloadSpec};
use protocol::{Phase, Progress};
use serde::{Deserialize, Serialize};
use steering::rss::{DEFAULT_KEY, Indirection};

use super::Role;
use super::window::Window;

/// A request to the client agent.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ClientRequest {
    /// Make the schedule, open sockets, attach programs.
    Load(Box<Load>),
    /// Drive the load and report.
    Run(Window),
}

/// What is to be sent, and how.
#[derive(Debug, Clone, Serialize, Deserialize)]
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
    /// What became of the load.
    Report(Box<ClientReport>),
}

/// The role's state.
#[derive(Default)]
pub(crate) struct ClientRole {
    armed: Option<Armed>,
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
                let schedule = Schedule::generate(&load.workload, load.duration_ns)?;
                self.armed = Some(Client::new(load.config, schedule)?.arm()?);
                Ok(ClientAnswer::Ready)
            }
            ClientRequest::Run(window) => {
                self.progress.enter(Phase::Measuring)?;
                let armed = self
                    .armed
                    .as_mut()
                    .ok_or_else(|| anyhow!("nothing was prepared"))?;
                let report = armed.run(window.start_ns, window.warmup_ns, window.measure_ns)?;
                self.progress.enter(Phase::Reported)?;
                Ok(ClientAnswer::Report(Box::new(report)))
            }
        }
    }
}
