//! What the coordinator asks of a server, ours or an external one, and what it is told.

use std::net::{IpAddr, SocketAddr};

use kv::server::{DropLine, ServerConfig, ThreadInfo};
use record::{DeliveredStep, SteeringStep};
use serde::{Deserialize, Serialize};
use spec::Disturb;
use sys::account::{HardwareCounts, Usage};
use sys::cpu::Pinned;
use sys::environment::Reading;

use super::repartition::{Repartitioned, SlotMoves};
use super::window::Window;

/// A request to a server agent.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Request {
    /// Make ready: memory, sockets, programs.
    Load(Box<Deployment>),
    /// Attach programs to the device.
    Attach(Option<Disturb>),
    /// Which process serves.
    Process,
    /// Where the device's queues are processed.
    NapiCpus(Vec<u32>),
    /// Which kernel threads run the network stack for it, beside those of the queues.
    KernelThreads,
    /// Fill the store.
    Preload,
    /// Begin to serve.
    Serve,
    /// Let requests wait in the sockets until [`Drain`](Self::Drain).
    Hold,
    /// Begin to serve at this moment (CLOCK_MONOTONIC, ns), and tell when nothing is left to do.
    Drain {
        /// When all threads begin.
        from_ns: u64,
    },
    /// Move slots between owners in the measurement that is going to come.
    MoveSlots(SlotMoves),
    /// Read the counters at rest; the trial's clock is about to be told.
    Arm,
    /// Serve through the window and tell about its measure phase.
    Measure(Window),
    /// Wait until nothing is under way in the server, then read the counters.
    Quiesce,
}

/// What is to be served.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Deployment {
    /// One of our systems.
    Ours(Box<ServerConfig>),
    /// Debian's memcached.
    Memcached(External),
    /// No server: what comes is sent back.
    Reflector(Reflector),
    /// No server: an XDP program is the store.
    KvDirect(KvDirect),
    /// No server: frames are counted.
    FrameCount(FrameCount),
    /// No server: frames are lost.
    LossyPath(LossyPath),
}

/// A link in whose middle frames are lost.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct LossyPath {
    /// Where frames come in that may be lost, and where the others come out.
    pub(crate) devices: [String; 2],
    /// Receive queues of either.
    pub(crate) queues: u16,
    /// Share of the frames that is lost, 0 to 1.
    pub(crate) loss: f64,
    /// Frames that are lost together, on average.
    pub(crate) burst: u16,
    /// Which ones.
    pub(crate) seed: u64,
}

/// The end of a path where frames are counted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FrameCount {
    /// The device.
    pub(crate) device: String,
    /// Its receive queues.
    pub(crate) queues: u16,
    /// Its hardware address.
    pub(crate) mac: [u8; 6],
    /// Its address.
    pub(crate) address: IpAddr,
    /// Hops that routers leave the frames.
    pub(crate) hops: u8,
    /// UDP port of the frames.
    pub(crate) port: u16,
    /// UDP source port of the first flow; the others follow.
    pub(crate) first_flow: u16,
    /// Number of flows.
    pub(crate) flows: u16,
    /// Bytes of UDP payload of each frame.
    pub(crate) payload: u32,
    /// Whether it is looked at again and again in the measure phase.
    pub(crate) steps: bool,
}

/// A store in the kernel.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct KvDirect {
    /// The device.
    pub(crate) device: String,
    /// UDP port of the requests.
    pub(crate) port: u16,
    /// The workload whose keys it holds before the first request.
    pub(crate) workload: model::WorkloadSpec,
}

/// The end of a wire that sends back what comes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Reflector {
    /// The device.
    pub(crate) device: String,
    /// UDP port of the requests.
    pub(crate) port: u16,
    /// Whether it redirects what it sends back, for the device at the far end may have no XDP program.
    pub(crate) redirects: bool,
}

/// An external server.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct External {
    /// Where it listens, UDP and TCP.
    pub(crate) address: SocketAddr,
    /// CPU of each of its workers.
    pub(crate) cpus: Vec<u32>,
    /// Memory for items, in bytes.
    pub(crate) memory_bytes: u64,
    /// The workload whose keys it holds before the first request.
    pub(crate) workload: model::WorkloadSpec,
    /// Requests that must find room in its socket while it is stopped.
    pub(crate) backlog: u32,
}

/// The answer of a server agent.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Answer {
    /// It was done.
    Done,
    /// The process that serves.
    Process(u32),
    /// The kernel threads.
    KernelThreads(Vec<ThreadInfo>),
    /// What was obtained, which may differ from what was asked.
    Obtained(Vec<(String, String)>),
    /// The counters since the start.
    Counters(Box<Counts>),
    /// The measure phase.
    Measured(Box<Measured>),
    /// The drain.
    Drained(Box<Drained>),
}

/// A server's counters. `None` means that the notion does not apply to the system, or that nobody
/// counts it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Counts {
    /// Requests whose execution is complete.
    pub(crate) executed: u64,
    /// Replies sent.
    pub(crate) replies: u64,
    /// Transfers of a request to another thread before execution.
    pub(crate) handoffs: Option<u64>,
    /// Frames passed back to another core's fill ring.
    pub(crate) frame_returns: Option<u64>,
    /// Threads woken by another thread's notification.
    pub(crate) wakeups_app: Option<u64>,
    /// Sleeping threads woken by packet arrival.
    pub(crate) wakeups_kernel: Option<u64>,
    /// Requests executed on another CPU than their queue's.
    pub(crate) cross_core_hops: Option<u64>,
    /// Single-key requests dequeued by a thread that is not the owner.
    pub(crate) misroutes: Option<u64>,
    /// Requests lost, each in one line.
    pub(crate) drops: Vec<DropLine>,
    /// Every further counter, for counters.csv.
    pub(crate) related: Vec<(String, u64)>,
}

/// A server's measure phase.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Measured {
    /// Counters over the phase.
    pub(crate) counts: Counts,
    /// What all server threads used.
    pub(crate) used: Usage,
    /// Of it, what the thread that allocates cores used; `None` without one.
    pub(crate) dispatcher: Option<DispatcherUsed>,
    /// What the CPU counted for them.
    pub(crate) hardware: Reading<HardwareCounts>,
    /// Where its pinned threads were allowed to run at the phase's end.
    pub(crate) pinned: Vec<Pinned>,
    /// Of it, time that spinning threads found nothing to do, ns; `None` when no thread spins.
    pub(crate) empty_polling_ns: Option<u64>,
    /// What moving slots took, where some were to be moved.
    pub(crate) repartitioned: Option<Repartitioned>,
    /// Where requests went in its course, where slots were to be moved.
    pub(crate) steering_steps: Option<Vec<SteeringStep>>,
    /// What arrived by each queue in its course, where that was asked for.
    pub(crate) delivered_steps: Option<Vec<DeliveredStep>>,
}

/// What the thread that allocates cores used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct DispatcherUsed {
    /// Run time, ns.
    pub(crate) run_ns: u64,
    /// Of it, time in which it polled and found nothing, ns; `None` when it does not poll.
    pub(crate) empty_ns: Option<u64>,
}

/// How a server worked off what waited in its sockets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Drained {
    /// From the release until nothing was left to do.
    pub(crate) measured: Measured,
    /// From the release until the last reply was accepted by the transmit path, ns.
    pub(crate) drain_ns: u64,
    /// From the release until the first owner found nothing to do, ns; `None` where nobody can tell.
    pub(crate) first_idle_ns: Option<u64>,
}

impl Counts {
    /// What was counted since `earlier`.
    pub(crate) fn since(&self, earlier: &Self) -> Self {
        let option = |now: Option<u64>, before: Option<u64>| {
            Some(now?.saturating_sub(before.unwrap_or_default()))
        };
        let drops = self.drops.iter().map(|line| {
            let before = earlier.drops.iter().find(|old| old.name == line.name);
            let requests = line
                .requests
                .saturating_sub(before.map_or(0, |old| old.requests));
            DropLine {
                requests,
                ..line.clone()
            }
        });
        let related = self.related.iter().map(|(name, value)| {
            let before = earlier.related.iter().find(|(old, _)| old == name);
            (
                name.clone(),
                value.saturating_sub(before.map_or(0, |(_, value)| *value)),
            )
        });
        Self {
            executed: self.executed.saturating_sub(earlier.executed),
            replies: self.replies.saturating_sub(earlier.replies),
            handoffs: option(self.handoffs, earlier.handoffs),
            frame_returns: option(self.frame_returns, earlier.frame_returns),
            wakeups_app: option(self.wakeups_app, earlier.wakeups_app),
            wakeups_kernel: option(self.wakeups_kernel, earlier.wakeups_kernel),
            cross_core_hops: option(self.cross_core_hops, earlier.cross_core_hops),
            misroutes: option(self.misroutes, earlier.misroutes),
            drops: drops.collect(),
            related: related.collect(),
        }
    }
}
