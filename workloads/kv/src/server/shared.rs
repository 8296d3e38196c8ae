//! What the threads of a server share with its control thread.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use model::KeySpace;
use pktio::worker::{Control, Live};
use seal::Seal;
use steering::hash::hash_bytes;
use steering::table::{SLOTS, Table, owner_in};
use steering::{PartitionTable, Policy};
use sys::mem::Pages;

use super::cache::clocks::Clocks;
use super::cache::{Asked, Offers};
use super::config::ServerConfig;
use super::counters::{Count, Counts, LiveCounts};
use super::dispatcher::Allocation;
use super::gate::Gate;
use super::hot::{Counted, Spread};
use super::orders::{Mailbox, Order};
use super::quiet::Quiet;
use super::rebalance::{self, SlotMove};
use super::snapshot::{DropLine, IoCounts, ServerCounters, ThreadCounters};
use super::wire::SteerBy;
use super::{PreloadReport, ServerError, ThreadInfo};
use crate::handoff::doorbell::Doorbell;
use crate::protocol::{ServerFacts, Single};
use crate::systems::MultiKey;

/// How often the control thread looks whether something it waits for has happened.
const LOOK_EVERY: Duration = Duration::from_micros(200);

/// How long moving one slot may take: extracting and storing its items on a busy owner.
const MOVE_LIMIT: Duration = Duration::from_secs(10);

/// One thread as others see it.
#[derive(Debug)]
pub(crate) struct ThreadState {
    /// Its name.
    pub(crate) name: String,
    /// The CPU it is pinned to.
    pub(crate) cpu: Option<u32>,
    /// Its thread id, once it runs.
    pub(crate) tid: AtomicU32,
    /// What its request processing counts.
    pub(crate) counts: LiveCounts,
    /// What the worker loop counts.
    pub(crate) live: Live,
    /// Its report of empty rounds.
    pub(crate) quiet: Quiet,
    /// Keys that it executed, by slot, where the server is to know.
    pub(crate) by_slot: Option<Box<[Count; SLOTS]>>,
    /// Orders for it.
    pub(crate) mailbox: Mailbox<Order>,
    /// A cache's questions to it.
    pub(crate) questions: Mailbox<Asked>,
    /// What it says of the gets that it executed, where keys may be hot.
    pub(crate) counted: Mailbox<Vec<Counted>>,
}

/// See the [module](self).
#[derive(Debug)]
pub(crate) struct Shared {
    /// Slot to owner, the truth of user space.
    pub(crate) table: PartitionTable,
    /// One per thread, owners first.
    pub(crate) doorbells: Arc<[Doorbell]>,
    /// One per thread, owners first.
    pub(crate) states: Vec<ThreadState>,
    /// Tells the threads to leave.
    pub(crate) control: Control,
    /// Leads them from phase to phase.
    pub(crate) gate: Gate,
    /// When the owners begin to serve (CLOCK_MONOTONIC, ns), set before they may.
    pub(crate) serve_from_ns: AtomicU64,
    /// Which CPU polls which queue.
    pub(crate) napi: NapiCpus,
    /// What preloading did, summed by the owners.
    pub(crate) preloaded: Mutex<PreloadReport>,
    /// Number of owners; the thread beyond them serves TCP, or dispatches.
    pub(crate) owners: usize,
    /// Owners of each partition that the table names: neighbours, from partition 0 on.
    pub(crate) members: usize,
    /// What a cache in the path has to know of executed writes; nothing without one.
    pub(crate) clocks: Option<Arc<Clocks>>,
    /// Responses for a cache in the path, where one holds such.
    pub(crate) offers: Option<Offers>,
    /// How gets of several keys are served.
    pub(crate) multi_key: MultiKey,
    /// The hot keys, where such are spread.
    pub(crate) spread: Option<Spread>,
    /// What opens and seals datagrams, where they are sealed.
    pub(crate) seal: Option<Arc<Seal>>,
    /// How calls are steered, where the datagrams are calls.
    pub(crate) rpc: Option<SteerBy>,
    /// The order of keys, where calls may ask for neighbours.
    pub(crate) keys: Option<KeySpace>,
    /// Which pages the first partition's items lie on, once it is made.
    pub(crate) pages: OnceLock<Pages>,
    /// What allocating cores came to, where the server does that.
    pub(crate) allocation: Option<Allocation>,
    shards: u32,
    started: Instant,
}

impl Shared {
    /// The state of a server of this configuration before its threads exist.
    ///
    /// # Errors
    /// When there are not enough descriptors for the doorbells.
    pub(crate) fn new(config: &ServerConfig) -> Result<Self, ServerError> {
        let owners = config.cores.len();
        let names = (0..owners)
            .map(|owner| (format!("owner-{owner}"), Some(config.cores[owner])))
            .chain(config.tcp.then(|| ("tcp".to_owned(), None)))
            .chain((config.dispatcher).map(|thread| ("dispatcher".to_owned(), Some(thread.cpu))));
        let states: Vec<_> = names
            .map(|(name, cpu)| ThreadState::new(name, cpu, config.slot_loads))
            .collect();
        let doorbells = states
            .iter()
            .map(|_| Doorbell::new())
            .collect::<Result<_, _>>();
        Ok(Self {
            table: PartitionTable::of(
                config.rpc.map_or(Policy::Key, SteerBy::policy),
                u16::try_from(config.partitions()).unwrap_or(u16::MAX),
            ),
            doorbells: doorbells.map_err(ServerError::io("an eventfd per thread"))?,
            control: Control::new(),
            gate: Gate::new(states.len()),
            serve_from_ns: AtomicU64::new(0),
            napi: NapiCpus::new(config.queues),
            preloaded: Mutex::default(),
            owners,
            members: config.members() as usize,
            clocks: (config.answers_in_path()).then(|| Arc::new(Clocks::new(config.rpc.is_some()))),
            offers: (config.responses.as_ref()).map(|cache| Offers::new(cache.min_cost_ns)),
            multi_key: config.multi_key,
            spread: (config.hot_keys > 0).then(|| Spread::new(config.hot_keys)),
            seal: (config.secret.as_ref()).map(|secret| Arc::new(Seal::new(secret))),
            rpc: config.rpc,
            keys: config.keys_in_order()?,
            pages: OnceLock::new(),
            allocation: config.dispatcher.map(|_| Allocation::default()),
            shards: config.shards(),
            started: Instant::now(),
            states,
        })
    }

    /// The threads.
    pub(crate) fn threads(&self) -> Vec<ThreadInfo> {
        self.states
            .iter()
            .map(|state| ThreadInfo {
                name: state.name.clone(),
                tid: state.tid.load(Ordering::Acquire),
                cpu: state.cpu,
            })
            .collect()
    }

    /// What the server says of itself to `stats`; time and further lines are the caller's.
    pub(crate) fn facts(&self) -> ServerFacts<'static> {
        ServerFacts {
            uptime_s: self.started.elapsed().as_secs(),
            threads: u32::try_from(self.owners).unwrap_or(u32::MAX),
            shards: self.shards,
            ..ServerFacts::default()
        }
    }

    /// Further lines of `stats`: what steering did.
    pub(crate) fn statistics(&self) -> Vec<(&'static str, u64)> {
        let total = self.states.iter().map(|state| state.counts.read());
        let total = total.fold(Counts::default(), Counts::plus);
        vec![
            ("requests_received", total.requests_received),
            ("requests_executed", total.requests_executed),
            ("handoffs", total.handoffs),
            ("misroutes", total.misroutes),
        ]
    }

    /// What preloading did.
    pub(crate) fn preload_report(&self) -> PreloadReport {
        *self
            .preloaded
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// All threads' counts together.
    pub(crate) fn total(&self) -> Counts {
        let counts = self.states.iter().map(|state| state.counts.read());
        counts.fold(Counts::default(), Counts::plus)
    }

    /// The threads' counters, and the losses that they themselves count.
    pub(crate) fn counters(&self) -> ServerCounters {
        let threads: Vec<_> = self.states.iter().map(ThreadState::counters).collect();
        let mut counters = ServerCounters {
            threads,
            drops: Vec::new(),
            related: Vec::new(),
            hops_before_threads: None,
            answered_in_path: 0,
        };
        let total = counters.total();
        let io = self.states.iter().map(|state| state.live.read().io);
        let refused = io.clone().map(|io| io.transmit_refused).sum();
        let truncated = io.clone().map(|io| io.truncated).sum();
        let lines = [
            ("bad_frame", total.drop_bad_frame, "server: drop_bad_frame"),
            ("bad_seal", total.drop_bad_seal, "server: drop_bad_seal"),
            (
                "incomplete_request",
                total.drop_incomplete,
                "server: drop_incomplete",
            ),
            (
                "reply_no_frame",
                total.drop_no_frame,
                "server: drop_no_frame",
            ),
            (
                "reply_too_long",
                total.drop_reply_too_long,
                "server: drop_reply_too_long",
            ),
            ("transmit_refused", refused, "io: transmit_refused"),
            ("request_truncated", truncated, "io: truncated"),
        ];
        counters.drops = lines
            .into_iter()
            .map(|(name, requests, source)| DropLine {
                name: name.to_owned(),
                requests,
                source: source.to_owned(),
            })
            .collect();
        for thread in &counters.threads {
            let name = format!("executed_{}", thread.name.replace('-', "_"));
            counters
                .related
                .push((name, thread.counts.requests_executed));
        }
        counters
            .related
            .extend(self.allocation.iter().flat_map(Allocation::named));
        counters.related.push((
            "foreign_frames".to_owned(),
            io.clone().map(|io| io.foreign).sum(),
        ));
        counters.related.push((
            "replies_without_frame".to_owned(),
            io.map(|io| io.no_frame).sum(),
        ));
        counters
    }

    /// Keys executed so far, by slot, if that is counted.
    pub(crate) fn slot_loads(&self) -> Option<Box<[u64; SLOTS]>> {
        let mut loads = Box::new([0; SLOTS]);
        for state in &self.states {
            for (load, count) in loads.iter_mut().zip(state.by_slot.as_ref()?.iter()) {
                *load += count.get();
            }
        }
        Some(loads)
    }

    /// The clock that a datagram advances once it is dealt with.
    #[inline]
    pub(crate) fn clock_of(&self, payload: &[u8]) -> Option<u32> {
        self.clocks.as_ref()?.of_datagram(payload)
    }

    /// A datagram was dealt with, executed or not.
    #[inline]
    pub(crate) fn dealt_with(&self, clock: Option<u32>) {
        if let (Some(clocks), Some(clock)) = (&self.clocks, clock) {
            clocks.advance(clock);
        }
    }

    /// Things done by all threads so far.
    pub(crate) fn activity(&self) -> u64 {
        self.states.iter().map(|state| state.quiet.activity()).sum()
    }

    /// Waits for an empty round of every thread; false when `deadline` passes first.
    pub(crate) fn wait_empty_round(&self, deadline: Instant) -> bool {
        let questions: Vec<_> = self.states.iter().map(|state| state.quiet.ask()).collect();
        self.wait(deadline, || {
            self.states
                .iter()
                .zip(&questions)
                .all(|(state, q)| state.quiet.answered(*q))
        })
    }

    /// Moves slots and their items; see [`super::Server::move_slots`].
    ///
    /// # Errors
    /// When slot or owner do not exist, a slot is to have two owners, or the threads do not get to it.
    pub(crate) fn move_slots(&self, moves: &[SlotMove]) -> Result<(), ServerError> {
        rebalance::once_each(moves).map_err(ServerError::Config)?;
        let mut orders = vec![Vec::new(); self.owners];
        for (slot, owner) in moves {
            if usize::from(*slot) >= SLOTS || usize::from(*owner) >= self.owners {
                return Err(ServerError::Config(format!(
                    "no slot {slot} or no owner {owner}"
                )));
            }
            let from = self.owner_of_slot(*slot);
            if from != usize::from(*owner) {
                orders[from].push((*slot, *owner));
            }
        }
        for (state, moves) in self.states.iter().zip(orders) {
            if !moves.is_empty() {
                state.mailbox.put(Order::GiveAway(moves));
            }
        }
        let moved = |(slot, owner): &SlotMove| self.owner_of_slot(*slot) == usize::from(*owner);
        let done = || moves.iter().all(moved);
        if self.wait(Instant::now() + MOVE_LIMIT, done) {
            Ok(())
        } else {
            let failure = self.gate.failure();
            Err(ServerError::Thread(
                failure.unwrap_or_else(|| "slots were not handed over".into()),
            ))
        }
    }

    /// What the partition table is asked with for a key whose hash is known: that hash, or the key's token
    /// where requests are sealed.
    #[inline]
    pub(crate) fn route(&self, key: &[u8], hash: u64) -> u64 {
        self.seal.as_ref().map_or(hash, |seal| seal.token(key))
    }

    /// [`route`](Self::route) for the key of a request.
    #[inline]
    pub(crate) fn route_of(&self, request: &[u8], single: &Single) -> u64 {
        match (&self.seal, self.rpc) {
            (None, None) => single.store_hash(request),
            (Some(seal), _) => single.of_store_key(request, |key| seal.token(key)),
            (None, Some(by)) => by.route(request, single),
        }
    }

    /// What names the owner to whom a request for one key is steered. It differs from
    /// [`route_of`](Self::route_of) where functions have owners, and items have others.
    #[inline]
    pub(crate) fn steered_by(&self, request: &[u8], single: &Single) -> u64 {
        match (self.rpc, single.rpc()) {
            (Some(SteerBy::Function), Some(op)) => hash_bytes(op.name.of(request)),
            (Some(SteerBy::Tenant | SteerBy::Key | SteerBy::Range { .. }) | None, _)
            | (Some(_), None) => self.route_of(request, single),
        }
    }

    /// [`route`](Self::route) for a key of the workload's, by its number.
    pub(crate) fn route_of_id(&self, id: u32, key: &[u8], hash: u64) -> u64 {
        match self.rpc {
            Some(by) => by.route_of_id(id, hash),
            None => self.route(key, hash),
        }
    }

    /// The owner to whom thread `me` hands keys of this hash: of the partition's members the one
    /// that stands where `me` stands in its own.
    #[inline]
    pub(crate) fn owner_for(&self, me: usize, hash: u64) -> usize {
        usize::from(self.table.owner_of(hash)) * self.members + me % self.members
    }

    /// Whether thread `me` is a member of the partition that owns keys of this hash.
    #[inline]
    pub(crate) fn is_member(&self, me: usize, hash: u64) -> bool {
        usize::from(self.table.owner_of(hash)) == me / self.members
    }

    /// The slot's owner in user space, where each partition has one.
    pub(crate) fn owner_of_slot(&self, slot: u16) -> usize {
        self.table
            .entry(slot)
            .map_or(0, |entry| owner_in(entry) as usize)
    }

    fn wait(&self, deadline: Instant, done: impl Fn() -> bool) -> bool {
        loop {
            if done() {
                return true;
            }
            if Instant::now() >= deadline || self.gate.failure().is_some() {
                return false;
            }
            std::thread::sleep(LOOK_EVERY);
        }
    }
}

impl ThreadState {
    fn new(name: String, cpu: Option<u32>, slot_loads: bool) -> Self {
        Self {
            name,
            cpu,
            tid: AtomicU32::new(0),
            counts: LiveCounts::default(),
            live: Live::default(),
            quiet: Quiet::default(),
            mailbox: Mailbox::default(),
            by_slot: slot_loads.then(|| Box::new(std::array::from_fn(|_| Count::default()))),
            questions: Mailbox::default(),
            counted: Mailbox::default(),
        }
    }

    fn counters(&self) -> ThreadCounters {
        let worker = self.live.read();
        ThreadCounters {
            name: self.name.clone(),
            tid: self.tid.load(Ordering::Acquire),
            cpu: self.cpu,
            counts: self.counts.read(),
            io: IoCounts {
                received: worker.io.received,
                transmitted: worker.io.transmitted,
                frame_returns: worker.io.frame_returns,
                wakeups_kernel: worker.io.wakeups_kernel,
                wakeups_app: worker.wakeups_app,
                busy_rounds: worker.busy_rounds,
                empty_rounds: worker.empty_rounds,
                empty_ns: worker.empty_ns,
                chunks: worker.io.chunks,
                frame_bytes: worker.io.frame_bytes,
            },
            first_idle_ns: worker.first_idle_ns,
            last_busy_ns: worker.last_busy_ns,
        }
    }
}

/// Which CPU runs the NAPI poll of each receive queue.
#[derive(Debug)]
pub(crate) struct NapiCpus {
    cpus: Vec<AtomicU32>,
}

impl NapiCpus {
    const UNKNOWN: u32 = u32::MAX;

    fn new(queues: u32) -> Self {
        let cpus = (0..queues).map(|_| AtomicU32::new(Self::UNKNOWN)).collect();
        Self { cpus }
    }

    /// Sets all queues' CPUs; queues beyond the slice become unknown.
    pub(crate) fn set(&self, cpus: Option<&[u32]>) {
        for (queue, cell) in self.cpus.iter().enumerate() {
            let cpu = cpus.and_then(|cpus| cpus.get(queue)).copied();
            cell.store(cpu.unwrap_or(Self::UNKNOWN), Ordering::Relaxed);
        }
    }

    /// Whether a request of this queue, executed on `cpu`, changed CPUs on its way.
    #[inline]
    pub(crate) fn hopped(&self, queue: Option<u16>, cpu: u32) -> bool {
        queue
            .and_then(|queue| self.cpus.get(usize::from(queue)))
            .map(|cell| cell.load(Ordering::Relaxed))
            .is_some_and(|napi| napi != Self::UNKNOWN && napi != cpu)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hop_is_counted_only_where_the_napi_cpu_is_known() {
        let napi = NapiCpus::new(2);
        assert!(!napi.hopped(Some(0), 1));
        napi.set(Some(&[0, 1]));
        assert!(napi.hopped(Some(0), 1));
        assert!(!napi.hopped(Some(1), 1));
        assert!(!napi.hopped(Some(9), 1) && !napi.hopped(None, 1));
        napi.set(None);
        assert!(!napi.hopped(Some(0), 1));
    }
}
