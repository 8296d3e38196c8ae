//! A running server: one system, its threads, its sockets or rings, and its life from load to stop.
//!
//! The control thread (an agent, or `experiment serve`) leads it through the phases of the
//! agents' protocol: [`Server::load`] -> [`attach`](Server::attach) ->
//! [`preload`](Server::preload) -> [`serve`](Server::serve), reads its counters at any time, and
//! [`stop`](Server::stop)s it. Each owner thread allocates its own memory and loads its own
//! partition. Everything that the choice of system, I/O and wakeup changes is decided once, in
//! the module `start`, by matches that lead into generic code.

mod backlog;
pub mod burn;
mod cache;
mod config;
pub mod counters;
pub(crate) mod desk;
pub(crate) mod dispatch;
pub(crate) mod dispatcher;
pub(crate) mod engine;
mod gate;
mod holder;
mod hot;
mod memory;
pub(crate) mod message;
mod migrate;
mod orders;
mod placing;
mod plane;
mod preload;
mod quiet;
mod readable;
pub mod rebalance;
mod reuse;
pub(crate) mod sealing;
mod shared;
pub mod snapshot;
mod start;
pub(crate) mod stores;
pub(crate) mod time;
mod watch;
pub(crate) mod wire;
mod worker;
mod xdp;

use std::sync::Arc;
use std::time::{Duration, Instant};

pub use cache::{CacheConfig, ResponsesConfig, SwitchPorts};
pub use config::{Preload, ServerConfig};
pub use counters::Counts;
pub use dispatcher::{DispatcherConfig, Steerer};
pub use snapshot::{DropLine, IoCounts, ServerCounters, ThreadCounters};
pub use watch::Watch;
pub use xdp::{HashReuse, XdpOptions};

use crate::systems::{Layout, Refusal};
use cache::Cache;
use gate::Phase;
use hot::HotKeys;
use plane::Plane;
use rebalance::SlotMove;
use start::Running;
use steering::SLOTS;
pub use wire::SteerBy;

/// Slots that change owners in one go.
const MOVED_AT_ONCE: usize = 32;

/// How long a phase of the threads may take before the server counts as broken: allocating and
/// filling memory on a slow, shared host.
const PHASE_LIMIT: Duration = Duration::from_secs(120);

/// Why a server cannot be had, or broke.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// No such system.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The configuration lacks something.
    #[error("{0}")]
    Config(String),
    /// A socket, ring, thread or descriptor could not be had.
    #[error("{what}: {source}")]
    Io {
        /// What was attempted.
        what: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// The XDP program could not be loaded, attached or told something.
    #[error("XDP: {0}")]
    Xdp(String),
    /// A worker thread failed.
    #[error("server thread: {0}")]
    Thread(String),
    /// Requests are still queued.
    #[error("the server's queues were not empty within {0:?}")]
    NotQuiet(Duration),
}

impl ServerError {
    fn io(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source }
    }
}

impl From<loader::Error> for ServerError {
    fn from(error: loader::Error) -> Self {
        Self::Xdp(error.to_string())
    }
}

/// A thread of the server, for CPU accounting and for what the user is told.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ThreadInfo {
    /// Its name (`owner-0` .., `tcp`).
    pub name: String,
    /// Its thread id.
    pub tid: u32,
    /// The CPU it is pinned to, if it is.
    pub cpu: Option<u32>,
}

/// What the machine gave, as opposed to what was asked.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Obtained {
    /// `udp`, `af_xdp copy` or `af_xdp zero-copy`.
    pub io: String,
    /// Name and tag of the program that steers, where there is one.
    pub program: Option<String>,
    /// What it listens on, one line each.
    pub listening: Vec<String>,
    /// Whether it is known which CPU handled a request before its thread, so that cross-core hops mean
    /// something.
    pub queues_known: bool,
    /// Which pages the items lie on, where there is a store.
    pub pages: Option<sys::mem::Pages>,
    /// What the work takes that is injected into the steering program, where some is.
    pub steering_cost: Option<String>,
}

/// What preloading did.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct PreloadReport {
    /// Keys stored, over all owners.
    pub stored: u64,
    /// Keys that the store refused (too large).
    pub refused: u64,
    /// Keys that were evicted again for want of memory.
    pub evicted: u64,
}

/// A server. Dropping it stops it.
#[derive(Debug)]
pub struct Server {
    config: ServerConfig,
    running: Running,
    plane: Plane,
    /// Requests by slot when the loads were last brought together.
    loads_before: Option<Box<[u64; SLOTS]>>,
    cache: Option<Cache>,
    hot_keys: Option<HotKeys>,
}

impl Server {
    /// Opens sockets or rings, loads the XDP program and starts the threads, each of which
    /// allocates its store. Call it inside the network namespace to serve in.
    ///
    /// # Errors
    /// When the combination is illegal or the machine does not give what it needs.
    pub fn load(config: &ServerConfig) -> Result<Self, ServerError> {
        config.validate()?;
        let cache = Cache::load(config)?;
        let (running, plane) = start::start(config)?;
        running
            .shared
            .gate
            .wait_arrived(Phase::Loaded, PHASE_LIMIT)
            .map_err(ServerError::Thread)?;
        Ok(Self {
            config: config.clone(),
            running,
            plane,
            loads_before: None,
            cache,
            hot_keys: None,
        })
    }

    /// Attaches the XDP program to the interface (AF_XDP), or does nothing (kernel sockets, which
    /// receive from [`load`](Self::load) on).
    ///
    /// # Errors
    /// When the driver has no native XDP, or somebody else's program is attached.
    pub fn attach(&mut self) -> Result<(), ServerError> {
        self.plane.attach(self.cache.as_ref())?;
        self.cache.as_mut().map_or(Ok(()), Cache::attach)
    }

    /// Lets each owner store the keys of its partition, all owners in parallel.
    ///
    /// # Errors
    /// When a thread fails.
    pub fn preload(&mut self) -> Result<PreloadReport, ServerError> {
        let shared = &self.running.shared;
        shared.gate.open(Phase::Preloaded);
        shared
            .gate
            .wait_arrived(Phase::Preloaded, PHASE_LIMIT)
            .map_err(ServerError::Thread)?;
        Ok(shared.preload_report())
    }

    /// Starts serving.
    ///
    /// # Errors
    /// When a thread fails.
    pub fn serve(&mut self) -> Result<(), ServerError> {
        let shared = &self.running.shared;
        shared.gate.open(Phase::Serving);
        shared
            .gate
            .wait_arrived(Phase::Serving, PHASE_LIMIT)
            .map_err(ServerError::Thread)?;
        self.hot_keys = HotKeys::start(&self.config, shared, &mut self.plane)?;
        match &mut self.cache {
            Some(cache) => cache.start(shared),
            None => Ok(()),
        }
    }

    /// Starts serving at `from_ns` (CLOCK_MONOTONIC), all owners at that instant; give it some
    /// milliseconds ahead. Until then requests wait in the sockets.
    ///
    /// # Errors
    /// When a thread fails.
    pub fn serve_from(&mut self, from_ns: u64) -> Result<(), ServerError> {
        let from = &self.running.shared.serve_from_ns;
        from.store(from_ns, std::sync::atomic::Ordering::Release);
        self.serve()
    }

    /// The counters, at any time from any thread. Exact after [`quiesce`](Self::quiesce).
    ///
    /// # Errors
    /// When the kernel does not tell its part: a ledger must not be closed on a guess. When the thread that fills a
    /// cache has ended: without it the server is another system.
    pub fn snapshot(&self) -> Result<ServerCounters, ServerError> {
        let mut counters = self.running.shared.counters();
        self.plane.add_counters(&mut counters)?;
        if let Some(cache) = &self.cache {
            cache.alive(&self.running.shared.gate)?;
            cache.add_counters(&mut counters)?;
        }
        if let Some(hot_keys) = &self.hot_keys {
            hot_keys.add_counters(&mut counters)?;
        }
        Ok(counters)
    }

    /// What reads the threads' counters while somebody else holds the server.
    #[must_use]
    pub fn watch(&self) -> Watch {
        Watch(Arc::clone(&self.running.shared))
    }

    /// Waits until no request is in a socket, a ring or a thread. New arrivals keep it waiting.
    ///
    /// # Errors
    /// When requests are still there after `limit`, or a thread has failed.
    pub fn quiesce(&self, limit: Duration) -> Result<(), ServerError> {
        let deadline = Instant::now() + limit;
        let shared = &self.running.shared;
        loop {
            if let Some(failure) = shared.gate.failure() {
                return Err(ServerError::Thread(failure));
            }
            let before = shared.activity();
            let quiet = shared.wait_empty_round(deadline);
            // Nothing moved between two complete empty rounds of every thread.
            if quiet && shared.wait_empty_round(deadline) && shared.activity() == before {
                return Ok(());
            }
            if Instant::now() >= deadline {
                return Err(ServerError::NotQuiet(limit));
            }
        }
    }

    /// Moves slots of the partition table, with the items in them, to other owners while requests
    /// are served.
    ///
    /// The order is what keeps every request and every item: the old owner stops serving a slot
    /// and sends its items; from then on it forwards the slot's requests to the new owner, behind
    /// the items in the same ring. The new owner takes the items and changes the user-space
    /// table. Only then is the kernel's table changed. A request steered by the old entry
    /// meanwhile reaches the old owner, where it counts as a misroute and is handed over; the
    /// other order would misroute as many, to an owner that does not have the items yet.
    ///
    /// An owner reads through all its items to find those of the slots that it gives away, so
    /// slots leave by the dozen: enough to share that, few enough that requests wait some
    /// milliseconds at most.
    ///
    /// # Errors
    /// When the system is not partitioned or not serving, or the kernel's table refuses.
    pub fn move_slots(&mut self, moves: &[SlotMove]) -> Result<(), ServerError> {
        if self.config.system.layout() != Layout::Partitioned || self.config.dispatcher.is_some() {
            return Err(ServerError::Config(format!(
                "{} has no slots to move, each with one owner that is awake",
                self.config.system
            )));
        }
        if self.config.hot_keys > 0 {
            return Err(ServerError::Config(
                "slots do not move while hot keys are spread: their copies would not know the new owner"
                    .to_owned(),
            ));
        }
        for moves in moves.chunks(MOVED_AT_ONCE) {
            self.running.shared.move_slots(moves)?;
            for (slot, _) in moves {
                self.plane.copy_slot(&self.running.shared.table, *slot)?;
            }
        }
        Ok(())
    }

    /// Moves slots between owners so that their loads come together, by what was executed since the
    /// last call (or since the start); returns how many moved.
    ///
    /// # Errors
    /// When the configuration counts no loads of slots, or a move fails.
    pub fn rebalance(&mut self) -> Result<usize, ServerError> {
        let shared = &self.running.shared;
        let Some(loads) = shared.slot_loads() else {
            return Err(ServerError::Config(
                "this server counts no loads of slots".to_owned(),
            ));
        };
        let since = match &self.loads_before {
            Some(before) => std::array::from_fn(|slot| loads[slot] - before[slot]),
            None => *loads,
        };
        self.loads_before = Some(loads);
        let owners = shared.table.snapshot();
        let owners = owners.map(|entry| steering::table::owner_in(entry) as u16);
        let count = u16::try_from(shared.owners).unwrap_or(u16::MAX);
        let moves = rebalance::moves(&since, &owners, count);
        self.move_slots(&moves)?;
        Ok(moves.len())
    }

    /// The partition table as user space sees it.
    pub fn table(&self) -> &steering::PartitionTable {
        &self.running.shared.table
    }

    /// Writes one slot of the kernel's table and of no other, which misroutes the slot's requests: the
    /// end-to-end tests do so on purpose.
    ///
    /// # Errors
    /// When the kernel has no table of this system, or refuses.
    pub fn misdirect_slot(&mut self, slot: u16, entry: u64) -> Result<(), ServerError> {
        if self.plane.set_slot(slot, entry)? {
            return Ok(());
        }
        let system = self.config.system;
        let message = format!("the kernel has no partition table of {system}");
        Err(ServerError::Config(message))
    }

    /// Ends the thread that fills the cache, where there is one, as if it had died: tests do so on purpose.
    pub fn end_cache_controller(&mut self) {
        if let Some(cache) = &self.cache {
            cache.end_controller();
        }
    }

    /// The kernel's threads that run the network stack for the owners, where a program made such: their
    /// time is the server's.
    ///
    /// # Errors
    /// When they cannot be found.
    pub fn kernel_threads(&self) -> Result<Vec<ThreadInfo>, ServerError> {
        self.plane.kernel_threads()
    }

    /// The loaded XDP program in front of AF_XDP sockets, where there is one.
    pub fn steer_mut(&mut self) -> Option<&mut loader::Steer> {
        self.plane.steer_mut()
    }

    /// Tells the threads which CPU runs the NAPI poll of each receive queue (`None`: unknown), for
    /// the count of cross-core hops.
    pub fn set_napi_cpus(&self, cpus: Option<&[u32]>) {
        self.running.shared.napi.set(cpus);
    }

    /// The threads, for CPU accounting.
    pub fn threads(&self) -> Vec<ThreadInfo> {
        let mut threads = self.running.shared.threads();
        threads.extend(self.cache.as_ref().and_then(Cache::thread));
        threads.extend(self.hot_keys.as_ref().and_then(HotKeys::thread));
        threads
    }

    /// The thread that allocates cores to the owners, where there is one.
    pub fn dispatcher(&self) -> Option<ThreadInfo> {
        self.config.dispatcher?;
        self.running
            .shared
            .threads()
            .into_iter()
            .nth(self.config.cores.len())
    }

    /// What the machine gave.
    pub fn obtained(&self) -> Obtained {
        Obtained {
            pages: self.running.shared.pages.get().copied(),
            ..self.plane.obtained(&self.config)
        }
    }

    /// What the server was asked to be.
    pub fn config(&self) -> &ServerConfig {
        &self.config
    }

    /// Stops the threads, detaches and closes everything; returns the last counters.
    ///
    /// # Errors
    /// When a thread had failed.
    pub fn stop(mut self) -> Result<ServerCounters, ServerError> {
        if let Some(cache) = &mut self.cache {
            cache.detach();
        }
        self.plane.detach();
        self.running.join()?;
        self.snapshot()
    }
}
