//! The spec's words in those of the crates that do the work. Pure, and the only place where the
//! two vocabularies meet.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use kv::server::{
    CacheConfig, DispatcherConfig, Preload, ResponsesConfig, ServerConfig, SteerBy, Steerer,
};
use kv::systems::{
    Clients, EngineKind, FlowHash, IoKind, MultiKey as Several, SystemKind as Design,
    Wakeup as Waking,
};
use loadgen::{
    Addressing, Calls, ClientConfig, Holds, Learns, Mode, Protocol, QueueChoice, Scatter,
    TransportConfig,
};
use spec::{
    Arrivals, ClientIo, Engine, Io, LoadPoint, MultiKey, Pattern, Popularity, Service, SizeSpec,
    SystemKind, TopologyKind, Trial, Wakeup, WireProtocol, Workload,
};

use super::placement::Placement;
use super::topology::{CLIENT, SERVER};
use crate::agents::client::SteerTransmit;
use crate::agents::serving::{Deployment, External, KvDirect, Reflector};

/// First port of every server on veth: memcached's.
pub(crate) const PORT: u16 = 11211;
/// Entries of each ring of the AF_XDP client. A burst of a shared CPU's worth of replies must fit.
const CLIENT_RING: u32 = 4096;
/// A client listens for late replies until none came for so long, or longer: on a busy machine a
/// thread in the packets' way may wait for its CPU for a tenth of a second.
const QUIET_NS: u64 = 1_000_000_000;
/// The rate of a schedule whose times nobody looks at: keys and values do not depend on it.
const NOMINAL_RPS: f64 = 1e6;
/// How long requests may take to get into a server's sockets that does not receive, ns.
const LOADING_NS: u64 = 20_000_000_000;
/// What the kernel may charge a socket for a waiting reply, halved: it doubles a buffer's size.
const REPLY_BYTES: u32 = 1152;
/// Width of the intervals of a steady load's latency.
const INTERVAL_NS: u64 = 100_000_000;
/// How many intervals show what a pattern does.
const PATTERN_INTERVALS: u64 = 50;
/// Shorter intervals would hold too few requests for a percentile.
const LEAST_INTERVAL_NS: u64 = 1_000_000;
/// Receive buffer of each flow's socket of a kernel client, in bytes.
const SOCKET_BUFFER: u32 = 1 << 20;

/// The design behind a system's name; `None` for an external process, and for none at all.
pub(crate) fn design(system: SystemKind) -> Option<Design> {
    Design::ALL
        .into_iter()
        .find(|design| design.name() == system.name())
}

/// The packet I/O in the server's words; `None` where frames are forwarded only.
pub(crate) fn io(io: Io) -> Option<IoKind> {
    match io {
        Io::Udp => Some(IoKind::Udp),
        Io::AfXdp => Some(IoKind::AfXdp),
        Io::Memory => Some(IoKind::Memory),
        Io::Kernel | Io::Xdp | Io::PacketSocket => None,
    }
}

/// The flow's hash in the server's words.
fn flow_hash(hash: Option<spec::FlowHash>) -> FlowHash {
    match hash {
        Some(spec::FlowHash::Toeplitz) => FlowHash::Toeplitz,
        Some(spec::FlowHash::Mix) | None => FlowHash::Mix,
    }
}

/// How owners wait: systems that wake nobody sleep until packets arrive.
pub(crate) fn waking(wakeup: Option<Wakeup>) -> Waking {
    match wakeup {
        None | Some(Wakeup::Eventfd) => Waking::Eventfd,
        Some(Wakeup::Spin) => Waking::Spin,
        Some(Wakeup::Batched) => Waking::Batched,
    }
}

/// What keeps the items, in the server's words.
pub(crate) fn engine(engine: Option<Engine>) -> EngineKind {
    match engine {
        None | Some(Engine::Slab) => EngineKind::Slab,
        Some(Engine::Log) => EngineKind::Log,
    }
}

/// How the server serves a get of several keys. One that clients have split is whole to it.
fn several(multi_key: Option<MultiKey>) -> Several {
    match multi_key {
        None | Some(MultiKey::Handoff | MultiKey::ClientSplit) => Several::Handoff,
        Some(MultiKey::Split) => Several::Split,
        Some(MultiKey::Duplicate) => Several::Duplicate,
        Some(MultiKey::Balanced) => Several::Balanced,
    }
}

/// How the client sends a get of several keys.
fn scatter(trial: &Trial) -> Option<Scatter> {
    let holds = match trial.system.multi_key? {
        MultiKey::Handoff | MultiKey::Split | MultiKey::Balanced => return None,
        MultiKey::ClientSplit => Holds::OwnKeys,
        MultiKey::Duplicate => Holds::AllKeys,
    };
    let owners = trial.system.owners;
    Some(Scatter { owners, holds })
}

/// The requests of a trial at its load.
pub(crate) fn workload(trial: &Trial, requests: &Workload) -> model::WorkloadSpec {
    let Workload {
        keys,
        key_size,
        value_size,
        popularity,
        get_ratio,
        arrivals,
        flows,
        protocol: _,
        calls: _,
        multi_get,
    } = requests;
    model::WorkloadSpec {
        keys: u32::try_from(keys.0).unwrap_or(u32::MAX),
        key_size: size(key_size),
        value_size: size(value_size),
        popularity: match *popularity {
            Popularity::Uniform => model::Popularity::Uniform,
            Popularity::Zipf(theta) => model::Popularity::Zipf { theta },
        },
        get_ratio: *get_ratio,
        keys_per_get: *multi_get,
        consecutive: requests.scans(),
        noreply_ratio: 0.0,
        arrivals: match *arrivals {
            Arrivals::Poisson | Arrivals::Saturate => model::Arrivals::Poisson,
            Arrivals::Fixed => model::Arrivals::Fixed,
            Arrivals::Bursty { on, off } => model::Arrivals::Bursty {
                burst_ns: on.as_nanos(),
                factor: (on.as_nanos() + off.as_nanos()) as f64 / on.as_nanos() as f64,
            },
        },
        pattern: trial.pattern.as_ref().map(|pattern| model::Pattern {
            shape: shape(pattern),
            from_ns: trial.phases.warmup.as_nanos(),
        }),
        rate_rps: trial
            .load
            .rate()
            .map_or(NOMINAL_RPS, spec::Rate::per_second),
        flows: *flows,
        seed: trial.schedule_seed,
    }
}

fn shape(pattern: &Pattern) -> model::Shape {
    match *pattern {
        Pattern::Steps { ref factors, each } => model::Shape::Steps {
            factors: factors.clone(),
            each_ns: each.as_nanos(),
        },
        Pattern::Sine { period, amplitude } => model::Shape::Sine {
            period_ns: period.as_nanos(),
            amplitude,
        },
        Pattern::Burst {
            every,
            length,
            factor,
        } => model::Shape::Burst {
            every_ns: every.as_nanos(),
            length_ns: length.as_nanos(),
            factor,
        },
        Pattern::ShuffledRamp { from, to, steps } => model::Shape::ShuffledRamp { from, to, steps },
    }
}

/// The service times that the server is to inject.
pub(crate) fn service(trial: &Trial) -> Option<model::ServiceTimes> {
    let service = match trial.system.service? {
        Service::Fixed(time) => model::Service::Fixed {
            time_ns: time.as_nanos(),
        },
        Service::Exponential(mean) => model::Service::Exponential {
            mean_ns: mean.as_nanos(),
        },
        Service::Bimodal {
            short,
            long,
            long_share,
        } => model::Service::Bimodal {
            short_ns: short.as_nanos(),
            long_ns: long.as_nanos(),
            long_share: long_share.fraction(),
        },
    };
    Some(model::ServiceTimes::new(service, trial.schedule_seed))
}

fn size(size: &SizeSpec) -> model::Size {
    let bytes = |bytes: spec::Bytes| u32::try_from(bytes.0).unwrap_or(u32::MAX);
    match size {
        SizeSpec::Fixed(fixed) => model::Size::Fixed(bytes(*fixed)),
        SizeSpec::Uniform { min, max } => model::Size::Uniform {
            min: bytes(*min),
            max: bytes(*max),
        },
        SizeSpec::Mix(sizes) => model::Size::Mix(
            sizes
                .iter()
                .map(|one| model::Weighted {
                    bytes: bytes(one.size),
                    weight: one.weight,
                })
                .collect(),
        ),
    }
}

/// Where the server and its client meet.
pub(crate) fn endpoints(kind: TopologyKind, port: u16) -> (IpAddr, IpAddr, u16) {
    match kind {
        TopologyKind::Veth | TopologyKind::Nic | TopologyKind::Chain | TopologyKind::Pair => {
            (SERVER.v4.into(), CLIENT.v4.into(), port)
        }
        TopologyKind::Loopback | TopologyKind::Memory => (
            std::net::Ipv4Addr::LOCALHOST.into(),
            std::net::Ipv4Addr::LOCALHOST.into(),
            port,
        ),
    }
}

/// The server of the trial.
pub(crate) fn server(
    trial: &Trial,
    requests: &Workload,
    io: IoKind,
    placement: &Placement,
    clusters: u32,
    port: u16,
) -> Deployment {
    let (address, _, port) = endpoints(trial.topology.kind, port);
    if trial.system.system == SystemKind::Reflector {
        return Deployment::Reflector(Reflector {
            device: SERVER.device.to_owned(),
            port,
            redirects: false,
        });
    }
    if trial.system.system == SystemKind::KvDirect {
        return Deployment::KvDirect(KvDirect {
            device: SERVER.device.to_owned(),
            port,
            workload: workload(trial, requests),
        });
    }
    let Some(system) = design(trial.system.serving()) else {
        return Deployment::Memcached(External {
            address: SocketAddr::new(address, port),
            cpus: placement.owners.clone(),
            memory_bytes: trial.system.memory.0,
            workload: workload(trial, requests),
            backlog: held(trial),
        });
    };
    let device = match trial.topology.kind {
        TopologyKind::Veth | TopologyKind::Nic | TopologyKind::Chain | TopologyKind::Pair => {
            Some(SERVER.device.to_owned())
        }
        TopologyKind::Loopback | TopologyKind::Memory => None,
    };
    Deployment::Ours(Box::new(ServerConfig {
        system,
        io,
        wakeup: waking(trial.system.wakeup),
        engine: engine(trial.system.engine),
        cores: placement.owners.clone(),
        interface: device,
        queues: u32::from(trial.topology.queues),
        addresses: vec![address],
        port,
        tcp: false,
        memory_bytes: trial.system.memory.0,
        preload: preload(trial, requests),
        backlog: held(trial),
        service: service(trial),
        servers: trial.system.servers.map_or(1, u32::from),
        clusters,
        large_owners: trial.system.large_owners.map_or(1, u32::from),
        slot_loads: trial.system.rebalance.is_some(),
        flow_hash: flow_hash(trial.system.flow_hash),
        cache: trial.system.cache.map(|cache| CacheConfig {
            entries: cache.entries,
            // Where the switch is becomes known when it is made.
            switch: None,
        }),
        responses: trial.system.response_cache.map(|cache| ResponsesConfig {
            entries: cache.entries(),
            min_cost_ns: cache.min_cost().get(),
            ttl_ns: cache.ttl().get(),
        }),
        multi_key: several(trial.system.multi_key),
        xdp: super::xdp::options(trial),
        regions: None,
        dispatcher: dispatcher(trial.system.steering, placement),
        hot_keys: trial.system.hot_keys.map_or(0, u32::from),
        secret: None,
        rpc: steer_by(trial, requests),
    }))
}

/// The thread that allocates cores, where the placement has a CPU for one.
pub(crate) fn dispatcher(
    steering: Option<spec::Steerer>,
    placement: &Placement,
) -> Option<DispatcherConfig> {
    let steering = match steering.unwrap_or(spec::Steerer::DEFAULT) {
        spec::Steerer::Software => Steerer::Software,
        spec::Steerer::Xdp => Steerer::Xdp,
    };
    (placement.dispatcher).map(|cpu| DispatcherConfig { cpu, steering })
}

/// What steers calls, where the requests are calls.
fn steer_by(trial: &Trial, requests: &Workload) -> Option<SteerBy> {
    let by = || match trial.system.steer_by.unwrap_or(spec::SteerBy::DEFAULT) {
        spec::SteerBy::Function => SteerBy::Function,
        spec::SteerBy::Argument(0) => SteerBy::Tenant,
        spec::SteerBy::Argument(_) => SteerBy::Key,
        spec::SteerBy::Range => SteerBy::Range {
            keys: u32::try_from(requests.keys.0).unwrap_or(u32::MAX),
        },
    };
    requests.calls.map(|_| by())
}

/// What the store holds before the first request: all keys, but where their values are counters.
fn preload(trial: &Trial, requests: &Workload) -> Option<Preload> {
    match requests.calls {
        Some(spec::Calls::Count) => None,
        None | Some(spec::Calls::Store | spec::Calls::Compute | spec::Calls::Scan) => {
            Some(Preload {
                workload: workload(trial, requests),
            })
        }
    }
}

/// Requests that the server's sockets hold before its threads begin.
fn held(trial: &Trial) -> u32 {
    match trial.load {
        LoadPoint::Open(_) | LoadPoint::Closed(_) | LoadPoint::Saturate => 0,
        LoadPoint::Drain(requests) => u32::try_from(requests.get()).unwrap_or(u32::MAX),
    }
}

/// The table of which clients are told that address partitions themselves.
fn learns(trial: &Trial) -> Option<Learns> {
    let repartition = trial.repartition?;
    let known = repartition.clients_know_after?;
    let table = steering::PartitionTable::even(trial.system.owners);
    for (slot, owner) in steering::passed_on(trial.system.owners, repartition.slots) {
        table.move_slot(slot, owner);
    }
    let begun = trial.phases.warmup.as_nanos() + repartition.after.as_nanos();
    Some(Learns {
        at_ns: begun + known.as_nanos(),
        table: (table.snapshot().iter())
            .map(|entry| steering::table::owner_in(*entry) as u16)
            .collect(),
    })
}

/// Which queue a NIC would choose.
fn queue_choice(trial: &Trial, port: u16) -> QueueChoice {
    if directed(trial) {
        QueueChoice::Port { base: port }
    } else {
        QueueChoice::Rss
    }
}

/// Whether clients address partitions by port.
fn directed(trial: &Trial) -> bool {
    design(trial.system.serving()).is_some_and(Design::client_addresses_partition)
}

/// The program that chooses the queue for a kernel client on veth.
pub(crate) fn steer_transmit(trial: &Trial, port: u16) -> Option<SteerTransmit> {
    let needed = match (trial.topology.kind, trial.topology.client) {
        (TopologyKind::Veth, ClientIo::Udp) => true,
        (TopologyKind::Veth, ClientIo::AfXdp | ClientIo::Memory)
        | (
            TopologyKind::Loopback
            | TopologyKind::Memory
            | TopologyKind::Nic
            | TopologyKind::Chain
            | TopologyKind::Pair,
            _,
        ) => false,
    };
    needed.then(|| SteerTransmit {
        device: CLIENT.device.to_owned(),
        queues: trial.topology.queues,
        choice: queue_choice(trial, port),
    })
}

/// Width of the intervals of latency. A rate that changes wants finer ones than gates do.
fn interval_ns(trial: &Trial) -> u64 {
    let measure_ns = trial.phases.measure.as_nanos();
    match trial.pattern {
        None => INTERVAL_NS,
        Some(_) => (measure_ns / PATTERN_INTERVALS).clamp(LEAST_INTERVAL_NS, INTERVAL_NS),
    }
}

/// The client for the trial.
pub(crate) fn client(
    trial: &Trial,
    requests: &Workload,
    placement: &Placement,
    port: u16,
) -> ClientConfig {
    let (server, client, port) = endpoints(trial.topology.kind, port);
    let transport = match trial.topology.client {
        ClientIo::Udp => TransportConfig::Udp {
            receive_buffer: SOCKET_BUFFER.max(held(trial).saturating_mul(REPLY_BYTES)),
        },
        // Where it is becomes known when it is made.
        ClientIo::Memory => TransportConfig::Memory {
            path: PathBuf::new(),
        },
        ClientIo::AfXdp => TransportConfig::AfXdp {
            interface: CLIENT.device.to_owned(),
            queues: trial.topology.queues,
            queue_choice: queue_choice(trial, port),
            client_mac: CLIENT.mac,
            server_mac: SERVER.mac,
            mtu: trial.topology.mtu,
            rx_ring: CLIENT_RING.max(held(trial).next_power_of_two()),
            tx_ring: CLIENT_RING,
        },
    };
    let (base_port, owners) = (port, trial.system.owners);
    let addressing = match design(trial.system.serving()).map_or(Clients::Server, Design::clients) {
        Clients::Server => Addressing::Server { port },
        Clients::Owner => Addressing::Partition {
            base_port,
            owners,
            table: None,
            learns: learns(trial),
        },
        Clients::WritesToOwner => Addressing::WritesByOwner { base_port, owners },
        Clients::Anyone => Addressing::Turns { base_port, owners },
    };
    let timeout_ns = trial.phases.timeout.as_nanos();
    ClientConfig {
        protocol: match requests.protocol {
            WireProtocol::Ascii => Protocol::Ascii,
            WireProtocol::Meta => Protocol::Meta,
            WireProtocol::Binary => Protocol::Binary,
            WireProtocol::Rpc => Protocol::Rpc(match requests.calls {
                None | Some(spec::Calls::Store) => Calls::Store,
                Some(spec::Calls::Count) => Calls::Count,
                Some(spec::Calls::Compute) => Calls::Compute,
                Some(spec::Calls::Scan) => Calls::Scan,
            }),
        },
        mode: match trial.load {
            LoadPoint::Closed(depth) => Mode::Closed { depth },
            LoadPoint::Open(_) => Mode::Open,
            LoadPoint::Saturate => Mode::Saturate,
            LoadPoint::Drain(_) => Mode::Held {
                requests: held(trial),
            },
        },
        echo: trial.system.system == SystemKind::Reflector,
        scatter: scatter(trial),
        trace: trial.trace,
        timeout_ns,
        interval_ns: interval_ns(trial),
        send_grace_ns: match trial.load {
            LoadPoint::Open(_) | LoadPoint::Closed(_) | LoadPoint::Saturate => timeout_ns,
            LoadPoint::Drain(_) => LOADING_NS,
        },
        quiet_ns: timeout_ns.max(QUIET_NS),
        cpus: placement.clients.clone(),
        threads: u16::try_from(placement.clients.len()).unwrap_or(1),
        ..ClientConfig::new(transport, client, server, addressing)
    }
}
