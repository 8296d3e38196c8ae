//! `serve`: one system for ordinary clients, outside any experiment, until a signal.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use kv::server::{ServerConfig, XdpOptions};
use kv::systems::{FlowHash, IoKind, MultiKey, SystemKind as Design};
use spec::{Bytes, Clusters, Domain, SystemKind, Wakeup};
use sys::journal::{Change, Journal};
use sys::lock::MachineLock;
use sys::netns::{self, Namespace};

use crate::agents::serving::{Answer, Deployment, Request};
use crate::cli::{ServeArgs, ServeTopology};
use crate::doctor;
use crate::exit::{BadInput, HostCannot, Outcome};
use crate::interrupt::{self, Interrupted};
use crate::lab::{Agent, Lab};
use crate::plan::placement::{Demand, Placement, place};
use crate::plan::topology::{self, Receiver, SERVER};
use crate::plan::{clusters, design, dispatcher, io, server_receiver, waking};

const PATIENCE: Duration = Duration::from_secs(60);
const MTU: u16 = 1500;

/// Serves until a signal.
pub(crate) fn serve(args: &ServeArgs) -> Result<Outcome> {
    let (system, design, io) = system(args)?;
    let queues = match args.topology {
        ServeTopology::Loopback => 0,
        ServeTopology::Veth => args.cores,
        ServeTopology::Nic => queues_of(args.interface.as_deref())?,
    };
    let placement = placement(args, system, queues)?;
    let config = config(args, (system, design), io, queues, &placement)?;
    config
        .validate()
        .map_err(|refusal| BadInput(refusal.to_string()))?;

    let _lock = match args.topology {
        ServeTopology::Loopback if system.needs_xdp() => {
            let message =
                format!("{system} needs XDP, which loopback has not: use --topology veth");
            return Err(BadInput(message).into());
        }
        ServeTopology::Loopback => None,
        ServeTopology::Veth | ServeTopology::Nic => {
            doctor::need_privilege()?;
            let path = args.lock.clone().unwrap_or_else(MachineLock::default_path);
            let held = MachineLock::try_acquire(&path, "experiment serve");
            Some(held.map_err(|error| HostCannot(error.to_string()))?)
        }
    };
    let mut lab = match args.topology {
        ServeTopology::Veth => {
            let receivers = [server_receiver(system, io), Receiver::Kernel];
            Lab::of(&topology::veth(queues, MTU, &placement, receivers), None)?
        }
        ServeTopology::Loopback | ServeTopology::Nic => Lab::none(),
    };
    let mut server = Agent::<Request, Answer>::start("server", lab.server_host())?;
    server.ask(
        &Request::Load(Box::new(Deployment::Ours(Box::new(config.clone())))),
        PATIENCE,
    )?;
    server.ask(&Request::Attach(None), PATIENCE)?;
    if let Some(cpus) = lab.pin()? {
        server.ask(&Request::NapiCpus(cpus), PATIENCE)?;
    }
    server.ask(&Request::Preload, PATIENCE)?;
    server.ask(&Request::Serve, PATIENCE)?;
    let name = lab.client_host().map(NamedClient::new).transpose()?;
    announce(args, &config, name.as_ref());
    while interrupt::check().is_ok() {
        server.alive()?;
        std::thread::sleep(Duration::from_millis(100));
    }
    eprintln!("stopping");
    drop(name);
    Err(Interrupted.into())
}

fn system(args: &ServeArgs) -> Result<(SystemKind, Design, IoKind)> {
    let kind = SystemKind::ALL
        .into_iter()
        .find(|kind| kind.name() == args.system);
    let names: Vec<&str> = SystemKind::ALL
        .into_iter()
        .filter(|kind| is_servable(*kind))
        .map(SystemKind::name)
        .collect();
    let unknown = || {
        let names = names.join(", ");
        BadInput(format!(
            "--system {}: there is no such system to serve; choose from {names}",
            args.system
        ))
    };
    let kind = kind.filter(|kind| is_servable(*kind)).ok_or_else(unknown)?;
    let chosen = match &args.io {
        None => kind.ios()[0],
        Some(name) => {
            let found = kind.ios().iter().find(|io| io.name() == name);
            *found.ok_or_else(|| {
                BadInput(format!(
                    "--io {name}: {} cannot: {}",
                    kind.name(),
                    kind.io_reason()
                ))
            })?
        }
    };
    let (design, io) = design(kind).zip(io(chosen)).ok_or_else(unknown)?;
    Ok((kind, design, io))
}

/// Whether clients of any kind are served: `synthetic` answers those of its own experiments only.
fn is_servable(kind: SystemKind) -> bool {
    design(kind).is_some() && !kind.is_virtual() && !kind.ios().contains(&spec::Io::Memory)
}

fn queues_of(interface: Option<&str>) -> Result<u16> {
    let device =
        interface.ok_or_else(|| BadInput("--topology nic needs --interface DEV".to_owned()))?;
    let channels = sys::ethtool::channels(device)
        .map_err(|error| HostCannot(format!("{device}: its queues cannot be read: {error}")))?;
    Ok(u16::try_from(channels.combined.max(channels.rx).max(1))?)
}

fn placement(args: &ServeArgs, system: SystemKind, queues: u16) -> Result<Placement> {
    let demand = Demand {
        owners: usize::from(args.cores),
        spinning: system.default_wakeup() == Some(Wakeup::Spin),
        dispatcher: system.has_dispatcher(),
        queues: usize::from(queues),
        clients: 0,
        server_cpus: None,
        client_cpus: None,
    };
    place(&demand, &doctor::usable_cpus()?)
        .map_err(|refusal| HostCannot(refusal.to_string()).into())
}

fn config(
    args: &ServeArgs,
    (system, design): (SystemKind, Design),
    io: IoKind,
    queues: u16,
    placement: &Placement,
) -> Result<ServerConfig> {
    let memory: Bytes = args
        .memory
        .parse()
        .map_err(|error| BadInput(format!("--memory: {error}")))?;
    let (interface, addresses): (Option<String>, Vec<IpAddr>) = match args.topology {
        ServeTopology::Loopback => (None, vec![Ipv4Addr::LOCALHOST.into()]),
        ServeTopology::Veth => (Some(SERVER.device.to_owned()), vec![SERVER.v4.into()]),
        ServeTopology::Nic => (args.interface.clone(), vec![Ipv4Addr::UNSPECIFIED.into()]),
    };
    let clusters = if system.has_clusters() {
        let by_cache = Clusters::Sharing(Domain::Llc);
        let topology = doctor::machine()?.topology;
        clusters::count(by_cache, &placement.owners, &topology)
            .map_err(|refusal| HostCannot(refusal.to_string()))?
    } else {
        1
    };
    Ok(ServerConfig {
        cache: None,
        responses: None,
        regions: None,
        dispatcher: dispatcher(None, placement),
        secret: None,
        rpc: None,
        system: design,
        io,
        wakeup: waking(system.default_wakeup()),
        engine: design.engines()[0],
        cores: placement.owners.clone(),
        interface,
        queues: u32::from(queues),
        addresses,
        port: args.port,
        tcp: io == IoKind::Udp,
        memory_bytes: memory.0,
        preload: None,
        service: None,
        servers: 1,
        clusters,
        large_owners: 1,
        slot_loads: false,
        flow_hash: FlowHash::default(),
        multi_key: MultiKey::default(),
        backlog: 0,
        xdp: XdpOptions::default(),
        hot_keys: 0,
    })
}

/// Prints what is served and, last, the line that scripts wait for.
fn announce(args: &ServeArgs, config: &ServerConfig, client: Option<&NamedClient>) {
    let address = config.addresses[0];
    let transports = if config.tcp { "UDP and TCP" } else { "UDP" };
    let io = match config.io {
        IoKind::Udp => "kernel sockets",
        IoKind::AfXdp => "AF_XDP",
        IoKind::Memory => "shared memory",
    };
    println!("{} over {io}, {transports}", args.system);
    if let Some(client) = client {
        println!("a client in the other namespace:");
        println!(
            "    ip netns exec {} memcaslap -s {address}:{} -U -T 1 -c 32 -t 3s",
            client.name, args.port
        );
    }
    println!("ready {address}:{}", args.port);
}

/// A name for the client's namespace, so that people can run their clients there; journalled, since
/// it would outlive a killed process.
struct NamedClient {
    name: String,
    journal: Option<Journal>,
}

impl NamedClient {
    fn new(host: u32) -> Result<Self> {
        let name = format!("steerbench-client-{}", std::process::id());
        let mut journal = Journal::open(&Journal::default_folder())?;
        journal.record(&Change::NamespaceName { name: name.clone() })?;
        netns::bind_name(&Namespace::of_pid(host)?, &name)
            .with_context(|| format!("naming the client's namespace {name}"))?;
        Ok(Self {
            name,
            journal: Some(journal),
        })
    }
}

impl Drop for NamedClient {
    fn drop(&mut self) {
        let removed = netns::remove_name(&self.name).map_err(|error| anyhow!(error));
        let cleared = removed.and_then(|()| match self.journal.take() {
            Some(journal) => Ok(journal.clear()?),
            None => bail!("the journal was cleared before"),
        });
        if let Err(error) = cleared {
            tracing::warn!("{error:#}; `experiment clean` will undo it");
        }
    }
}
