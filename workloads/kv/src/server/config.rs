//! What a server is asked to be.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use model::KeySpace;
use serde::{Deserialize, Serialize};

use super::ServerError;
use super::cache::{CacheConfig, ResponsesConfig};
use super::dispatch::Dispatch as _;
use super::dispatcher::DispatcherConfig;
use super::wire::SteerBy;
use super::xdp::XdpOptions;
use crate::systems::{
    Design, EngineKind, FlowHash, IoKind, Layout, MultiKey, Placement, Refusal, SystemChoice,
    SystemKind, Wakeup, validate, with_design,
};

/// A server: one system with its place on the machine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ServerConfig {
    /// The system.
    pub system: SystemKind,
    /// Its packet I/O.
    pub io: IoKind,
    /// How its threads wake one another.
    pub wakeup: Wakeup,
    /// What keeps its items.
    pub engine: EngineKind,
    /// The CPU of each owner; their number is the number of owners.
    pub cores: Vec<u32>,
    /// The interface to serve, in the namespace of the calling thread. XDP needs it.
    pub interface: Option<String>,
    /// Receive queues of the interface. Kernel sockets do not look at it.
    pub queues: u32,
    /// Local addresses: the sockets bind to the first; AF_XDP answers as whichever was addressed.
    pub addresses: Vec<IpAddr>,
    /// UDP (and TCP) port; the first of `cores.len()` ports where the client addresses partitions.
    pub port: u16,
    /// Serve TCP clients on the same port.
    pub tcp: bool,
    /// Memory for items, in bytes, over all shards.
    pub memory_bytes: u64,
    /// Keys to load before serving; each owner loads its own.
    pub preload: Option<Preload>,
    /// Requests that must find room in the sockets before [`super::Server::serve_from`]; 0 for a
    /// server that begins to serve before it is asked.
    #[serde(default)]
    pub backlog: u32,
    /// Time to burn for each key that is executed, beside the store's own work.
    #[serde(default)]
    pub service: Option<model::ServiceTimes>,
    /// Virtual servers of a system that holds replies; others do not look at it.
    #[serde(default = "one")]
    pub servers: u32,
    /// Clusters of a system whose owners share within clusters; others do not look at it.
    #[serde(default = "one")]
    pub clusters: u32,
    /// Owners, the last ones, that serve large requests, of a system that tells large from small;
    /// others do not look at it.
    #[serde(default = "one")]
    pub large_owners: u32,
    /// Count the load of each slot of the partition table, for [`super::Server::rebalance`].
    #[serde(default)]
    pub slot_loads: bool,
    /// The hash of a system that spreads flows by a program; others do not look at it.
    #[serde(default)]
    pub flow_hash: FlowHash,
    /// A cache in front of the steering program; AF_XDP only.
    #[serde(default)]
    pub cache: Option<CacheConfig>,
    /// A cache of responses there, of a server of calls.
    #[serde(default)]
    pub responses: Option<ResponsesConfig>,
    /// How gets of several keys are served.
    #[serde(default)]
    pub multi_key: MultiKey,
    /// What the XDP program does beside steering; AF_XDP only.
    #[serde(default)]
    pub xdp: XdpOptions,
    /// Where the memory is found that clients write requests into; `io: memory` only.
    #[serde(default)]
    pub regions: Option<PathBuf>,
    /// The thread that allocates cores to the owners, of a system that has one.
    #[serde(default)]
    pub dispatcher: Option<DispatcherConfig>,
    /// Keys that can be hot at a time, whose gets are spread over all owners; 0 for none.
    #[serde(default)]
    pub hot_keys: u32,
    /// What it shares with its clients, who then send nothing but sealed requests. One for each server.
    #[serde(default)]
    pub secret: Option<seal::Secret>,
    /// Its clients call functions, steered so, in place of sending memcached's requests.
    #[serde(default)]
    pub rpc: Option<SteerBy>,
}

const fn one() -> u32 {
    1
}

/// What is in the store before the first request: keys `0..keys` with the values of version 0, as
/// the client's model has them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Preload {
    /// The workload whose keys and values these are.
    pub workload: model::WorkloadSpec,
}

/// The longest sleep of a worker: bounds how late it sees the control thread's questions, for
/// which nobody wakes it. Fifty empty rounds a second cost far below a thousandth of a CPU.
pub(crate) const LONGEST_SLEEP: Duration = Duration::from_millis(20);

/// Messages that each ring between two threads holds. A receive batch has at most 64, so this is
/// slack for a receiver that was not scheduled for a while, before pressure goes back to the
/// sender's receive queue.
pub(crate) const RING_MESSAGES: usize = 1024;

/// Stripes of a shared store per thread, before rounding.
const STRIPES_PER_THREAD: u32 = 16;

/// The least memory of a stripe, in bytes.
const LEAST_STRIPE: u64 = 16 << 20;

impl ServerConfig {
    /// Owners of partitions: one thread each.
    pub fn owners(&self) -> u32 {
        u32::try_from(self.cores.len()).unwrap_or(u32::MAX)
    }

    /// Stores that share nothing: one per owner, per cluster, or one for all.
    pub(crate) fn partitions(&self) -> u32 {
        match self.system.layout() {
            Layout::Partitioned | Layout::ReadAnywhere => self.owners(),
            Layout::Clustered => self.clusters,
            Layout::Shared => 1,
        }
    }

    /// Owners that receive queues are dealt to.
    pub(crate) fn receivers(&self) -> u32 {
        with_design!(self.system, D => <D as Design>::Dispatch::receivers(self))
    }

    /// Owners that serve a key.
    pub(crate) fn members(&self) -> u32 {
        self.owners() / self.partitions()
    }

    /// Bytes of one partition's items.
    pub(crate) fn partition_bytes(&self) -> usize {
        let bytes = self.memory_bytes / u64::from(self.partitions());
        usize::try_from(bytes).unwrap_or(usize::MAX)
    }

    /// Stripes of a partition that several owners share: several per thread, so that two threads
    /// seldom want the same one, each with memory enough for several pages of each size in use.
    pub(crate) fn stripes(&self) -> u32 {
        let by_memory = u32::try_from(self.partition_bytes() as u64 / LEAST_STRIPE)
            .unwrap_or(u32::MAX)
            .max(1);
        let largest = 1 << by_memory.ilog2();
        (self.members() * STRIPES_PER_THREAD)
            .next_power_of_two()
            .min(largest)
    }

    /// Shards that the store consists of, over all owners.
    pub(crate) fn shards(&self) -> u32 {
        match self.system.layout() {
            Layout::Partitioned | Layout::ReadAnywhere => self.owners(),
            Layout::Clustered | Layout::Shared => self.partitions() * self.stripes(),
        }
    }

    /// Whether datagrams reach kernel sockets by receive queue: not on loopback, which has none, and
    /// not where the client or a program chooses the socket.
    pub(crate) fn sockets_by_queue(&self) -> bool {
        let has_queues = self.interface.as_deref().is_some_and(|name| name != "lo");
        has_queues
            && !self.system.client_addresses_partition()
            && self.system.placement() == Placement::Kernel
    }

    /// The only receive queue whose datagrams reach an owner's kernel socket, if there is one.
    pub(crate) fn queue_of(&self, owner: usize) -> Option<u16> {
        let one_each = self.queues == self.owners();
        u16::try_from(owner)
            .ok()
            .filter(|_| self.sockets_by_queue() && one_each)
    }

    /// The order of its keys, where it serves calls and knows which keys there are.
    ///
    /// # Errors
    /// When the workload names no keys.
    pub(crate) fn keys_in_order(&self) -> Result<Option<KeySpace>, ServerError> {
        let workload = (self.preload.as_ref()).filter(|_| self.rpc.is_some());
        let keys = workload.map(|preload| KeySpace::new(&preload.workload));
        keys.transpose()
            .map_err(|error| ServerError::Config(error.to_string()))
    }

    /// Whether some of its threads look for work without pause.
    pub fn spins(&self) -> bool {
        self.wakeup == Wakeup::Spin
            || (self.dispatcher.as_ref()).is_some_and(DispatcherConfig::spins)
    }

    /// Whether a cache answers some requests before they reach its threads.
    pub const fn answers_in_path(&self) -> bool {
        self.cache.is_some() || self.responses.is_some()
    }

    /// What decides the legality of this server.
    pub fn choice(&self) -> SystemChoice {
        let distinct: BTreeSet<_> = self.cores.iter().collect();
        SystemChoice {
            system: self.system,
            io: self.io,
            wakeup: self.wakeup,
            engine: self.engine,
            owners: self.owners(),
            clusters: self.clusters,
            large_owners: self.large_owners,
            queues: self.queues,
            port: self.port,
            tcp: self.tcp,
            hot_keys: self.hot_keys,
            sealed: self.secret.is_some(),
            rpc: self.rpc.is_some(),
            cpu_per_owner: distinct.len() == self.cores.len(),
        }
    }

    /// Whether such a server exists.
    ///
    /// # Errors
    /// The reason why not.
    pub fn validate(&self) -> Result<(), Refusal> {
        validate(&self.choice())?;
        self.multi_key.check(self.system)?;
        if self.multi_key == MultiKey::Balanced && self.rpc != Some(SteerBy::Key) {
            return Err(Refusal::OnlyScansAreBalanced);
        }
        let dispatched = with_design!(self.system, D => <D as Design>::DISPATCHED);
        match &self.dispatcher {
            None if dispatched => Err(Refusal::DispatcherMissing(self.system)),
            Some(_) if !dispatched => Err(Refusal::NoDispatcher(self.system)),
            Some(dispatcher) if self.cores.contains(&dispatcher.cpu) => {
                Err(Refusal::DispatcherNeedsCpu)
            }
            None | Some(_) => Ok(()),
        }
    }

    /// Threads that send and receive packets, and so have sockets: the owners, and the dispatcher
    /// behind them.
    pub(crate) fn packet_threads(&self) -> u32 {
        self.owners() + u32::from(self.dispatcher.is_some())
    }
}
