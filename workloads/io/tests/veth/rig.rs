//! A server and a client namespace with a veth pair between them, and the XDP programs on it.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::RangeInclusive;
use std::time::{Duration, Instant};

use loader::{
    Attached, Pass, Receive, Reflect, ServerPorts, Steer, SteerConfig, SteerOptions, TxQueue,
    TxQueueConfig,
};
use pktio::af_xdp::{Mesh, MeshConfig};
use pktio::client::{ClientConfig, ClientPort, Flow, Protocol, Station};
use steering::Policy;
use sys::link::{self, LinkStatistics, MacAddress, Peer, VethSpec};
use sys::netns::Namespace;

pub(crate) const PORT: u16 = 11_211;

pub(crate) const SERVER: Station = Station {
    mac: [2, 0x53, 0x42, 0, 0, 1],
    v4: Ipv4Addr::new(198, 18, 0, 1),
    v6: Ipv6Addr::new(0xfd53, 0x42, 0, 0, 0, 0, 0, 1),
};
pub(crate) const CLIENT: Station = Station {
    mac: [2, 0x53, 0x42, 0, 0, 2],
    v4: Ipv4Addr::new(198, 18, 0, 2),
    v6: Ipv6Addr::new(0xfd53, 0x42, 0, 0, 0, 0, 0, 2),
};

pub(crate) const SERVER_DEVICE: &str = "server0";
pub(crate) const CLIENT_DEVICE: &str = "client0";

/// The pair; both namespaces disappear with it.
pub(crate) struct Rig {
    pub(crate) server: Namespace,
    pub(crate) client: Namespace,
    pub(crate) queues: u16,
}

/// A rig, or `None` after saying why not.
pub(crate) fn rig(queues: u16) -> Option<Rig> {
    or_skip(build(queues))
}

/// What was built, or `None` after saying why not.
pub(crate) fn or_skip<T>(built: io::Result<T>) -> Option<T> {
    match built {
        Ok(rig) => Some(rig),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            let required = std::env::var("STEERBENCH_REQUIRE_ALL_TIERS").is_ok_and(|v| v == "1");
            assert!(!required, "all tiers are required: {error}");
            eprintln!("SKIPPED: network namespaces need root: {error}");
            None
        }
        Err(error) => panic!("{error}"),
    }
}

fn build(queues: u16) -> io::Result<Rig> {
    let (server, client) = (Namespace::create()?, Namespace::create()?);
    server.run(|| {
        link::create_veth(&VethSpec {
            name: SERVER_DEVICE,
            peer: CLIENT_DEVICE,
            queues: u32::from(queues),
            mtu: 1500,
            mac: MacAddress(SERVER.mac),
            peer_mac: MacAddress(CLIENT.mac),
            peer_namespace: Peer::In(&client),
        })?;
        configure(SERVER_DEVICE, &SERVER, &CLIENT)
    })??;
    client.run(|| configure(CLIENT_DEVICE, &CLIENT, &SERVER))??;
    Ok(Rig {
        server,
        client,
        queues,
    })
}

pub(crate) fn configure(device: &str, own: &Station, other: &Station) -> io::Result<()> {
    link::set_up(device)?;
    for (address, prefix) in [(IpAddr::V4(own.v4), 24), (IpAddr::V6(own.v6), 64)] {
        link::add_address(device, address, prefix)?;
    }
    for address in [IpAddr::V4(other.v4), IpAddr::V6(other.v6)] {
        link::add_neighbour(device, address, MacAddress(other.mac))?;
    }
    Ok(())
}

/// The server's end with the steering program; the owner is the port's distance from [`PORT`].
pub(crate) struct Steered {
    pub(crate) mesh: Mesh,
    pub(crate) steer: Steer,
    _attached: Attached,
}

/// The same with every socket in the program's map.
fn registered(mut steered: Steered) -> Steered {
    for (queue, owner, socket) in steered.mesh.sockets() {
        steered
            .steer
            .register(u32::from(queue), u32::from(owner), socket)
            .unwrap();
    }
    steered
}

impl Rig {
    pub(crate) fn mesh_config(&self, owners: u16) -> MeshConfig {
        let index = self
            .server
            .run(|| link::ifindex(SERVER_DEVICE))
            .unwrap()
            .unwrap();
        MeshConfig::new(index, self.queues, owners, PORT..=PORT + owners - 1)
    }

    pub(crate) fn steered(&self, config: &MeshConfig) -> Steered {
        registered(self.unregistered(config))
    }

    /// As [`steered`](Self::steered), with no socket in the program's map.
    pub(crate) fn unregistered(&self, config: &MeshConfig) -> Steered {
        self.programmed(config, Policy::Port, &SteerOptions::default())
    }

    /// As [`steered`](Self::steered), by another policy and with what the program does beside it.
    pub(crate) fn steered_by(
        &self,
        config: &MeshConfig,
        policy: Policy,
        options: &SteerOptions,
    ) -> Steered {
        registered(self.programmed(config, policy, options))
    }

    fn programmed(&self, config: &MeshConfig, policy: Policy, options: &SteerOptions) -> Steered {
        self.server
            .run(|| {
                let mesh = Mesh::open(config).unwrap();
                let steering = SteerConfig {
                    policy,
                    queues: u32::from(config.queues),
                    owners: u32::from(config.owners),
                    members: u32::from(config.owners),
                    server_port: PORT,
                    ports: config.owners,
                    hot_keys: 0,
                };
                let mut steer = Steer::load_with(&steering, options).unwrap();
                let attached = steer.attach(config.ifindex).unwrap();
                Steered {
                    mesh,
                    steer,
                    _attached: attached,
                }
            })
            .unwrap()
    }

    /// Attaches a program that passes everything to the server's end, which switches NAPI on.
    pub(crate) fn pass(&self) -> (Pass, Attached) {
        self.server
            .run(|| {
                let mut pass = Pass::load().unwrap();
                let index = link::ifindex(SERVER_DEVICE).unwrap();
                let attached = pass.attach(index).unwrap();
                (pass, attached)
            })
            .unwrap()
    }

    /// Attaches a program that sends every request back from the server's end.
    pub(crate) fn reflect(&self) -> (Reflect, Attached) {
        self.server
            .run(|| {
                let mut reflect = Reflect::load(ServerPorts::new(PORT, 1)).unwrap();
                let index = link::ifindex(SERVER_DEVICE).unwrap();
                let attached = reflect.attach(index).unwrap();
                (reflect, attached)
            })
            .unwrap()
    }

    /// Attaches the program to the client's egress that puts datagrams to `base + q` on queue q.
    pub(crate) fn queue_by_port(&self, base: u16) -> (TxQueue, Attached) {
        self.client
            .run(|| {
                let queues = self.queues;
                let mut program = TxQueue::load(&TxQueueConfig::Port { base, queues }).unwrap();
                let attached = program.attach_clsact_egress(CLIENT_DEVICE).unwrap();
                (program, attached)
            })
            .unwrap()
    }

    pub(crate) fn client(&self, ports: RangeInclusive<u16>) -> Client {
        client_on(
            &self.client,
            CLIENT_DEVICE,
            self.queues,
            (CLIENT, SERVER),
            ports,
        )
    }

    pub(crate) fn server_link(&self) -> LinkStatistics {
        self.server
            .run(|| link::statistics(SERVER_DEVICE))
            .unwrap()
            .unwrap()
    }

    pub(crate) fn client_link(&self) -> LinkStatistics {
        self.client
            .run(|| link::statistics(CLIENT_DEVICE))
            .unwrap()
            .unwrap()
    }

    /// A counter of veth's own, summed over the server's receive queues (`ethtool -S`).
    pub(crate) fn server_veth(&self, suffix: &str) -> u64 {
        let statistics = self.server.run(|| sys::ethtool::statistics(SERVER_DEVICE));
        sys::ethtool::sum_matching(&statistics.unwrap().unwrap(), "rx_queue_", suffix)
    }
}

/// The client's end with its receive program.
pub(crate) struct Client {
    pub(crate) port: ClientPort,
    _receive: Receive,
    _attached: Attached,
}

/// Opens a client on a device; what comes from `ports` is its.
pub(crate) fn client_on(
    space: &Namespace,
    device: &str,
    queues: u16,
    (own, other): (Station, Station),
    ports: RangeInclusive<u16>,
) -> Client {
    space
        .run(|| {
            let index = link::ifindex(device).unwrap();
            let of_other = ports.clone().into();
            let config = ClientConfig::new(index, queues, own, other, ports);
            let port = ClientPort::open(&config).unwrap();
            let mut receive = Receive::load(u32::from(queues), of_other).unwrap();
            for queue in 0..queues {
                receive
                    .register(u32::from(queue), port.socket(queue))
                    .unwrap();
            }
            let attached = receive.attach(index).unwrap();
            Client {
                port,
                _receive: receive,
                _attached: attached,
            }
        })
        .unwrap()
}

impl Client {
    /// Sends `count` requests to one (queue, port), with the request's number as payload.
    pub(crate) fn flood(&mut self, queue: u16, port: u16, count: u64) {
        let flow = Flow {
            protocol: Protocol::V4,
            source_port: 40_000,
            server_port: port,
        };
        let lane = &mut self.port.queues[usize::from(queue)];
        let mut next = 0_u64;
        while next < count {
            while next < count && lane.push(flow, &next.to_be_bytes()) {
                next += 1;
            }
            lane.send().unwrap();
        }
        self.finish(queue);
    }

    /// Sends what still waits, until the far end has taken all of it.
    pub(crate) fn finish(&mut self, queue: u16) {
        let patience = Instant::now() + Duration::from_secs(10);
        let lane = &mut self.port.queues[usize::from(queue)];
        while lane.send().unwrap() > 0 || lane.in_flight() > 0 {
            assert!(
                Instant::now() < patience,
                "the far end did not take the requests"
            );
            std::thread::yield_now();
        }
    }
}
