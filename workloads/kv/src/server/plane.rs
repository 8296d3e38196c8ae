//! The packet side of a server: kernel sockets, or the XDP program with its mesh of sockets.

use std::net::{IpAddr, SocketAddr};

use loader::{Attached, Steer, SteerConfig};
use pktio::af_xdp::{Mesh, MeshConfig, MeshIo, Obtained as Granted, XskProbe};
use pktio::drops::Drops;
use pktio::udp::{Sharding, UdpConfig, UdpGroup, UdpIo, UdpProbe};
use steering::PartitionTable;
use steering::Policy;
use steering::table::Table;

use super::backlog;
use super::cache::Cache;
use super::config::ServerConfig;
use super::dispatcher::Steerer;
use super::memory::Memory;
use super::placing::{self, Placing};
use super::snapshot::{DropLine, ServerCounters};
use super::{Obtained, ServerError, ThreadInfo};
use crate::systems::{FlowHash, MultiKey, Steering};

/// See the [module](self).
#[derive(Debug)]
pub(crate) enum Plane {
    /// Kernel UDP sockets.
    Sockets(Sockets),
    /// AF_XDP sockets behind an XDP program.
    Rings(Box<Rings>),
    /// Regions of memory.
    Memory(Memory),
}

/// Kernel UDP sockets, seen from the control thread.
#[derive(Debug)]
pub(crate) struct Sockets {
    probe: UdpProbe,
    ports: Vec<u16>,
    placing: Placing,
}

/// An XDP program and its mesh, seen from the control thread.
pub(crate) struct Rings {
    probe: XskProbe,
    granted: Granted,
    chunk: u64,
    offload: bool,
    ifindex: u32,
    ports: Vec<u16>,
    // The link goes before the program and its maps.
    attached: Option<Attached>,
    steer: Steer,
}

impl Sockets {
    /// Opens the sockets; returns each owner's I/O beside them.
    ///
    /// # Errors
    /// When an address cannot be bound, or a program is refused.
    pub(crate) fn open(config: &ServerConfig) -> Result<(Self, Vec<UdpIo>), ServerError> {
        config.xdp.check(false)?;
        let sharding = if config.system.client_addresses_partition() {
            Sharding::PerPort
        } else if config.sockets_by_queue() {
            Sharding::RxQueue
        } else {
            placing::sharding(config.system.placement())
        };
        let owners = owners(config)?;
        let mut udp = UdpConfig::new(config.addresses.clone(), config.port, owners, sharding);
        backlog::check(config.backlog, backlog::packet_bytes(config.backlog))?;
        udp.in_flight = (config.backlog > 0).then_some(backlog::IN_FLIGHT_BYTES);
        udp.receive_buffer = udp
            .receive_buffer
            .max(backlog::socket_bytes(config.backlog));
        let mut group = UdpGroup::open(&udp).map_err(ServerError::io("UDP sockets"))?;
        let ports = group.ports().to_vec();
        Ok((
            Self {
                probe: group.probe(),
                ports,
                placing: Placing::open(config, &group)?,
            },
            group.take_ios(),
        ))
    }

    /// Where TCP is to listen.
    pub(crate) fn tcp_addresses(&self, config: &ServerConfig) -> Vec<SocketAddr> {
        let port = self.ports.first().copied().unwrap_or(config.port);
        config
            .addresses
            .iter()
            .map(|address| SocketAddr::new(*address, port))
            .collect()
    }
}

impl Rings {
    /// Loads the program, opens the mesh and registers its sockets; returns each owner's I/O beside
    /// it.
    ///
    /// # Errors
    /// When the program is refused, or the kernel does not give the sockets.
    pub(crate) fn open(
        config: &ServerConfig,
        steering: Steering,
    ) -> Result<(Self, Vec<MeshIo>), ServerError> {
        let Some(interface) = &config.interface else {
            return Err(ServerError::Config(
                "io: af_xdp needs an interface".to_owned(),
            ));
        };
        let link = sys::link::get(interface).map_err(|error| ServerError::Io {
            what: format!("the interface {interface}"),
            source: std::io::Error::other(error),
        })?;
        config.xdp.check(matches!(steering, Steering::Key))?;
        let owners = owners(config)?;
        let threads = u16::try_from(config.packet_threads()).map_err(|_| too_many_owners())?;
        let queues = u16::try_from(config.queues)
            .map_err(|_| ServerError::Config("more than 65535 queues".to_owned()))?;
        let all = config.owners();
        // Whom the program may give frames to: all owners, or the one thread that steers for them.
        let targets = match config.dispatcher.map(|thread| thread.steering) {
            Some(Steerer::Software) => owners..threads,
            Some(Steerer::Xdp) | None => 0..owners,
        };
        let (policy, ports, members) = match steering {
            Steering::Key if targets.start > 0 => (Policy::Rss, 1, 1),
            Steering::Queue => (Policy::Rss, 1, config.receivers()),
            Steering::Port => (Policy::Port, owners, all),
            Steering::Key => (key_policy(config), 1, all),
            Steering::Cluster => (Policy::Cluster, 1, config.members()),
            Steering::Flow => match config.flow_hash {
                FlowHash::Toeplitz => (Policy::FlowToeplitz, 1, all),
                FlowHash::Mix => (Policy::FlowMix, 1, all),
            },
        };
        let program = SteerConfig {
            policy,
            queues: config.queues,
            owners: u32::from(targets.end - targets.start),
            members,
            server_port: config.port,
            ports,
            hot_keys: config.hot_keys,
        };
        let mut steer = Steer::load_with(&program, &config.xdp.of_program())?;
        let last = config.port + (ports - 1);
        let mut mesh = MeshConfig::new(link.index, queues, threads, config.port..=last);
        mesh.backlog = config.backlog;
        mesh.notes = config.xdp.hash_reuse.is_some();
        mesh.chunk = config.xdp.chunk();
        mesh.multi_buffer = config.xdp.multi_buffer;
        backlog::check(config.backlog, mesh.packet_bytes())?;
        let mut mesh =
            Mesh::open(&mesh).map_err(ServerError::io(format!("AF_XDP sockets on {interface}")))?;
        for (queue, owner, socket) in mesh.sockets() {
            if targets.contains(&owner) {
                steer.register(u32::from(queue), u32::from(owner - targets.start), socket)?;
            }
        }
        let ios = mesh.take_ios();
        let rings = Self {
            probe: mesh.probe(),
            granted: mesh.obtained(),
            chunk: config.xdp.chunk() as u64,
            offload: config.xdp.offload,
            ifindex: link.index,
            ports: (config.port..=last).collect(),
            attached: None,
            steer,
        };
        Ok((rings, ios))
    }
}

impl std::fmt::Debug for Rings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rings")
            .field("ifindex", &self.ifindex)
            .field("ports", &self.ports)
            .field("attached", &self.attached.is_some())
            .finish_non_exhaustive()
    }
}

impl Plane {
    /// Lets packets in, through a cache in front of the program if there is one on this device.
    ///
    /// # Errors
    /// When the driver has no native XDP, or the device runs no program that is to run there.
    pub(crate) fn attach(&mut self, cache: Option<&Cache>) -> Result<(), ServerError> {
        match self {
            Self::Memory(_) => Ok(()),
            Self::Sockets(sockets) => sockets.placing.attach(),
            Self::Rings(rings) => {
                if rings.attached.is_none() {
                    let before = |cache: &Cache| cache.attach_before(&rings.steer, rings.ifindex);
                    rings.attached = Some(match cache.map(before).transpose()?.flatten() {
                        Some(in_front) => in_front,
                        None if rings.offload => rings.steer.attach_offloaded(rings.ifindex)?,
                        None => rings.steer.attach(rings.ifindex)?,
                    });
                }
                Ok(())
            }
        }
    }

    /// Keeps packets out.
    pub(crate) fn detach(&mut self) {
        match self {
            Self::Sockets(sockets) => sockets.placing.detach(),
            Self::Rings(rings) => rings.attached = None,
            Self::Memory(_) => {}
        }
    }

    /// Copies one slot of user space's table to the kernel's.
    ///
    /// # Errors
    /// When the map cannot be written.
    pub(crate) fn copy_slot(
        &mut self,
        table: &PartitionTable,
        slot: u16,
    ) -> Result<(), ServerError> {
        match table.entry(slot) {
            Some(entry) => self.set_slot(slot, entry).map(drop),
            None => Ok(()),
        }
    }

    /// Writes one slot of the kernel's table; false where it has none.
    ///
    /// # Errors
    /// When the map cannot be written.
    pub(crate) fn set_slot(&mut self, slot: u16, entry: u64) -> Result<bool, ServerError> {
        match self {
            Self::Sockets(sockets) => sockets.placing.set_slot(slot, entry),
            Self::Rings(rings) => {
                rings.steer.set_slot(slot, entry)?;
                Ok(true)
            }
            Self::Memory(_) => Ok(false),
        }
    }

    /// The kernel's threads that run the network stack for the owners.
    ///
    /// # Errors
    /// When they cannot be found.
    pub(crate) fn kernel_threads(&self) -> Result<Vec<ThreadInfo>, ServerError> {
        match self {
            Self::Sockets(sockets) => sockets.placing.kernel_threads(),
            Self::Rings(_) | Self::Memory(_) => Ok(Vec::new()),
        }
    }

    /// The XDP program.
    pub(crate) fn steer_mut(&mut self) -> Option<&mut Steer> {
        match self {
            Self::Sockets(_) | Self::Memory(_) => None,
            Self::Rings(rings) => Some(&mut rings.steer),
        }
    }

    /// Adds what kernel and XDP program counted.
    ///
    /// # Errors
    /// When a counter cannot be read: a ledger must not be closed on a guess.
    pub(crate) fn add_counters(&self, counters: &mut ServerCounters) -> Result<(), ServerError> {
        match self {
            Self::Sockets(sockets) => {
                let drops = sockets
                    .probe
                    .drops()
                    .map_err(ServerError::io("UDP drop counters"))?;
                add_drops(counters, &drops);
                sockets.placing.add_counters(counters)?;
            }
            Self::Memory(_) => {}
            Self::Rings(rings) => {
                let drops = rings
                    .probe
                    .drops()
                    .map_err(ServerError::io("AF_XDP statistics"))?;
                add_drops(counters, &drops);
                let steer = rings.steer.counters()?;
                for (reason, count) in steer.drops {
                    counters.drops.push(DropLine {
                        name: format!("xdp_{}", reason.name()),
                        requests: count,
                        source: format!("xdp: {}", reason.name()),
                    });
                }
                counters.drops.push(DropLine {
                    name: "xdp_no_socket".to_owned(),
                    requests: steer.redirect_failed,
                    source: "xdp: redirect_failed".to_owned(),
                });
                counters
                    .related
                    .push(("xdp_passed".to_owned(), steer.passed));
                let io = counters.io_total();
                let wasted = (io.chunks * rings.chunk).saturating_sub(io.frame_bytes);
                for (name, count) in [
                    ("umem_chunks", io.chunks),
                    ("umem_bytes_used", io.frame_bytes),
                    ("umem_bytes_wasted", wasted),
                ] {
                    counters.related.push((name.to_owned(), count));
                }
                for (owner, count) in steer.redirected.iter().enumerate() {
                    counters
                        .related
                        .push((format!("xdp_redirected_{owner}"), *count));
                }
            }
        }
        Ok(())
    }

    /// What the machine gave.
    pub(crate) fn obtained(&self, config: &ServerConfig) -> Obtained {
        let udp = |port: &u16| {
            let address = |ip: &IpAddr| format!("udp {}", SocketAddr::new(*ip, *port));
            config.addresses.iter().map(address).collect::<Vec<_>>()
        };
        match self {
            Self::Sockets(sockets) => {
                let mut ports = sockets.ports.clone();
                ports.dedup();
                let mut listening: Vec<_> = ports.iter().flat_map(udp).collect();
                if config.tcp {
                    let tcp = sockets.tcp_addresses(config);
                    listening.extend(tcp.iter().map(|address| format!("tcp {address}")));
                }
                Obtained {
                    io: "udp".to_owned(),
                    program: sockets.placing.program(),
                    listening,
                    queues_known: config.queue_of(0).is_some() || sockets.placing.sees_cpus(),
                    pages: None,
                    steering_cost: None,
                }
            }
            Self::Memory(memory) => memory.obtained(),
            Self::Rings(rings) => Obtained {
                io: format!("af_xdp {}", rings.granted.name()),
                program: rings
                    .steer
                    .provenance()
                    .ok()
                    .map(|program| format!("{} tag {:016x}", program.name, program.tag)),
                listening: rings.ports.iter().flat_map(udp).collect(),
                queues_known: true,
                pages: None,
                steering_cost: rings.steer.burn().map(|burn| burn.to_string()),
            },
        }
    }
}

fn add_drops(counters: &mut ServerCounters, drops: &Drops) {
    for (drop, count) in drops.iter() {
        counters.drops.push(DropLine {
            name: drop.name().to_owned(),
            requests: count,
            source: format!("kernel: {}", drop.name()),
        });
    }
    let related = drops.related;
    counters
        .related
        .push(("fill_ring_empty".to_owned(), related.fill_ring_empty));
    counters
        .related
        .push(("rx_invalid_descriptors".to_owned(), related.rx_invalid));
    counters
        .related
        .push(("tx_invalid_descriptors".to_owned(), related.tx_invalid));
}

/// What names the owner of a request, where its key does in memcached's.
fn key_policy(config: &ServerConfig) -> Policy {
    match (config.secret.is_some(), config.rpc) {
        (true, _) => Policy::Token,
        (false, Some(_)) if config.multi_key == MultiKey::Balanced => Policy::ScansInTurn,
        (false, Some(by)) => by.policy(),
        (false, None) => Policy::Key,
    }
}

fn owners(config: &ServerConfig) -> Result<u16, ServerError> {
    u16::try_from(config.owners()).map_err(|_| too_many_owners())
}

fn too_many_owners() -> ServerError {
    ServerError::Config("more than 65535 owners".to_owned())
}
