//! The thread that has a core to itself so that others need theirs only at times: see
//! [`shenango`](crate::systems::shenango).
//!
//! Every 5 us it looks how long the oldest request of each owner has waited ([`delay`]), decides
//! ([`allocator`]), and wakes whom it grants a core ([`cores`], [`tenant`]). Where it steers, it polls
//! all receive queues and hands every request to the ring of its key's owner; where XDP does, requests
//! wait in the owners' own receive rings, whose indices it reads, and it sleeps between two looks.
//! It has no store. Requests that take several owners it gathers itself.

mod allocator;
mod cores;
mod delay;
mod tenant;

use std::os::fd::RawFd;
use std::sync::Arc;
use std::time::Duration;

use pktio::af_xdp::{MeshFrame, MeshIo, RxWatch};
use pktio::worker::{self, Handler, WaitMode, Woken};
use pktio::{BatchIo as _, DatagramIo as _};
use serde::{Deserialize, Serialize};
use sys::clock::now_ns;

use super::ServerError;
use super::config::{LONGEST_SLEEP, RING_MESSAGES, ServerConfig};
use super::desk::{Desk, Job};
use super::dispatch::Dispatch as _;
use super::engine::{Elsewhere, Owned};
use super::message::{Arrival, Handed, Message};
use super::shared::Shared;
use super::start::{Parts, Running, ready};
use super::time::UnixClock;
use super::worker::{Owner, Waiting, answer_job, open};
use crate::handoff::mesh::{Port, SpinPerBatch, mesh};
use crate::protocol::frame::HEADER_LEN;
use crate::protocol::{Parsed, Single};
use crate::reply::Spill;
use crate::store::{Shard, ShardConfig};
use crate::systems::Design;
use crate::systems::shenango::Shenango;
use allocator::{Allocator, Seen, Step};
pub(crate) use cores::Allocation;
use cores::Cores;
use delay::Delay;
use tenant::Tenant;

/// Time between two looks at the queues, ns: Shenango's.
const LOOK_EVERY_NS: u64 = 5_000;

/// Messages taken from each ring in one round.
const INBOX_BATCH: usize = 256;

/// Who brings requests to the owners.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Steerer {
    /// The dispatcher, which polls all receive queues.
    Software,
    /// An XDP program, to the owners' sockets.
    Xdp,
}

/// A dispatcher that is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct DispatcherConfig {
    /// Its CPU, on which no owner lives.
    pub cpu: u32,
    /// Who steers.
    pub steering: Steerer,
}

impl DispatcherConfig {
    /// Whether it looks for packets without pause.
    #[must_use]
    pub const fn spins(&self) -> bool {
        match self.steering {
            Steerer::Software => true,
            Steerer::Xdp => false,
        }
    }
}

/// Starts the owners and, behind them, the dispatcher.
///
/// # Errors
/// When the configuration names no dispatcher, or rings or threads cannot be had.
pub(super) fn spawn(parts: Parts<MeshIo>) -> Result<Running, ServerError> {
    let Parts {
        config,
        shared,
        mut ios,
        ..
    } = parts;
    let (Some(dispatcher), Some(own_io)) = (config.dispatcher, ios.pop()) else {
        let message = format!("{} needs a dispatcher", config.system);
        return Err(ServerError::Config(message));
    };
    let cores = Arc::new(Cores::new(ios.len()));
    let mut ports = mesh::<Message<MeshFrame>>(&shared.doorbells, RING_MESSAGES);
    let own_port = ports.pop();
    let watches = ios.iter().map(|io| match dispatcher.steering {
        Steerer::Software => Ok(Vec::new()),
        Steerer::Xdp => io.watch(),
    });
    let watches: Vec<Vec<RxWatch>> = watches
        .collect::<Result<_, _>>()
        .map_err(ServerError::io("a look at the receive rings"))?;
    let mut running = Running::new(shared);
    let dispatches = <Shenango as Design>::Dispatch::for_owners(&config);
    for (me, ((io, port), dispatch)) in ios.into_iter().zip(ports).zip(dispatches).enumerate() {
        let (config, cores) = (config.clone(), Arc::clone(&cores));
        running.spawn(me, move |shared| {
            serve_own(&config, me, shared, io, port, dispatch, &cores)
        })?;
    }
    if let Some(port) = own_port {
        let me = config.cores.len();
        running.spawn(me, move |shared| {
            dispatch(&config, dispatcher, shared, own_io, port, cores, watches)
        })?;
    }
    Ok(running)
}

/// An owner's thread.
fn serve_own(
    config: &ServerConfig,
    me: usize,
    shared: &Arc<Shared>,
    mut io: MeshIo,
    port: Port<Message<MeshFrame>>,
    dispatch: <Shenango as Design>::Dispatch,
    cores: &Arc<Cores>,
) -> Result<(), String> {
    let cpu = config.cores[me];
    let make = || {
        let bytes = config.partition_bytes();
        let shard = Shard::new(ShardConfig { bytes }).map_err(|error| error.to_string())?;
        shared.pages.get_or_init(|| shard.pages());
        Ok(Owned::new(shard, me, Arc::clone(shared)))
    };
    let Some(desk) = ready(config, me, cpu, shared, port, make)? else {
        return Ok(());
    };
    let owner =
        Owner::<Shenango, SpinPerBatch, _, _>::new(desk, cpu, config.queue_of(me), dispatch, None);
    let mut tenant = Tenant::new(owner, me, shared, cores);
    let mode = WaitMode::Park {
        timeout: LONGEST_SLEEP,
    };
    let live = &shared.states[me].live;
    worker::run(&mut io, &mut tenant, mode, &shared.control, live)
        .map(|_| ())
        .map_err(|error| error.to_string())
}

/// The dispatcher's thread.
fn dispatch(
    config: &ServerConfig,
    dispatcher: DispatcherConfig,
    shared: &Arc<Shared>,
    mut io: MeshIo,
    port: Port<Message<MeshFrame>>,
    cores: Arc<Cores>,
    watches: Vec<Vec<RxWatch>>,
) -> Result<(), String> {
    let me = config.cores.len();
    let make = || Ok(Elsewhere(Arc::clone(shared)));
    let Some(desk) = ready(config, me, dispatcher.cpu, shared, port, make)? else {
        return Ok(());
    };
    let mode = if dispatcher.spins() {
        WaitMode::Spin
    } else {
        // Or the kernel adds 50 us to each sleep.
        sys::clock::set_timerslack(1).map_err(|error| error.to_string())?;
        WaitMode::Park {
            timeout: Duration::from_nanos(LOOK_EVERY_NS),
        }
    };
    let queue = |rings: Vec<RxWatch>| Queue {
        messages: Delay::default(),
        rings: (rings.into_iter())
            .map(|ring| (ring, Delay::default()))
            .collect(),
    };
    let mut dispatcher = Dispatcher {
        desk,
        cpu: dispatcher.cpu,
        clock: UnixClock::new(),
        inbound: Vec::new(),
        spill: Spill::default(),
        work: 0,
        allocator: Allocator::new(&config.cores),
        queues: watches.into_iter().map(queue).collect(),
        seen: Vec::new(),
        steps: Vec::new(),
        look_at_ns: 0,
        cores,
    };
    let live = &shared.states[me].live;
    worker::run(&mut io, &mut dispatcher, mode, &shared.control, live)
        .map(|_| ())
        .map_err(|error| error.to_string())
}

/// What waits for one owner.
#[derive(Debug)]
struct Queue {
    /// In the ring of messages from the dispatcher.
    messages: Delay,
    /// In its receive rings, where XDP delivers to it.
    rings: Vec<(RxWatch, Delay)>,
}

struct Dispatcher {
    desk: Desk<MeshFrame, Waiting<MeshFrame>, Elsewhere>,
    cpu: u32,
    clock: UnixClock,
    inbound: Vec<Message<MeshFrame>>,
    spill: Spill,
    work: u64,
    cores: Arc<Cores>,
    allocator: Allocator,
    queues: Vec<Queue>,
    seen: Vec<Seen>,
    steps: Vec<Step>,
    look_at_ns: u64,
}

impl Dispatcher {
    /// Hands a request for one key to its owner, frame and all.
    fn hand_over(&mut self, io: &MeshIo, frame: MeshFrame, from: Arrival, single: Single) {
        let shared = &self.desk.shared;
        let hash = single.store_hash(&io.payload(&frame)[HEADER_LEN..]);
        let owner = shared.owner_for(0, hash);
        shared.states[self.desk.me].counts.handoffs.one();
        let handed = Handed {
            frame,
            from,
            single,
        };
        self.desk
            .port
            .send::<SpinPerBatch>(owner, Message::Request(handed));
    }

    /// Everything but a request for one key.
    fn gather(&mut self, io: &mut MeshIo, frame: MeshFrame, from: Arrival) {
        let request: Arc<[u8]> = Arc::from(&io.payload(&frame)[HEADER_LEN..]);
        let waiting = Waiting { frame, from };
        if let Some(job) = self.desk.begin::<SpinPerBatch>(waiting, request) {
            self.answer(io, job);
        }
    }

    fn answer(&mut self, io: &mut MeshIo, job: Job<Waiting<MeshFrame>>) {
        let desk = &self.desk;
        answer_job(
            io,
            job,
            &desk.shared,
            (desk.me, self.cpu),
            &mut self.spill,
            None,
        );
    }

    fn take_messages(&mut self, io: &mut MeshIo) -> usize {
        let mut inbound = std::mem::take(&mut self.inbound);
        let taken = self.desk.port.receive(INBOX_BATCH, &mut inbound);
        for message in inbound.drain(..) {
            match message {
                Message::Whole { frame, from } => self.gather(io, frame, from),
                Message::Answer(answer) => {
                    if let Some(job) = self.desk.answered::<SpinPerBatch>(answer) {
                        self.answer(io, job);
                    }
                }
                // An owner passes on what is not its own: a single request goes to who owns it by now.
                Message::Request(Handed {
                    frame,
                    from,
                    single,
                }) => self.hand_over(io, frame, from, single),
                Message::Ask(ask) => self.desk.serve::<SpinPerBatch>(ask),
                Message::Items(_) | Message::Copy(_) => {}
            }
        }
        self.inbound = inbound;
        self.work += taken as u64;
        taken
    }

    /// While the rings to the owners are full to the brim, no new request is taken in.
    fn relieve(&mut self, io: &mut MeshIo) {
        if !self.desk.port.overfull() {
            return;
        }
        let counts = &self.desk.shared.states[self.desk.me].counts;
        counts.handoff_stalls.one();
        while self.desk.port.overfull() && !self.desk.shared.control.stopped() {
            self.desk.port.publish::<SpinPerBatch>();
            self.take_messages(io);
            self.look(now_ns());
            // An error shows again in the round's own flush, which reports it.
            let _ = io.flush();
        }
    }

    /// Grants and revokes cores, when it is time to look.
    fn look(&mut self, now_ns: u64) {
        if now_ns < self.look_at_ns {
            return;
        }
        self.look_at_ns = now_ns + LOOK_EVERY_NS;
        let shared = Arc::clone(&self.desk.shared);
        let Some(allocation) = &shared.allocation else {
            return;
        };
        self.seen.clear();
        for (owner, queue) in self.queues.iter_mut().enumerate() {
            let (sent, waiting) = self.desk.port.outstanding(owner);
            let mut waited_ns = queue.messages.look(now_ns, sent, waiting);
            for (ring, delay) in &mut queue.rings {
                let (filled, waiting) = ring.look();
                waited_ns = waited_ns.max(delay.look(now_ns, filled, waiting));
            }
            Allocation::raise(&allocation.largest_delay_ns, waited_ns.unwrap_or_default());
            self.seen.push(Seen {
                waited_ns,
                parked: self.cores.is_parked(owner),
            });
        }
        self.allocator.decide(now_ns, &self.seen, &mut self.steps);
        let counts = &shared.states[self.desk.me].counts;
        for step in self.steps.drain(..) {
            match step {
                Step::Grant(owner) => {
                    self.cores.grant(owner);
                    counts
                        .wakeups_sent
                        .add(shared.doorbells[owner].ring().into());
                    allocation.granted.one();
                }
                Step::Revoke(owner) => {
                    self.cores.revoke(owner);
                    allocation.revoked.one();
                }
            }
        }
        allocation.looks.one();
        Allocation::raise(&allocation.parked, self.allocator.parked());
        Allocation::raise(&allocation.most_running, self.allocator.running() as u64);
    }

    /// Whether nothing waits for any owner.
    fn all_taken(&mut self) -> bool {
        let port = &self.desk.port;
        self.queues.iter_mut().enumerate().all(|(owner, queue)| {
            let messages = port.outstanding(owner).1;
            let rings = queue.rings.iter_mut().map(|(ring, _)| ring.look().1);
            messages + rings.sum::<u64>() == 0
        })
    }
}

impl Handler<MeshIo> for Dispatcher {
    fn frame(&mut self, io: &mut MeshIo, frame: MeshFrame) {
        self.relieve(io);
        self.work += 1;
        let shared = Arc::clone(&self.desk.shared);
        let counts = &shared.states[self.desk.me].counts;
        match open(io, frame, &shared, counts, None, &mut None, None) {
            None => {}
            Some((frame, from, Parsed::Single(single), true)) => {
                self.hand_over(io, frame, from, single);
            }
            Some((frame, from, _, _)) => self.gather(io, frame, from),
        }
    }

    fn inbox(&mut self, io: &mut MeshIo) -> usize {
        let taken = self.take_messages(io);
        self.desk.port.publish::<SpinPerBatch>();
        let idle = self.work == 0
            && !self.desk.port.congested()
            && !self.desk.waits()
            && !io.has_backlog()
            && self.all_taken();
        let me = self.desk.me;
        self.desk.shared.states[me].quiet.round(self.work, idle);
        self.work = 0;
        taken
    }

    fn before_sleep(&mut self) -> bool {
        !self.desk.port.has_inbound() && !self.desk.port.congested()
    }

    fn after_sleep(&mut self, _why: Woken) {}

    fn notification(&self) -> Option<RawFd> {
        Some(self.desk.shared.doorbells[self.desk.me].raw_fd())
    }

    fn tick(&mut self, _io: &mut MeshIo, now_ns: u64) {
        self.desk.now = self.clock.unix(now_ns);
        self.look(now_ns);
    }
}
