//! A client from configuration to report.

use std::io;
use std::sync::Arc;
use std::thread;

use model::Schedule;
use sys::account::Usage;
use sys::cpu::{CpuId, Pinned};

use crate::addressing::Destinations;
use crate::af_xdp::{AfXdpPlan, AfXdpTransport};
use crate::drive::{Clock, collect, drive, load};
use crate::engine::Engine;
use crate::fitting;
use crate::hold::{Arrival, Hold};
use crate::memory::MemoryTransport;
use crate::phases::Phases;
use crate::rules::Rules;
use crate::saturate::Saturator;
use crate::scatter::{self, Scattering};
use crate::tally::Tallied;
use crate::trace::{Recorder, Trace, Witness};
use crate::transport::Transport;
use crate::udp::{UdpPlan, UdpTransport};
use crate::window::MOST_AWAITED;
use crate::{
    Calls, ClientConfig, ClientError, ClientReport, Losses, Mode, Protocol, TransportConfig,
};

/// A client whose configuration and schedule fit each other.
#[derive(Debug)]
pub struct Client {
    pub(crate) config: ClientConfig,
    pub(crate) schedule: Arc<Schedule>,
    pub(crate) destinations: Arc<Destinations>,
    pub(crate) scatter: Option<Arc<Scattering>>,
}

/// A client with open sockets and attached programs, which stay until it is dropped: not only until
/// the load ends, since others still account for the device's NAPI threads then, and those end with
/// the programs.
pub struct Armed {
    client: Client,
    transports: Transports,
}

enum Transports {
    Udp(Vec<UdpTransport>),
    AfXdp(Box<AfXdpTransport>),
    Memory(Box<MemoryTransport>),
    Saturate(Box<Saturator>),
}

impl Client {
    /// Checks that the configuration can be carried out. Touches no network.
    ///
    /// # Errors
    /// [`ClientError::Config`] says what does not fit.
    pub fn new(config: ClientConfig, schedule: Schedule) -> Result<Self, ClientError> {
        let refuse = |reason: String| Err(ClientError::Config(reason));
        let spec = schedule.spec();
        if config.client.is_ipv4() != config.server.is_ipv4() {
            return refuse("client and server: addresses of different families".into());
        }
        if config.source_port.checked_add(spec.flows - 1).is_none() || config.source_port == 0 {
            return refuse(format!(
                "source_port: {} flows from port {} do not fit into 1 to 65535",
                spec.flows, config.source_port
            ));
        }
        if config.threads == 0 || config.threads > spec.flows {
            return refuse("threads: at least one, and no more than flows".into());
        }
        if config.mode != Mode::Saturate
            && !config.cpus.is_empty()
            && config.cpus.len() != usize::from(config.threads)
        {
            return refuse("cpus: one for each thread, or none".into());
        }
        fitting::check_wire(&config)?;
        if config.timeout_ns == 0 || config.interval_ns == 0 {
            return refuse("timeout_ns and interval_ns must be above 0".into());
        }
        match config.mode {
            Mode::Open => {}
            Mode::Saturate => {
                if config.trace {
                    return refuse("trace: a generator that saturates matches no replies".into());
                }
                if spec.noreply_ratio > 0.0 {
                    return refuse("noreply_ratio: saturation counts replies".into());
                }
            }
            Mode::Closed { depth } => {
                if depth < u32::from(config.threads) {
                    return refuse(format!(
                        "mode: a closed loop of depth {depth} keeps no {} threads busy",
                        config.threads
                    ));
                }
                if spec.noreply_ratio > 0.0 {
                    return refuse(
                        "noreply_ratio: nothing ends a request without a reply, so that a closed \
                         loop cannot follow it"
                            .into(),
                    );
                }
                if config.trace {
                    return refuse("trace: a closed loop has no schedule to trace".into());
                }
                let mut seen = vec![false; usize::from(config.threads)];
                for planned in &schedule.requests {
                    seen[usize::from(planned.flow % config.threads)] = true;
                }
                if seen.contains(&false) {
                    return refuse("mode: a thread has no request in the sequence".into());
                }
            }
            Mode::Held { requests } => {
                if config.trace {
                    return refuse("trace: requests that are held have no times".into());
                }
                let mut by_flow = vec![0; usize::from(spec.flows)];
                for planned in &schedule.requests {
                    by_flow[usize::from(planned.flow)] += 1;
                }
                let most = by_flow.into_iter().max().unwrap_or(0);
                if most > MOST_AWAITED {
                    return refuse(format!(
                        "mode: of {requests} requests one flow has {most}, and its ids allow \
                         {MOST_AWAITED}: spread them over more flows"
                    ));
                }
            }
        }
        config.check_transport().map_err(ClientError::Config)?;
        match config.protocol {
            Protocol::Ascii => {}
            Protocol::Rpc(Calls::Scan) if spec.consecutive => {}
            Protocol::Rpc(Calls::Scan) => {
                return refuse("consecutive: the keys of a scan are neighbours".into());
            }
            Protocol::Meta | Protocol::Binary | Protocol::Rpc(_) | Protocol::Plain
                if spec.keys_per_get == 1 => {}
            Protocol::Meta | Protocol::Binary | Protocol::Rpc(_) | Protocol::Plain => {
                return refuse("keys_per_get: a multi-get needs the ASCII protocol".into());
            }
        }
        let destinations = Destinations::new(&config.addressing, schedule.keyspace())?;
        Ok(Self {
            scatter: scatter::of(&config, schedule.keyspace())?,
            config,
            schedule: Arc::new(schedule),
            destinations: Arc::new(destinations),
        })
    }

    /// Opens sockets (and attaches what they need) in the calling thread's network namespace.
    ///
    /// # Errors
    /// When the system refuses, or the longest request does not fit into one frame.
    pub fn arm(self) -> Result<Armed, ClientError> {
        let threads = self.config.threads;
        let transports = match &self.config.transport {
            TransportConfig::Udp { receive_buffer } => {
                let plan = UdpPlan {
                    client: self.config.client,
                    server: self.config.server,
                    server_ports: self.config.addressing.server_ports(),
                    source_port: self.config.source_port,
                    flows: self.schedule.spec().flows,
                    receive_buffer: *receive_buffer,
                };
                let open = |thread| UdpTransport::open(&plan, |flow| flow % threads == thread);
                let opened: Result<Vec<_>, _> = (0..threads).map(open).collect();
                let opened = opened.map_err(ClientError::io("opening the client's sockets"))?;
                self.check_requests(&opened[0])?;
                Transports::Udp(opened)
            }
            TransportConfig::AfXdp {
                interface,
                queues,
                queue_choice,
                client_mac,
                server_mac,
                mtu,
                rx_ring,
                tx_ring,
            } => {
                let plan = AfXdpPlan {
                    interface,
                    queues: *queues,
                    queue_choice: *queue_choice,
                    client_mac: *client_mac,
                    server_mac: *server_mac,
                    mtu: *mtu,
                    rx_ring: *rx_ring,
                    tx_ring: *tx_ring,
                    server_ports: self.config.addressing.server_ports(),
                    flows: self.schedule.spec().flows,
                };
                if self.config.mode == Mode::Saturate {
                    let opened =
                        Saturator::open(&self.config, &plan, &self.schedule, &self.destinations)?;
                    Transports::Saturate(Box::new(opened))
                } else {
                    let opened = AfXdpTransport::open(&self.config, &plan)?;
                    self.check_requests(&opened)?;
                    Transports::AfXdp(Box::new(opened))
                }
            }
            TransportConfig::Memory { path } => {
                let ports = self.config.addressing.server_ports();
                let owners = ports.end() - ports.start() + 1;
                let opened = MemoryTransport::open(path, *ports.start(), owners)?;
                self.check_requests(&opened)?;
                Transports::Memory(Box::new(opened))
            }
        };
        Ok(Armed {
            client: self,
            transports,
        })
    }
}

impl Armed {
    /// Runs the trial: warmup from `start_ns` (CLOCK_MONOTONIC) for `warmup_ns`, then the measure
    /// phase for `measure_ns`, then the drain. Give a start some tens of milliseconds ahead.
    /// Requests of the schedule beyond both phases are not offered.
    ///
    /// # Errors
    /// When the schedule is too short, the transport fails, or the ledger does not close.
    pub fn run(
        &mut self,
        start_ns: u64,
        warmup_ns: u64,
        measure_ns: u64,
    ) -> Result<ClientReport, ClientError> {
        self.run_held(start_ns, warmup_ns, measure_ns, &Hold::opened())
    }

    /// As [`run`](Self::run); when nothing more is expected, the threads wait at `hold`. Once it is
    /// opened they take what has come meanwhile, and report.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub fn run_held(
        &mut self,
        start_ns: u64,
        warmup_ns: u64,
        measure_ns: u64,
        hold: &Hold,
    ) -> Result<ClientReport, ClientError> {
        let grace_ns = self.client.config.send_grace_ns;
        let phases = Phases {
            start_ns,
            // What is sent at once belongs to one phase.
            warmup_ns: match self.client.config.mode {
                Mode::Open | Mode::Closed { .. } | Mode::Saturate => warmup_ns,
                Mode::Held { .. } => 0,
            },
            measure_ns,
            grace_ns,
        };
        let covered = self.client.schedule.duration_ns();
        let timed = match self.client.config.mode {
            Mode::Open => true,
            Mode::Closed { .. } | Mode::Held { .. } | Mode::Saturate => false,
        };
        if measure_ns == 0 || (timed && phases.scheduled_ns() > covered) {
            return Err(ClientError::Config(format!(
                "the schedule covers {covered} ns, warmup and measure phase {}",
                phases.scheduled_ns()
            )));
        }
        let report = match &mut self.transports {
            Transports::Udp(transports) => run_threads(&self.client, transports, phases, hold),
            Transports::AfXdp(transport) => {
                let one = std::slice::from_mut(&mut **transport);
                run_threads(&self.client, one, phases, hold)
            }
            Transports::Memory(transport) => {
                let one = std::slice::from_mut(&mut **transport);
                run_threads(&self.client, one, phases, hold)
            }
            Transports::Saturate(saturator) => {
                let Client {
                    config, schedule, ..
                } = &self.client;
                let arrival = Arrival::at(hold);
                saturator.run(phases, config.quiet_ns, schedule.fingerprint(), arrival)
            }
        }?;
        Ok(match self.client.config.mode {
            Mode::Open | Mode::Closed { .. } | Mode::Saturate => report,
            Mode::Held { .. } => report.without_times(),
        })
    }

    /// The threads that [`run_held`](Self::run_held) brings to its hold.
    #[must_use]
    pub fn threads(&self) -> usize {
        match &self.transports {
            Transports::Udp(transports) => transports.len(),
            Transports::AfXdp(_) | Transports::Memory(_) | Transports::Saturate(_) => 1,
        }
    }
}

/// The machine's clocks.
pub(crate) struct Monotonic;

impl Clock for Monotonic {
    fn now_ns(&self) -> u64 {
        sys::clock::now_ns()
    }

    /// With the kernel's exact run time of the thread: schedstat shows the same sum, but only as
    /// of the last tick (4 ms at 250 Hz) while the thread runs.
    fn usage(&self) -> io::Result<Usage> {
        let mut usage = Usage::of_thread(sys::process::current_thread())?;
        let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
        usage.sched.run_ns = time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64;
        Ok(usage)
    }
}

/// Runs one thread for each transport; flow `f` belongs to thread `f mod threads`.
fn run_threads<T: Transport + Send>(
    client: &Client,
    transports: &mut [T],
    phases: Phases,
    hold: &Hold,
) -> Result<ClientReport, ClientError> {
    let Client {
        config, schedule, ..
    } = client;
    let outcomes: Vec<_> = thread::scope(|scope| {
        let handles: Vec<_> = (0u16..)
            .zip(transports)
            .map(|(thread, transport)| {
                let run = move || {
                    let arrival = Arrival::at(hold);
                    let cpu = config.cpus.get(usize::from(thread)).copied().map(CpuId);
                    prepare_thread(cpu)?;
                    let mut outcome = if config.trace {
                        let until_ns = phases.scheduled_ns();
                        let witness = Recorder::new(schedule, phases.start_ns, until_ns)?;
                        run_thread(client, thread, transport, phases, arrival, witness)?
                    } else {
                        run_thread(client, thread, transport, phases, arrival, ())?
                    };
                    outcome.pinned = cpu
                        .map(|cpu| Pinned::look(&format!("client thread {thread}"), None, cpu))
                        .transpose()
                        .map_err(ClientError::io("looking where a client thread may run"))?;
                    Ok(outcome)
                };
                thread::Builder::new()
                    .name(format!("client-{thread}"))
                    .spawn_scoped(scope, run)
            })
            .collect();
        handles
            .into_iter()
            .map(|handle| {
                let handle = handle.map_err(ClientError::io("starting a client thread"))?;
                handle.join().map_err(|_| ClientError::Panicked)?
            })
            .collect::<Result<Vec<_>, ClientError>>()
    })?;
    report(outcomes, schedule.fingerprint())
}

/// Drives the requests of one thread.
fn run_thread<W: Witness>(
    client: &Client,
    thread: u16,
    transport: &mut impl Transport,
    phases: Phases,
    arrival: Arrival<'_>,
    witness: W,
) -> Result<Outcome, ClientError> {
    let Client {
        config,
        schedule,
        destinations,
        scatter,
    } = client;
    let mut engine = Engine::new(
        Arc::clone(schedule),
        |flow| flow % config.threads == thread,
        Arc::clone(destinations),
        Rules::new(config, thread, scatter.clone()),
        phases,
        witness,
    );
    let driven = match config.mode {
        Mode::Open | Mode::Closed { .. } | Mode::Saturate => {
            drive(&mut engine, transport, &Monotonic, config.pacing)
        }
        Mode::Held { .. } => load(&mut engine, transport, &Monotonic).map(|()| Usage::default()),
    };
    let used = driven.map_err(ClientError::io("sending and receiving"))?;
    arrival.pass();
    collect(&mut engine, transport, &Monotonic)
        .map_err(ClientError::io("receiving what was left"))?;
    let losses = transport
        .losses()
        .map_err(ClientError::io("reading the client's drop counters"))?;
    let (tally, trace) = engine.finish(used);
    Ok(Outcome {
        tally,
        trace,
        losses,
        transport: transport.describe(),
        pinned: None,
    })
}

fn prepare_thread(cpu: Option<CpuId>) -> Result<(), ClientError> {
    sys::clock::set_timerslack(1).map_err(ClientError::io("setting the timer slack"))?;
    if let Some(cpu) = cpu {
        sys::cpu::pin_current(cpu).map_err(ClientError::io(format!(
            "pinning a client thread to CPU {cpu}"
        )))?;
    }
    Ok(())
}

/// What one thread has to tell.
struct Outcome {
    tally: Tallied,
    trace: Option<Trace>,
    losses: Losses,
    transport: String,
    /// Where it was allowed to run at its end, if it was pinned.
    pinned: Option<Pinned>,
}

fn report(outcomes: Vec<Outcome>, fingerprint: u64) -> Result<ClientReport, ClientError> {
    let mut outcomes = outcomes.into_iter();
    let Outcome {
        mut tally,
        mut trace,
        mut losses,
        transport,
        pinned,
    } = outcomes.next().ok_or(ClientError::Panicked)?;
    let mut gaps = vec![tally.gaps.take()];
    let mut pinned: Vec<Pinned> = pinned.into_iter().collect();
    for mut other in outcomes {
        gaps.push(other.tally.gaps.take());
        pinned.extend(other.pinned);
        tally.merge(&other.tally);
        losses.merge(&other.losses);
        if let (Some(trace), Some(other)) = (&mut trace, &other.trace) {
            trace.merge(other);
        }
    }
    tally.ledger.check()?;
    Ok(ClientReport {
        ledger: tally.ledger,
        measured: tally.measured,
        latency: tally.latency,
        intervals: tally.intervals,
        send_lag: tally.send_lag,
        gaps,
        pinned,
        losses,
        schedule: format!("{fingerprint:016x}"),
        transport,
        trace,
    })
}
