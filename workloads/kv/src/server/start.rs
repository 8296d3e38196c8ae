//! From a configuration to running threads: the one place where the choice is looked at.

use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;

use pktio::DatagramIo;
use pktio::worker::{self, WaitMode};
use sys::cpu::CpuId;

use super::burn::Burn;
use super::config::{LONGEST_SLEEP, RING_MESSAGES, ServerConfig};
use super::desk::Desk;
use super::dispatch::Dispatch as _;
use super::dispatcher;
use super::engine::Engine;
use super::gate::Phase;
use super::holder;
use super::hot::Part;
use super::memory::Memory;
use super::message::Message;
use super::migrate::Migrate;
use super::plane::{Plane, Rings, Sockets};
use super::preload::preload;
use super::reuse::Reuse;
use super::shared::Shared;
use super::stores::Stores as _;
use super::worker::Owner;
use super::{PreloadReport, ServerError};
use crate::handoff::mesh::{EventfdPerBatch, EventfdPerMessage, Notify, Port, mesh};
use crate::systems::{Design, IoKind, Wakeup, with_design};
use crate::tcp::{self, TcpThread};

/// The threads of a server.
#[derive(Debug)]
pub(crate) struct Running {
    /// What they share.
    pub(crate) shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

/// Everything that the threads are made of, before the choice is looked at.
pub(crate) struct Parts<I> {
    pub(super) config: ServerConfig,
    pub(super) shared: Arc<Shared>,
    pub(super) ios: Vec<I>,
    listeners: Vec<TcpListener>,
}

/// Opens the packet side and starts the threads.
///
/// # Errors
/// When something cannot be had.
pub(crate) fn start(config: &ServerConfig) -> Result<(Running, Plane), ServerError> {
    with_design!(config.system, D => start_system::<D>(config))
}

fn start_system<D: Design>(config: &ServerConfig) -> Result<(Running, Plane), ServerError> {
    let shared = Arc::new(Shared::new(config)?);
    let config = config.clone();
    match config.io {
        IoKind::Udp if D::UDP => {
            let (sockets, ios) = Sockets::open(&config)?;
            let listeners = if config.tcp {
                let addresses = sockets.tcp_addresses(&config);
                tcp::listen(&addresses).map_err(ServerError::io("TCP listeners"))?
            } else {
                Vec::new()
            };
            let running = start_threads::<D, _>(Parts {
                config,
                shared,
                ios,
                listeners,
            })?;
            Ok((running, Plane::Sockets(sockets)))
        }
        IoKind::AfXdp if D::AF_XDP => {
            let (rings, ios) = Rings::open(&config, D::STEERING)?;
            let parts = Parts {
                config,
                shared,
                ios,
                listeners: Vec::new(),
            };
            let running = if D::DISPATCHED {
                dispatcher::spawn(parts)?
            } else {
                start_threads::<D, _>(parts)?
            };
            Ok((running, Plane::Rings(Box::new(rings))))
        }
        IoKind::Memory if D::MEMORY => {
            let (memory, ios) = Memory::open(&config)?;
            let parts = Parts {
                config,
                shared,
                ios,
                listeners: Vec::new(),
            };
            Ok((start_threads::<D, _>(parts)?, Plane::Memory(memory)))
        }
        IoKind::Udp | IoKind::AfXdp | IoKind::Memory => Err(no_such_server()),
    }
}

/// For combinations that [`validate`](crate::systems::validate) has refused before.
fn no_such_server() -> ServerError {
    ServerError::Config("there is no such server".to_owned())
}

fn start_threads<D, I>(parts: Parts<I>) -> Result<Running, ServerError>
where
    D: Design,
    I: DatagramIo + 'static,
{
    if D::HOLDS_REPLIES {
        return holder::spawn(parts);
    }
    // Only what a design can be is compiled for it.
    match parts.config.wakeup {
        Wakeup::Eventfd if D::SLEEPS => D::Stores::spawn::<D, EventfdPerMessage, I>(parts),
        Wakeup::Batched if D::SLEEPS && D::BATCHES => {
            D::Stores::spawn::<D, EventfdPerBatch, I>(parts)
        }
        Wakeup::Spin => D::Stores::spawn::<D, D::Polling, I>(parts),
        Wakeup::Eventfd | Wakeup::Batched => Err(no_such_server()),
    }
}

/// Starts the owners, each of which makes its own store with `make`, and the TCP thread.
pub(super) fn spawn_all<D, N, I, E, T>(
    parts: Parts<I>,
    make: impl Fn(usize) -> Result<E, String> + Clone + Send + 'static,
    tcp_engine: T,
) -> Result<Running, ServerError>
where
    D: Design,
    N: Notify,
    I: DatagramIo + 'static,
    E: Engine + Migrate + 'static,
    T: Engine + 'static,
{
    let Parts {
        config,
        shared,
        ios,
        listeners,
    } = parts;
    let mut running = Running::new(Arc::clone(&shared));
    let mut ports = mesh::<Message<I::Frame>>(&shared.doorbells, RING_MESSAGES);
    let tcp_port = config.tcp.then(|| ports.pop()).flatten();
    let dispatches = D::Dispatch::for_owners(&config);
    for (me, ((io, port), dispatch)) in ios.into_iter().zip(ports).zip(dispatches).enumerate() {
        let (config, make) = (config.clone(), make.clone());
        running.spawn(me, move |shared| {
            owner_thread::<D, N, I, E>(&config, me, shared, io, port, dispatch, || make(me))
        })?;
    }
    if let Some(port) = tcp_port {
        let me = config.cores.len();
        let burn = config.service.map(Burn::new);
        let cpus: Vec<_> = config.cores.iter().copied().map(CpuId).collect();
        running.spawn(me, move |shared| {
            let cpus = sys::cpu::set_affinity(None, &cpus);
            cpus.map_err(|error| error.to_string())?;
            let desk = Desk::new(me, Arc::clone(shared), port, tcp_engine, burn);
            tcp_thread::<N, _, _>(desk, listeners)
        })?;
    }
    Ok(running)
}

fn owner_thread<D, N, I, E>(
    config: &ServerConfig,
    me: usize,
    shared: &Arc<Shared>,
    mut io: I,
    port: Port<Message<I::Frame>>,
    dispatch: D::Dispatch,
    make: impl FnOnce() -> Result<E, String>,
) -> Result<(), String>
where
    D: Design,
    N: Notify,
    I: DatagramIo,
    E: Engine + Migrate,
{
    let cpu = config.cores[me];
    let Some(desk) = ready(config, me, cpu, shared, port, make)? else {
        return Ok(());
    };
    let mode = if N::SPIN {
        WaitMode::Spin
    } else if let Some(timeout) = D::LOOKS_EVERY {
        // Or the kernel adds 50 us to each sleep.
        sys::clock::set_timerslack(1).map_err(|error| error.to_string())?;
        WaitMode::Park { timeout }
    } else {
        WaitMode::Sleep {
            timeout: LONGEST_SLEEP,
        }
    };
    let reuse = (config.xdp.hash_reuse).map(|reuse| Reuse::new(reuse.check_one_in));
    let mut owner = Owner::<D, N, I, E>::new(desk, cpu, config.queue_of(me), dispatch, reuse);
    worker::run(
        &mut io,
        &mut owner,
        mode,
        &shared.control,
        &shared.states[me].live,
    )
    .map(|_| ())
    .map_err(|error| error.to_string())
}

/// Pins the calling thread, `me`, to `cpu`, makes its store, stores its keys, and waits until it may
/// serve; nothing when the server is stopped before.
///
/// # Errors
/// When CPU or memory cannot be had.
pub(super) fn ready<F, O, E: Engine>(
    config: &ServerConfig,
    me: usize,
    cpu: u32,
    shared: &Arc<Shared>,
    port: Port<Message<F>>,
    make: impl FnOnce() -> Result<E, String>,
) -> Result<Option<Desk<F, O, E>>, String> {
    sys::cpu::pin_current(CpuId(cpu)).map_err(|error| format!("pinning to CPU {cpu}: {error}"))?;
    let burn = config.service.map(Burn::new);
    let mut desk = Desk::new(me, Arc::clone(shared), port, make()?, burn);
    let part = || Box::new(Part::new(shared.owners, config.hot_keys));
    desk.hot = (config.hot_keys > 0).then(part);
    shared.gate.arrive(me, Phase::Loaded);
    if shared.gate.wait_open(Phase::Preloaded) == Phase::Stopped {
        return Ok(None);
    }
    if let Some(plan) = config.preload.as_ref().filter(|_| me < shared.owners) {
        let mine = |id: u32, hash: u64| {
            shared.is_member(me, hash) && id as usize % shared.members == me % shared.members
        };
        let now = super::time::UnixClock::new().unix(sys::clock::now_ns());
        let route = |id, key: &[u8], hash| shared.route_of_id(id, key, hash);
        shared.add_preloaded(preload(&mut desk.engine, plan, now, route, mine)?);
    }
    shared.gate.arrive(me, Phase::Preloaded);
    if shared.gate.wait_open(Phase::Serving) == Phase::Stopped {
        return Ok(None);
    }
    shared.gate.arrive(me, Phase::Serving);
    sys::clock::sleep_until_ns(shared.serve_from_ns.load(Ordering::Acquire));
    Ok(Some(desk))
}

fn tcp_thread<N, F, E>(
    desk: Desk<F, tcp::ConnectionId, E>,
    listeners: Vec<TcpListener>,
) -> Result<(), String>
where
    N: Notify,
    E: Engine,
{
    let (me, shared) = (desk.me, Arc::clone(&desk.shared));
    let mut thread = TcpThread::new(desk, listeners).map_err(|error| error.to_string())?;
    for phase in [Phase::Loaded, Phase::Preloaded] {
        shared.gate.arrive(me, phase);
    }
    if shared.gate.wait_open(Phase::Serving) == Phase::Stopped {
        return Ok(());
    }
    shared.gate.arrive(me, Phase::Serving);
    thread
        .run::<N>(LONGEST_SLEEP)
        .map_err(|error| error.to_string())
}

/// Tells the gate when a thread ends by panic, so that nobody waits for it.
struct Alarm<'a> {
    shared: &'a Shared,
    me: usize,
}

impl Drop for Alarm<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.shared
                .gate
                .fail(format!("{} panicked", self.shared.states[self.me].name));
        }
    }
}

impl Running {
    /// A server without threads so far.
    pub(super) const fn new(shared: Arc<Shared>) -> Self {
        Self {
            shared,
            threads: Vec::new(),
        }
    }

    /// Starts thread `me`, which runs `body`; a failure of it is told to the gate.
    ///
    /// # Errors
    /// When there is no thread to be had.
    pub(super) fn spawn(
        &mut self,
        me: usize,
        body: impl FnOnce(&Arc<Shared>) -> Result<(), String> + Send + 'static,
    ) -> Result<(), ServerError> {
        let shared = Arc::clone(&self.shared);
        let name = shared.states[me].name.clone();
        let thread = std::thread::Builder::new()
            .name(name.clone())
            .spawn(move || {
                let state = &shared.states[me];
                let tid = rustix::thread::gettid().as_raw_pid();
                state.tid.store(tid.unsigned_abs(), Ordering::Release);
                let alarm = Alarm {
                    shared: &shared,
                    me,
                };
                if let Err(error) = body(&shared) {
                    shared.gate.fail(format!("{}: {error}", state.name));
                }
                drop(alarm);
            })
            .map_err(ServerError::io(format!("the thread {name}")))?;
        self.threads.push(thread);
        Ok(())
    }

    /// Stops the threads and waits for their end.
    ///
    /// # Errors
    /// The first failure of a thread.
    pub(crate) fn join(&mut self) -> Result<(), ServerError> {
        self.shared.control.stop();
        self.shared.gate.open(Phase::Stopped);
        for thread in self.threads.drain(..) {
            // A panic has been told to the gate.
            let _ = thread.join();
        }
        match self.shared.gate.failure() {
            Some(failure) => Err(ServerError::Thread(failure)),
            None => Ok(()),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Err(error) = self.join() {
            tracing::warn!(%error, "a server thread had failed");
        }
    }
}

impl Shared {
    fn add_preloaded(&self, part: PreloadReport) {
        let mut sum = self
            .preloaded
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        sum.stored += part.stored;
        sum.refused += part.refused;
        sum.evicted += part.evicted;
    }
}
